/*
 * bench_client.c
 *		Loads vectors, computes exact neighbors, and measures searches, for test/bench and test/demo.
 *
 * A program of its own because the client must not be what is measured: statements are prepared,
 * vectors and results travel in binary, and every query is timed by itself around one round trip.
 *
 *	bench_client load CONNINFO VECTORS TABLE FIRST COUNT
 *		COPY rows (id, vector), ids are row numbers of the file; COUNT 0 means to its end
 *	bench_client truth VECTORS COUNT QUERIES METRIC K OUT.ivecs
 *		the K nearest of the first COUNT vectors (0 for all) to each query, by brute force
 *	bench_client search CONNINFO SETUP_SQL QUERY_SQL QUERIES TRUTH.ivecs K WARMUP PASSES
 *		runs QUERY_SQL ($1: the query, the first column of the result: int4 ids) for every query;
 *		WARMUP passes first, then PASSES that are timed; prints one line of JSON
 *
 * Files: .fvecs (int32 dimension and that many float32 a row), .bvecs (the same with uint8), .ivecs
 * (the same with int32), little-endian.  METRIC is l2, ip or cos.  Any failure ends the program with
 * status 1 and a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
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

static int
search_main(char **arguments)
{
	VectorFile queries = vector_file_open(arguments[3]);
	VectorFile truth = vector_file_open(arguments[4]);
	int k = parse_number(arguments[5], 1);
	int warmup = parse_number(arguments[6], 0);
	int passes = parse_number(arguments[7], 1);
	size_t wire_size = vector_wire_size(queries.dimensions);
	float *vector = allocate((size_t) queries.dimensions * sizeof(float));
	char *wire = allocate((size_t) queries.rows * wire_size);
	double *latencies_us = allocate((size_t) queries.rows * (size_t) passes * sizeof(double));
	size_t timed = 0;
	double total_us = 0;
	long hits = 0;
	long rows = 0;
	PGconn *connection = server_connect(arguments[0]);
	PGresult *result;

	if (truth.rows < queries.rows || truth.dimensions < k)
		fail("\"%s\" holds too few neighbors", arguments[4]);
	for (int q = 0; q < queries.rows; q++)
	{
		vector_file_read(&queries, q, vector);
		put_vector(wire + (size_t) q * wire_size, vector, queries.dimensions);
	}

	result = PQexec(connection, arguments[1]);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		server_expect(connection, result, PGRES_COMMAND_OK);
	PQclear(result);
	result = PQprepare(connection, "search", arguments[2], 0, NULL);
	server_expect(connection, result, PGRES_COMMAND_OK);
	PQclear(result);

	for (int pass = -warmup; pass < passes; pass++)
		for (int q = 0; q < queries.rows; q++)
		{
			const char *value = wire + (size_t) q * wire_size;
			int length = (int) wire_size;
			int binary = 1;
			double start_us = now_us();

			result = PQexecPrepared(connection, "search", 1, &value, &length, &binary, 1);
			if (pass >= 0)
			{
				latencies_us[timed] = now_us() - start_us;
				total_us += latencies_us[timed++];
			}
			server_expect(connection, result, PGRES_TUPLES_OK);
			if (pass == 0)
			{
				hits += count_hits(result, vector_file_ids(&truth, q), k);
				rows += PQntuples(result);
			}
			PQclear(result);
		}
	PQfinish(connection);

	qsort(latencies_us, timed, sizeof(double), compare_doubles);
	printf(
		"{\"recall\": %.5f, \"qps\": %.2f, \"avg_us\": %.2f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
		"\"rows\": %.2f}\n",
		(double) hits / ((double) queries.rows * k), (double) timed / total_us * 1e6,
		total_us / (double) timed, latencies_us[timed / 2], latencies_us[timed * 99 / 100],
		(double) rows / queries.rows);
	free(vector);
	free(wire);
	free(latencies_us);
	return 0;
}

int
main(int count, char **arguments)
{
	if (count == 7 && strcmp(arguments[1], "load") == 0)
		return load_main(arguments + 2);
	if (count == 8 && strcmp(arguments[1], "truth") == 0)
		return truth_main(arguments + 2);
	if (count == 10 && strcmp(arguments[1], "search") == 0)
		return search_main(arguments + 2);
	fail("usage: load CONNINFO VECTORS TABLE FIRST COUNT | "
		 "truth VECTORS COUNT QUERIES METRIC K OUT | "
		 "search CONNINFO SETUP_SQL QUERY_SQL QUERIES TRUTH K WARMUP PASSES");
}
