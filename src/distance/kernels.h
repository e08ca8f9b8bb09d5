/*
 * kernels.h
 *		What the sets of kernels share: their declarations and the prefetching of a batch.
 *
 * A batch is a set of vectors at unrelated places, so its time is that of its cache misses, unless
 * they overlap. Before the first distance, the first lines of (nearly) all vectors are asked for;
 * the further lines are left to the processor's own prefetcher, which follows a vector once it is
 * read, and to batch_prefetch_next(), which asks for more of the next group while the present one
 * is computed. Measured with 32 random vectors of 4 GB (see test/bench/kernel_speed.c).
 */
#ifndef VECTORSTORE_DISTANCE_KERNELS_H
#define VECTORSTORE_DISTANCE_KERNELS_H

#include "distance/distance.h"

extern const DistanceKernels distance_kernels_scalar;
#if defined(__x86_64__)
extern const DistanceKernels distance_kernels_avx2;
extern const DistanceKernels distance_kernels_avx512;
#elif defined(__aarch64__)
extern const DistanceKernels distance_kernels_neon;
#endif

#ifndef CACHE_LINE
#define CACHE_LINE 64
#endif
#ifndef PREFETCH_WINDOW
#define PREFETCH_WINDOW 32 /* vectors ahead whose first lines are asked for */
#endif
#ifndef PREFETCH_FIRST_LINES
#define PREFETCH_FIRST_LINES 4
#endif
#ifndef PREFETCH_NEXT_LINES
#define PREFETCH_NEXT_LINES 16 /* lines asked for of a vector of the next group */
#endif

/* Ask for the cache lines [first, end) of a vector, as far as it has them. */
static inline __attribute__((always_inline)) void
prefetch_lines(const void *vector, size_t bytes, size_t first, size_t end)
{
	const char *address = (const char *) vector;

	for (size_t at = first * CACHE_LINE; at < bytes && at < end * CACHE_LINE; at += CACHE_LINE)
		__builtin_prefetch(address + at, 0, 3);
	/* A vector that starts inside a line ends in one line more. */
	if (bytes <= end * CACHE_LINE)
		__builtin_prefetch(address + bytes - 1, 0, 3);
}

/* Before the first distance of a batch. */
static inline __attribute__((always_inline)) void
batch_prefetch_first(const void *const *vectors, uint32_t count, size_t bytes)
{
	uint32_t window = count < PREFETCH_WINDOW ? count : PREFETCH_WINDOW;

	for (uint32_t i = 0; i < window; i++)
		prefetch_lines(vectors[i], bytes, 0, PREFETCH_FIRST_LINES);
}

/* Before the distances of the group of vectors [group, group + width). */
static inline __attribute__((always_inline)) void
batch_prefetch_next(const void *const *vectors, uint32_t count, uint32_t group, uint32_t width,
					size_t bytes)
{
	uint32_t ahead = group + PREFETCH_WINDOW;

	for (uint32_t i = ahead; i < ahead + width && i < count; i++)
		prefetch_lines(vectors[i], bytes, 0, PREFETCH_FIRST_LINES);

	if (bytes > PREFETCH_FIRST_LINES * CACHE_LINE)
	{
		uint32_t next = group + width;

		for (uint32_t i = next; i < next + width && i < count; i++)
			prefetch_lines(vectors[i], bytes, PREFETCH_FIRST_LINES, PREFETCH_NEXT_LINES);
	}
}

#endif /* VECTORSTORE_DISTANCE_KERNELS_H */
