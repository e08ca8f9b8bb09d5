/*
 * kernels.h
 *		What the sets of kernels share: their declarations and the prefetching of a batch.
 *
 * A batch is a set of vectors at unrelated places, so its time is that of its cache misses, unless
 * they overlap. Before the first distance, the first lines of (the first 32 of) all vectors are
 * asked for; the rest of a vector is left to the processor, which follows it once it is read.
 * Asking for 8 to 32 further lines of the next vectors while computing the present ones was no
 * faster at 128 and up to 15 % slower at 768 and 1536 dimensions (32 random vectors of 2 GB, EPYC
 * of family 25, see test/bench/kernel_speed.c); 1 to 8 first lines differ by less than 10 %.
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

#define PREFETCH_WINDOW 32 /* vectors whose first lines are asked for ahead of their use */

/* Ask for the first cache lines of the vectors [first, first + width) as far as there are so many. */
extern void prefetch_vectors(const void *const *vectors, uint32_t count, uint32_t first,
							 uint32_t width, size_t bytes);

/* n < 4 halfs as the low bits of a word, zeros above them; reads nothing behind them. */
static inline __attribute__((always_inline)) uint64_t
load_halfs_below_four(const Half *p, uint32_t n)
{
	uint64_t bits = 0;

	if (n >= 2)
	{
		uint32_t pair;

		memcpy(&pair, p, sizeof(pair));
		bits = pair;
	}
	if (n % 2 == 1)
		bits |= (uint64_t) p[n - 1] << 16 * (n - 1);
	return bits;
}

#endif /* VECTORSTORE_DISTANCE_KERNELS_H */
