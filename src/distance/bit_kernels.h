/*
 * bit_kernels.h
 *		What the sets of bit kernels share: their declarations, and how counts become distances.
 */
#ifndef VECTORSTORE_BIT_KERNELS_H
#define VECTORSTORE_BIT_KERNELS_H

#include <string.h>

#include "distance/bit_distance.h"
#include "kernels.h"

extern const BitKernels bit_kernels_scalar;
#if defined(__x86_64__)
extern const BitKernels bit_kernels_popcnt;
extern const BitKernels bit_kernels_avx2;
extern const BitKernels bit_kernels_avx512;
#elif defined(__aarch64__)
extern const BitKernels bit_kernels_neon;
#endif

/* Bits set in both strings, and in at least one. */
typedef struct BitOverlap
{
	uint64_t both;
	uint64_t either;
} BitOverlap;

static inline double
bit_overlap_distance(BitOverlap overlap)
{
	if (overlap.both == 0)
		return 1.0;
	return 1.0 - (double) overlap.both / (double) overlap.either;
}

static inline uint64_t
load_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint32_t
load_half_word(const uint8_t *p)
{
	uint32_t half;

	memcpy(&half, p, sizeof(half));
	return half;
}

/*
 * n < 8 bytes with zeros in place of the others. Loads that overlap put the same bits in the same
 * places. Which byte comes first is of no concern, as long as all operands agree.
 */
static inline uint64_t
load_word_tail(const uint8_t *p, size_t n)
{
	if (n >= 4)
		return load_half_word(p) | (uint64_t) load_half_word(p + n - 4) << (8 * (n - 4));
	if (n > 0)
		return p[0] | (uint64_t) p[n / 2] << (8 * (n / 2)) | (uint64_t) p[n - 1] << (8 * (n - 1));
	return 0;
}

/* A batch by the function for one pair, which is inlined. */
#define BIT_BATCH(pair)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (bytes > 0)                                                                             \
			prefetch_vectors(vectors, count, 0, PREFETCH_WINDOW, bytes);                           \
		for (uint32_t i = 0; i < count; i++)                                                       \
		{                                                                                          \
			if (bytes > 0)                                                                         \
				prefetch_vectors(vectors, count, i + PREFETCH_WINDOW, 1, bytes);                   \
			distances[i] = (float) pair(query, (const uint8_t *) vectors[i], bytes);               \
		}                                                                                          \
	} while (0)

#endif /* VECTORSTORE_BIT_KERNELS_H */
