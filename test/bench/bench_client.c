/*
 * bench_client.c
 *		Loads vectors, computes exact neighbors, and measures searches, for test/bench.
 *
 * A program of its own because the client must not be what is measured: statements are prepared, and
 * vectors and results travel in binary.  `search` has one query under way at a time and times it
 * around its round trip, with what the client, the socket and the scheduler take.  `throughput` keeps
 * DEPTH queries under way in each connection (libpq's pipeline mode, a sync after each, so that each is
 * a transaction of its own), so that no backend waits for its client.
 *
 *	bench_client load CONNINFO VECTORS TABLE FIRST COUNT
 *		COPY rows (id, vector), ids are row numbers of the file; COUNT 0 means to its end
 *	bench_client truth VECTORS COUNT QUERIES METRIC K OUT.ivecs
 *		the K nearest of the first COUNT vectors (0 for all) to each query, by brute force
 *	bench_client search CONNINFO SETUP_SQL QUERY_SQL QUERIES TRUTH.ivecs K WARMUP PASSES [LIMIT_S]
 *		runs QUERY_SQL ($1: the query, the first column of the result: int4 ids) for every query;
 *		WARMUP passes first, then PASSES that are timed; after LIMIT_S seconds a pass ends where it is
 *		(0, the default: it does not); prints one line of JSON.  The recall is that of the pass with
 *		most queries
 *	bench_client throughput CONNINFO SETUP_SQL QUERY_SQL QUERIES CONNECTIONS DEPTH SECONDS
 *		runs QUERY_SQL in so many connections at once for so long, after a warm-up of one pass or as
 *		long; prints one line of JSON; processor_us is what the backends took for a query (Linux)
 *
 * Files: .fvecs (int32 dimension and that many float32 a row), .bvecs (the same with uint8), .ivecs
 * (the same with int32), little-endian.  METRIC is l2, ip or cos.  Any failure ends the program with
 * status 1 and a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define MAX_DIMENSIONS 16000

typedef struct VectorFile
{
	const uint8_t *bytes;
	size_t element_size; /* 4, or 1 in .bvecs */
	size_t row_size;	 /* with the dimension in front */
	int dimensions;
	int rows;
} VectorFile;

static _Noreturn void
fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench_client: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static void *
allocate(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		fail("out of memory (%zu bytes)", size);
	return memory;
}

static int
parse_number(const char *text, int minimum)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < minimum || number > INT32_MAX)
		fail("not a number that is allowed here: \"%s\"", text);
	return (int) number;
}

static double
parse_seconds(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(number > 0 && number < 1e6))
		fail("not a time that is allowed here: \"%s\"", text);
	return number;
}

/* ---- files of vectors ---- */

static VectorFile
vector_file_open(const char *path)
{
	VectorFile file;
	const char *extension = strrchr(path, '.');
	struct stat status;
	int32_t dimensions;
	int descriptor = open(path, O_RDONLY);

	if (descriptor < 0 || fstat(descriptor, &status) != 0)
		fail("could not open \"%s\": %s", path, strerror(errno));
	if (status.st_size < (off_t) sizeof(int32_t))
		fail("\"%s\" is empty", path);
	file.bytes = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (file.bytes == MAP_FAILED)
		fail("could not map \"%s\": %s", path, strerror(errno));
	close(descriptor);

	memcpy(&dimensions, file.bytes, sizeof(dimensions));
	if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
		fail("\"%s\" has rows of %d elements", path, (int) dimensions);
	file.dimensions = dimensions;
	file.element_size = extension != NULL && strcmp(extension, ".bvecs") == 0 ? 1 : 4;
	file.row_size = sizeof(int32_t) + (size_t) dimensions * file.element_size;
	if ((size_t) status.st_size % file.row_size != 0 ||
		(size_t) status.st_size / file.row_size > INT32_MAX)
		fail("the size of \"%s\" is no multiple of its row size %zu", path, file.row_size);
	file.rows = (int) ((size_t) status.st_size / file.row_size);
	return file;
}

static void
vector_file_read(const VectorFile *file, int row, float *vector)
{
	const uint8_t *elements = file->bytes + (size_t) row * file->row_size + sizeof(int32_t);

	if (file->element_size == 4)
		memcpy(vector, elements, (size_t) file->dimensions * sizeof(float));
	else
		for (int i = 0; i < file->dimensions; i++)
			vector[i] = elements[i];
}

static const int32_t *
vector_file_ids(const VectorFile *file, int row)
{
	return (const int32_t *) (file->bytes + (size_t) row * file->row_size + sizeof(int32_t));
}

/* ---- PostgreSQL's binary formats ---- */

static char *
put_int16(char *to, uint16_t value)
{
	value = htons(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

static char *
put_int32(char *to, uint32_t value)
{
	value = htonl(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

/* Binary form of the type vector: dimensions, an unused field, the elements. */
static size_t
vector_wire_size(int dimensions)
{
	return 2 * sizeof(uint16_t) + (size_t) dimensions * sizeof(float);
}

static char *
put_vector(char *to, const float *vector, int dimensions)
{
	to = put_int16(to, (uint16_t) dimensions);
	to = put_int16(to, 0);
	for (int i = 0; i < dimensions; i++)
	{
		uint32_t bits;

		memcpy(&bits, &vector[i], sizeof(bits));
		to = put_int32(to, bits);
	}
	return to;
}

static PGconn *
server_connect(const char *conninfo)
{
	PGconn *connection = PQconnectdb(conninfo);

	if (PQstatus(connection) != CONNECTION_OK)
		fail("%s", PQerrorMessage(connection));
	return connection;
}

static void
server_expect(PGconn *connection, PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted)
		fail("%s", PQerrorMessage(connection));
}

/* ---- load ---- */

static int
load_main(char **arguments)
{
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
	VectorFile file = vector_file_open(arguments[1]);
	int first = parse_number(arguments[3], 0);
	int count = parse_number(arguments[4], 0);
	size_t vector_size = vector_wire_size(file.dimensions);
	size_t row_size = 2 + 4 + 4 + 4 + vector_size;
	float *vector = allocate((size_t) file.dimensions * sizeof(float));
	char *row = allocate(row_size);
	char command[256];
	PGconn *connection = server_connect(arguments[0]);
	PGresult *result;

	if (first > file.rows)
		fail("\"%s\" has %d rows only", arguments[1], file.rows);
	if (count == 0 || count > file.rows - first)
		count = file.rows - first;

	snprintf(command, sizeof(command), "COPY %s FROM STDIN (FORMAT binary)", arguments[2]);
	result = PQexec(connection, command);
	server_expect(connection, result, PGRES_COPY_IN);
	PQclear(result);
	if (PQputCopyData(connection, header, 19) != 1)
		fail("%s", PQerrorMessage(connection));
	for (int id = first; id < first + count; id++)
	{
		char *to = put_int16(row, 2);

		to = put_int32(to, 4);
		to = put_int32(to, (uint32_t) id);
		to = put_int32(to, (uint32_t) vector_size);
		vector_file_read(&file, id, vector);
		to = put_vector(to, vector, file.dimensions);
		if (PQputCopyData(connection, row, (int) (to - row)) != 1)
			fail("%s", PQerrorMessage(connection));
	}
	put_int16(row, 0xFFFF);
	if (PQputCopyData(connection, row, 2) != 1 || PQputCopyEnd(connection, NULL) != 1)
		fail("%s", PQerrorMessage(connection));
	result = PQgetResult(connection);
	server_expect(connection, result, PGRES_COMMAND_OK);
	PQclear(result);
	PQfinish(connection);
	free(vector);
	free(row);
	printf("%d\n", count);
	return 0;
}

/* ---- truth ---- */

typedef struct Neighbor
{
	float distance;
	int32_t id;
} Neighbor;

/* Sorted array of the best; ties go to the smaller id, which is the one that came first. */
static void
neighbors_offer(Neighbor *best, int *count, int k, float distance, int32_t id)
{
	int at;

	if (*count == k && distance >= best[k - 1].distance)
		return;
	at = *count < k ? (*count)++ : k - 1;
	for (; at > 0 && best[at - 1].distance > distance; at--)
		best[at] = best[at - 1];
	best[at].distance = distance;
	best[at].id = id;
}

/* Eight partial sums, so that the compiler may use vector registers without changing the result. */
static float
exact_distance(const float *a, const float *b, int dimensions, bool squared_difference)
{
	float sums[8] = {0};
	float sum = 0;
	int i = 0;

	for (; i + 8 <= dimensions; i += 8)
		for (int lane = 0; lane < 8; lane++)
		{
			float x = a[i + lane];
			float y = b[i + lane];

			sums[lane] += squared_difference ? (x - y) * (x - y) : -x * y;
		}
	for (; i < dimensions; i++)
		sum += squared_difference ? (a[i] - b[i]) * (a[i] - b[i]) : -a[i] * b[i];
	for (int lane = 0; lane < 8; lane++)
		sum += sums[lane];
	return sum;
}

static void
normalize(float *vector, int dimensions)
{
	double norm = 0;

	for (int i = 0; i < dimensions; i++)
		norm += (double) vector[i] * vector[i];
	norm = sqrt(norm);
	for (int i = 0; norm > 0 && i < dimensions; i++)
		vector[i] = (float) (vector[i] / norm);
}

static int
truth_main(char **arguments)
{
	VectorFile base = vector_file_open(arguments[0]);
	int count = parse_number(arguments[1], 0);
	VectorFile queries = vector_file_open(arguments[2]);
	const char *metric = arguments[3];
	int k = parse_number(arguments[4], 1);
	bool squared_difference = strcmp(metric, "l2") == 0;
	bool cosine = strcmp(metric, "cos") == 0;
	size_t dimensions = (size_t) base.dimensions;
	float *vector = allocate(dimensions * sizeof(float));
	float *query = allocate((size_t) queries.rows * dimensions * sizeof(float));
	Neighbor *best = allocate((size_t) queries.rows * (size_t) k * sizeof(Neighbor));
	int *found = allocate((size_t) queries.rows * sizeof(int));
	FILE *out;

	if (!squared_difference && !cosine && strcmp(metric, "ip") != 0)
		fail("unknown metric \"%s\"", metric);
	if (queries.dimensions != base.dimensions)
		fail("queries have %d dimensions, vectors %d", queries.dimensions, base.dimensions);
	if (count == 0 || count > base.rows)
		count = base.rows;
	if (k > count)
		fail("there are %d vectors only", count);

	for (int q = 0; q < queries.rows; q++)
	{
		vector_file_read(&queries, q, query + (size_t) q * dimensions);
		found[q] = 0;
	}
	for (int id = 0; id < count; id++)
	{
		vector_file_read(&base, id, vector);
		if (cosine)
			normalize(vector, base.dimensions);
		for (int q = 0; q < queries.rows; q++)
			neighbors_offer(best + (size_t) q * (size_t) k, &found[q], k,
							exact_distance(query + (size_t) q * dimensions, vector, base.dimensions,
										   squared_difference),
							id);
	}

	out = fopen(arguments[5], "wb");
	if (out == NULL)
		fail("could not create \"%s\": %s", arguments[5], strerror(errno));
	for (int q = 0; q < queries.rows; q++)
	{
		int32_t length = k;

		fwrite(&length, sizeof(length), 1, out);
		for (int i = 0; i < k; i++)
			fwrite(&best[(size_t) q * (size_t) k + (size_t) i].id, sizeof(int32_t), 1, out);
	}
	if (ferror(out) || fclose(out) != 0)
		fail("could not write \"%s\"", arguments[5]);
	free(vector);
	free(query);
	free(best);
	free(found);
	return 0;
}

/* ---- search ---- */

static double
now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec * 1e6 + (double) time.tv_nsec / 1e3;
}

static int
compare_doubles(const void *left, const void *right)
{
	double a = *(const double *) left;
	double b = *(const double *) right;

	return (a > b) - (a < b);
}

/* How many of the first k true neighbors the result has. */
static int
count_hits(const PGresult *result, const int32_t *truth, int k)
{
	int hits = 0;

	for (int row = 0; row < PQntuples(result) && row < k; row++)
	{
		uint32_t bits;
		int32_t id;

		if (PQgetlength(result, row, 0) != sizeof(bits))
			fail("the first column of the query is not of type integer");
		memcpy(&bits, PQgetvalue(result, row, 0), sizeof(bits));
		id = (int32_t) ntohl(bits);
		for (int i = 0; i < k; i++)
			if (truth[i] == id)
			{
				hits++;
				break;
			}
	}
	return hits;
}

/* The query vectors, each in the form in which it is sent. */
typedef struct WireQueries
{
	char *bytes;
	int size; /* of one */
	int count;
} WireQueries;

static WireQueries
wire_queries_read(const char *path)
{
	VectorFile file = vector_file_open(path);
	WireQueries queries;
	float *vector = allocate((size_t) file.dimensions * sizeof(float));

	queries.size = (int) vector_wire_size(file.dimensions);
	queries.count = file.rows;
	queries.bytes = allocate((size_t) file.rows * (size_t) queries.size);
	for (int q = 0; q < file.rows; q++)
	{
		vector_file_read(&file, q, vector);
		put_vector(queries.bytes + (size_t) q * (size_t) queries.size, vector, file.dimensions);
	}
	free(vector);
	return queries;
}

/* A connection with the settings made and the query prepared. */
static PGconn *
session_open(const char *conninfo, const char *setup, const char *query)
{
	PGconn *connection = server_connect(conninfo);
	PGresult *result = PQexec(connection, setup);

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_EMPTY_QUERY)
		server_expect(connection, result, PGRES_COMMAND_OK);
	PQclear(result);
	result = PQprepare(connection, "search", query, 0, NULL);
	server_expect(connection, result, PGRES_COMMAND_OK);
	PQclear(result);
	return connection;
}

static int
search_main(int count, char **arguments)
{
	WireQueries queries = wire_queries_read(arguments[3]);
	VectorFile truth = vector_file_open(arguments[4]);
	int k = parse_number(arguments[5], 1);
	int warmup = parse_number(arguments[6], 0);
	int passes = parse_number(arguments[7], 1);
	int limit_s = count > 8 ? parse_number(arguments[8], 0) : 0;
	double *latencies_us = allocate((size_t) queries.count * (size_t) passes * sizeof(double));
	size_t timed = 0;
	double total_us = 0;
	int most = 0; /* queries of the longest pass, and their hits and rows */
	long hits = 0;
	long rows = 0;
	PGconn *connection;

	if (truth.rows < queries.count || truth.dimensions < k)
		fail("\"%s\" holds too few neighbors", arguments[4]);
	connection = session_open(arguments[0], arguments[1], arguments[2]);
	for (int pass = -warmup; pass < passes; pass++)
	{
		double pass_start_us = now_us();
		long pass_hits = 0;
		long pass_rows = 0;
		int q;

		for (q = 0; q < queries.count; q++)
		{
			const char *value = queries.bytes + (size_t) q * (size_t) queries.size;
			int binary = 1;
			PGresult *result;
			double start_us = now_us();

			if (limit_s > 0 && start_us - pass_start_us > limit_s * 1e6)
				break;
			result = PQexecPrepared(connection, "search", 1, &value, &queries.size, &binary, 1);
			if (pass >= 0)
			{
				latencies_us[timed] = now_us() - start_us;
				total_us += latencies_us[timed++];
			}
			server_expect(connection, result, PGRES_TUPLES_OK);
			pass_hits += count_hits(result, vector_file_ids(&truth, q), k);
			pass_rows += PQntuples(result);
			PQclear(result);
		}
		if (q > most)
		{
			most = q;
			hits = pass_hits;
			rows = pass_rows;
		}
	}
	PQfinish(connection);

	printf("{\"recall\": %.5f, \"qps\": %.2f, \"avg_us\": %.2f, \"first_us\": %.2f, ",
		   (double) hits / ((double) most * k), (double) timed / total_us * 1e6,
		   total_us / (double) timed, latencies_us[0]);
	qsort(latencies_us, timed, sizeof(double), compare_doubles);
	printf("\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f, \"rows\": %.2f, "
		   "\"queries\": %zu, \"recall_queries\": %d}\n",
		   latencies_us[timed / 2], latencies_us[timed * 99 / 100], latencies_us[timed - 1],
		   (double) rows / most, timed, most);
	free(queries.bytes);
	free(latencies_us);
	return 0;
}

/* ---- throughput ---- */

typedef struct Throughput
{
	char **arguments; /* of the program: CONNINFO SETUP_SQL QUERY_SQL */
	WireQueries queries;
	int connections;
	int depth;
	double seconds;
	pthread_barrier_t warm; /* all connections have warmed up */
} Throughput;

typedef struct PipelineThread
{
	Throughput *run;
	pthread_t thread;
	int number;
	long completed; /* until the time was over */
	long rows;
	long received;			/* completed, and those that were under way then */
	double backend_time_us; /* processor time of the backend for them */
} PipelineThread;

/* Processor time of a process of this machine; 0 where the kernel does not tell. */
static double
processor_time_us(int pid)
{
	char path[64];
	double time_ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%lf", &time_ns) != 1)
		time_ns = 0;
	fclose(file);
	return time_ns / 1e3;
}

static void
pipeline_send(PGconn *connection, const WireQueries *queries, int query)
{
	const char *value = queries->bytes + (size_t) query * (size_t) queries->size;
	int binary = 1;

	if (PQsendQueryPrepared(connection, "search", 1, &value, &queries->size, &binary, 1) != 1 ||
		PQpipelineSync(connection) != 1)
		fail("%s", PQerrorMessage(connection));
}

/* Takes the answer to one query and to the sync behind it; returns its number of rows. */
static int
pipeline_receive(PGconn *connection)
{
	PGresult *result = PQgetResult(connection);
	int rows;

	server_expect(connection, result, PGRES_TUPLES_OK);
	rows = PQntuples(result);
	PQclear(result);
	result = PQgetResult(connection);
	if (result != NULL)
		fail("a query has two results");
	result = PQgetResult(connection);
	server_expect(connection, result, PGRES_PIPELINE_SYNC);
	PQclear(result);
	return rows;
}

/*
 * Runs queries, beginning with number `first` and going round, for so long or until `most` (0: any
 * number) have been sent; counts those that were answered in time.
 */
static void
pipeline_run(PGconn *connection, PipelineThread *thread, int first, int most)
{
	const Throughput *run = thread->run;
	double end_us = now_us() + run->seconds * 1e6;
	double before_us = processor_time_us(PQbackendPID(connection));
	long sent = 0;
	long received = 0;
	bool over = false;

	thread->completed = 0;
	thread->rows = 0;
	while (!over || received < sent)
	{
		int rows;

		for (; !over && sent - received < run->depth; sent++)
		{
			over = most > 0 && sent == most;
			if (over)
				break;
			pipeline_send(connection, &run->queries, (int) ((first + sent) % run->queries.count));
		}
		if (received == sent)
			break;
		rows = pipeline_receive(connection);
		received++;
		if (now_us() > end_us)
			over = true;
		else
		{
			thread->completed++;
			thread->rows += rows;
		}
	}
	thread->received = received;
	thread->backend_time_us = processor_time_us(PQbackendPID(connection)) - before_us;
}

static void *
pipeline_thread_main(void *argument)
{
	PipelineThread *thread = argument;
	Throughput *run = thread->run;
	int first = (int) ((long) run->queries.count * thread->number / run->connections);
	PGconn *connection = session_open(run->arguments[0], run->arguments[1], run->arguments[2]);

	if (PQenterPipelineMode(connection) != 1)
		fail("%s", PQerrorMessage(connection));
	pipeline_run(connection, thread, first, run->queries.count);
	pthread_barrier_wait(&run->warm);
	pipeline_run(connection, thread, first, 0);
	PQfinish(connection);
	return NULL;
}

static int
throughput_main(char **arguments)
{
	Throughput run = {.arguments = arguments};
	PipelineThread *threads;
	long completed = 0;
	long rows = 0;
	long received = 0;
	double backend_time_us = 0;

	run.queries = wire_queries_read(arguments[3]);
	run.connections = parse_number(arguments[4], 1);
	run.depth = parse_number(arguments[5], 1);
	run.seconds = parse_seconds(arguments[6]);
	threads = allocate((size_t) run.connections * sizeof(PipelineThread));
	pthread_barrier_init(&run.warm, NULL, (unsigned) run.connections);
	for (int i = 0; i < run.connections; i++)
	{
		threads[i] = (PipelineThread){.run = &run, .number = i};
		if (pthread_create(&threads[i].thread, NULL, pipeline_thread_main, &threads[i]) != 0)
			fail("could not start a thread");
	}
	for (int i = 0; i < run.connections; i++)
	{
		pthread_join(threads[i].thread, NULL);
		completed += threads[i].completed;
		rows += threads[i].rows;
		received += threads[i].received;
		backend_time_us += threads[i].backend_time_us;
	}
	if (completed == 0)
		fail("no query was answered within %s s", arguments[6]);
	printf("{\"qps\": %.2f, \"rows\": %.2f, \"queries\": %ld, \"processor_us\": %.2f}\n",
		   (double) completed / run.seconds, (double) rows / (double) completed, completed,
		   backend_time_us / (double) received);
	pthread_barrier_destroy(&run.warm);
	free(threads);
	free(run.queries.bytes);
	return 0;
}

int
main(int count, char **arguments)
{
	if (count == 7 && strcmp(arguments[1], "load") == 0)
		return load_main(arguments + 2);
	if (count == 8 && strcmp(arguments[1], "truth") == 0)
		return truth_main(arguments + 2);
	if ((count == 10 || count == 11) && strcmp(arguments[1], "search") == 0)
		return search_main(count - 2, arguments + 2);
	if (count == 9 && strcmp(arguments[1], "throughput") == 0)
		return throughput_main(arguments + 2);
	fail("usage: load CONNINFO VECTORS TABLE FIRST COUNT | "
		 "truth VECTORS COUNT QUERIES METRIC K OUT | "
		 "search CONNINFO SETUP_SQL QUERY_SQL QUERIES TRUTH K WARMUP PASSES [LIMIT_S] | "
		 "throughput CONNINFO SETUP_SQL QUERY_SQL QUERIES CONNECTIONS DEPTH SECONDS");
}
