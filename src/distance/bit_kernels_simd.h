/*
 * bit_kernels_simd.h
 *		The bit kernels for any instruction set that counts bits: one statement of the loops.
 *
 * A bit_*.c file defines the vocabulary below for its registers and includes this file, which then
 * defines the functions and the table SIMD_KERNELS. Nothing here depends on the width.
 *
 *	SIMD_NAME, SIMD_KERNELS		name of the set, name of its BitKernels
 *	SIMD_TARGET					attribute that lets a function use the instructions
 *	BITS_BYTES					bytes in a register
 *	Bits, BitCounts				a register of bits, a register of counts
 *	bits_load(p)  bits_load_tail(p, n)
 *								0 < n < BITS_BYTES bytes, zeros behind them, nothing read there
 *	bits_and  bits_or  bits_xor
 *	counts_zero()
 *	counts_add(counts, bits)	the counts, and those of the bits that are set
 *	counts_join(counts, counts)  counts_sum(counts)
 *								the counts of both, the sum of all
 */
#include "bit_kernels.h"

#define SIMD_FUNCTION SIMD_TARGET static
#define SIMD_INLINE	  SIMD_TARGET static inline __attribute__((always_inline))

SIMD_INLINE uint64_t
simd_hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	BitCounts even = counts_zero();
	BitCounts odd = counts_zero();
	size_t i = 0;

	for (; i + 2 * BITS_BYTES <= bytes; i += 2 * BITS_BYTES)
	{
		size_t next = i + BITS_BYTES;

		even = counts_add(even, bits_xor(bits_load(a + i), bits_load(b + i)));
		odd = counts_add(odd, bits_xor(bits_load(a + next), bits_load(b + next)));
	}
	if (i + BITS_BYTES <= bytes)
	{
		even = counts_add(even, bits_xor(bits_load(a + i), bits_load(b + i)));
		i += BITS_BYTES;
	}
	if (i < bytes)
	{
		size_t n = bytes - i;

		odd = counts_add(odd, bits_xor(bits_load_tail(a + i, n), bits_load_tail(b + i, n)));
	}
	return counts_sum(counts_join(even, odd));
}

SIMD_INLINE double
simd_jaccard(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	BitCounts both = counts_zero();
	BitCounts either = counts_zero();
	BitOverlap overlap;
	size_t i = 0;

	for (; i + BITS_BYTES <= bytes; i += BITS_BYTES)
	{
		Bits x = bits_load(a + i);
		Bits y = bits_load(b + i);

		both = counts_add(both, bits_and(x, y));
		either = counts_add(either, bits_or(x, y));
	}
	if (i < bytes)
	{
		Bits x = bits_load_tail(a + i, bytes - i);
		Bits y = bits_load_tail(b + i, bytes - i);

		both = counts_add(both, bits_and(x, y));
		either = counts_add(either, bits_or(x, y));
	}
	overlap.both = counts_sum(both);
	overlap.either = counts_sum(either);
	return bit_overlap_distance(overlap);
}

SIMD_FUNCTION uint64_t
hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	return simd_hamming(a, b, bytes);
}

SIMD_FUNCTION double
jaccard(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	return simd_jaccard(a, b, bytes);
}

SIMD_FUNCTION void
hamming_batch(const uint8_t *query, const void *const *vectors, uint32_t count, size_t bytes,
			  float *distances)
{
	BIT_BATCH(simd_hamming);
}

SIMD_FUNCTION void
jaccard_batch(const uint8_t *query, const void *const *vectors, uint32_t count, size_t bytes,
			  float *distances)
{
	BIT_BATCH(simd_jaccard);
}

const BitKernels SIMD_KERNELS = {
	.name = SIMD_NAME,
	.hamming = hamming,
	.jaccard = jaccard,
	.hamming_batch = hamming_batch,
	.jaccard_batch = jaccard_batch,
};
