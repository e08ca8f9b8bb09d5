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

	printf("%-8s %-5s %-7s %6u %12.1f %12.1f\n", set, code, metric_names[metric], dimensions,
		   measure(function, query, dimensions, array, BATCH, slot_size),
		   measure(function, query, dimensions, array, bytes / slot_size, slot_size));
	fflush(stdout);
}

/* Every form of vectors of so many dimensions. */
static void
report_all(const DistanceKernels *set, DistanceMetric metric, uint32_t dimensions,
		   const char *array, size_t bytes)
{
	float *vector = malloc(dimensions * sizeof(float));
	Half *halfs = malloc(dimensions * sizeof(Half));

	for (uint32_t i = 0; i < dimensions; i++)
		vector[i] = (float) (random_next() % 1000) / 1000.0f;
	for (int kind = QUANTIZER_NONE; kind <= QUANTIZER_SQ8; kind++)
	{
		const QuantizerRoutine *routine = quantizer_routine((QuantizerKind) kind);
		QuantizerQuery *query = malloc(routine->query_size(dimensions));

		routine->prepare_query(NULL, metric, vector, dimensions, query);
		report(set->name, routine->name, metric, dimensions, distances_of_codes, query, array,
			   bytes, routine->code_size(dimensions));
		free(query);
	}
	set->halfs_from_floats(vector, halfs, dimensions);
	half_metric = metric;
	report(set->name, "half", metric, dimensions, distances_of_halfs, halfs, array, bytes,
		   dimensions * sizeof(Half));
	free(halfs);
	free(vector);
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

	printf("%-8s %-5s %-7s %6s %12s %12s\n", "set", "code", "metric", "dims", "cached ns",
		   "random ns");
	for (uint32_t s = 0; s < sets_count; s++)
	{
		if (argc > 2 && strcmp(argv[2], sets[s]->name) != 0)
			continue;
		distance_kernels = sets[s];
		for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++)
			for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
				report_all(sets[s], metrics[m], lengths[l], array, bytes);
	}
	return 0;
}
