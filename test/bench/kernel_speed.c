/*
 * kernel_speed.c
 *		Nanoseconds per distance of every set of kernels that this machine can run.
 *
 *		cc -std=gnu11 -O3 -Iinclude test/bench/kernel_speed.c src/distance/[a-z]*.c \
 *			src/quantizer/[a-z]*.c -lm -o /tmp/kernel_speed && /tmp/kernel_speed [megabytes] [set]
 *
 * Batches of 32, as of one hop in a graph, in two states: the same 32 vectors again and again (in
 * the cache: what the arithmetic costs), and 32 random ones of an array of so many megabytes
 * (default 1024: what the memory costs), in 4 kB pages, or in huge ones with KERNEL_SPEED_HUGE set.
 * A block of 32 RaBitQ codes counts as 32 distances; behind the distances is what encoding takes, of a
 * vector, and preparing a query.
 * Not a test: nothing is checked, and the figures depend on the machine.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "distance/distance.h"
#include "quantizer/quantizer.h"
#include "quantizer/rabitq.h"

#define BATCH 32

static volatile float sink;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t
random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A batch of distances from a query, which is whatever the function makes of it. */
typedef void (*BatchFunction)(const void *query, const void *const *vectors, uint32_t count,
							  uint32_t dimensions, float *distances);

static void
distances_of_codes(const void *query, const void *const *vectors, uint32_t count,
				   uint32_t dimensions, float *distances)
{
	(void) dimensions;
	((const QuantizerQuery *) query)->routine->distances(query, vectors, count, distances);
}

/* One block in place of the whole batch. */
static void
distances_of_block(const void *query, const void *const *vectors, uint32_t count,
				   uint32_t dimensions, float *distances)
{
	float lower_bounds[RABITQ_BLOCK];

	(void) count;
	(void) dimensions;
	rabitq_block_distances(query, vectors[0], 1.0f, distances, lower_bounds);
	sink = lower_bounds[0];
}

static DistanceMetric half_metric;

static void
distances_of_halfs(const void *query, const void *const *vectors, uint32_t count,
				   uint32_t dimensions, float *distances)
{
	half_distance_batch_function(half_metric)(query, vectors, count, dimensions, distances);
}

/* The best of several rounds; random ids are drawn outside of the time that is measured. */
static double
measure(BatchFunction function, const void *query, uint32_t dimensions, const char *array,
		size_t slots, size_t slot_size)
{
	enum
	{
		HOPS = 200
	};
	static const void *pointers[HOPS][BATCH];
	float distances[BATCH];
	double best = 1e30;

	for (int round = 0; round < 25; round++)
	{
		double start;

		for (int hop = 0; hop < HOPS; hop++)
			for (int i = 0; i < BATCH; i++)
				pointers[hop][i] =
					array + (slots > BATCH ? random_next() % slots : (size_t) i) * slot_size;
		start = now_ns();
		for (int hop = 0; hop < HOPS; hop++)
		{
			function(query, pointers[hop], BATCH, dimensions, distances);
			sink = distances[0];
		}
		start = (now_ns() - start) / HOPS / BATCH;
		if (start < best)
			best = start;
	}
	return best;
}

static void
report(const char *set, const char *code, DistanceMetric metric, uint32_t dimensions,
	   BatchFunction function, const void *query, const char *array, size_t bytes, size_t slot_size)
{
	static const char *const metric_names[] = {"l2", "ip", "cosine", "l1"};

	printf("%-8s %-8s %-7s %6u %12.1f %12.1f\n", set, code, metric_names[metric], dimensions,
		   measure(function, query, dimensions, array, BATCH, slot_size),
		   measure(function, query, dimensions, array, bytes / slot_size, slot_size));
	fflush(stdout);
}

/* Every form of vectors of so many dimensions. */
static void
report_all(const DistanceKernels *set, DistanceMetric metric, uint32_t dimensions,
		   const char *array, size_t bytes)
{
	float *vector = malloc(rabitq_rotated_dimensions(dimensions) * sizeof(float));
	Half *halfs = malloc(dimensions * sizeof(Half));

	memset(vector, 0, rabitq_rotated_dimensions(dimensions) * sizeof(float));
	for (uint32_t i = 0; i < dimensions; i++)
		vector[i] = (float) (random_next() % 1000) / 1000.0f;
	for (int kind = QUANTIZER_NONE; kind <= QUANTIZER_RABITQ_8; kind++)
	{
		const QuantizerRoutine *routine = quantizer_routine((QuantizerKind) kind);
		QuantizerQuery *query = malloc(routine->query_size(dimensions));
		char name[20];

		if (metric == DISTANCE_L1 && !routine->supports_l1)
			continue;
		snprintf(name, sizeof(name), quantizer_is_rabitq(routine->kind) ? "%s/%u" : "%s",
				 routine->name, routine->bits);
		routine->prepare_query(NULL, metric, vector, dimensions, query);
		report(set->name, name, metric, dimensions, distances_of_codes, query, array, bytes,
			   routine->code_size(dimensions));
		free(query);
	}
	for (uint32_t bits = 1; bits <= 8 && metric != DISTANCE_L1; bits *= 2)
	{
		void *query = malloc(rabitq_block_query_size(dimensions));
		char name[20];

		snprintf(name, sizeof(name), "block/%u", bits);
		rabitq_block_prepare(metric, dimensions, bits, vector, query);
		report(set->name, name, metric, dimensions, distances_of_block, query, array, bytes,
			   rabitq_block_size(dimensions, bits));
		free(query);
	}
	set->halfs_from_floats(vector, halfs, dimensions);
	half_metric = metric;
	report(set->name, "half", metric, dimensions, distances_of_halfs, halfs, array, bytes,
		   dimensions * sizeof(Half));
	free(halfs);
	free(vector);
}

/* What RaBitQ codes cost to make, the best of several rounds. */
static void
report_encoding(const char *set, uint32_t dimensions)
{
	size_t floats = rabitq_rotated_dimensions(dimensions) * sizeof(float);
	float *vector = malloc(floats);
	float *center = malloc(floats);
	float *rotated = malloc(floats);
	void *query = malloc(rabitq_block_query_size(dimensions));

	memset(vector, 0, floats);
	for (uint32_t i = 0; i < dimensions; i++)
		vector[i] = (float) (random_next() % 1000) / 1000.0f;
	rabitq_rotate(dimensions, vector, center);
	for (uint32_t bits = 1; bits <= 8; bits *= 2)
	{
		void *block = calloc(1, rabitq_block_size(dimensions, bits));
		double best[3] = {1e30, 1e30, 1e30};

		for (int round = 0; round < 25; round++)
		{
			double times[4];

			times[0] = now_ns();
			for (int i = 0; i < 40; i++)
				rabitq_rotate(dimensions, vector, rotated);
			times[1] = now_ns();
			for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
				rabitq_block_put(DISTANCE_L2, dimensions, bits, center, vector, block, lane);
			times[2] = now_ns();
			rabitq_block_prepare(DISTANCE_L2, dimensions, bits, rotated, query);
			times[3] = now_ns();
			for (int i = 0; i < 3; i++)
			{
				double time = (times[i + 1] - times[i]) / (i == 0 ? 40 : i == 1 ? 32 : 1);

				best[i] = time < best[i] ? time : best[i];
			}
		}
		printf("%-8s rabitq/%u %6u: rotation %.0f ns, encoding into a block %.0f, query %.0f\n",
			   set, bits, dimensions, best[0], best[1], best[2]);
		free(block);
	}
	free(query);
	free(rotated);
	free(center);
	free(vector);
}

/* The set of RaBitQ kernels of that name, the scalar one where there is none. */
static const RabitqKernels *
rabitq_set(const char *name)
{
	uint32_t count;
	const RabitqKernels *const *sets = rabitq_kernels_available(&count);

	for (uint32_t s = 0; s < count; s++)
	{
		if (strcmp(sets[s]->name, name) == 0)
			return sets[s];
	}
	return sets[0];
}

int
main(int argc, char **argv)
{
	static const uint32_t lengths[] = {100, 128, 768, 1536};
	static const DistanceMetric metrics[] = {DISTANCE_L2, DISTANCE_INNER_PRODUCT, DISTANCE_L1};
	size_t bytes = (size_t) (argc > 1 ? atoi(argv[1]) : 1024) << 20;
	uint32_t sets_count;
	const DistanceKernels *const *sets = distance_kernels_available(&sets_count);
	char *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (array == MAP_FAILED)
	{
		perror("mmap");
		return 1;
	}
	if (getenv("KERNEL_SPEED_HUGE") != NULL)
		madvise(array, bytes, MADV_HUGEPAGE);
	else
		madvise(array, bytes, MADV_NOHUGEPAGE);
	/* Small values whatever the bytes are read as: no denormals, no NaN. */
	memset(array, 0x3f, bytes);

	printf("%-8s %-8s %-7s %6s %12s %12s\n", "set", "code", "metric", "dims", "cached ns",
		   "random ns");
	for (uint32_t s = 0; s < sets_count; s++)
	{
		if (argc > 2 && strcmp(argv[2], sets[s]->name) != 0)
			continue;
		distance_kernels = sets[s];
		rabitq_kernels = rabitq_set(sets[s]->name);
		for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++)
			for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
				report_all(sets[s], metrics[m], lengths[l], array, bytes);
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
			report_encoding(sets[s]->name, lengths[l]);
	}
	return 0;
}
