/*
 * bit_scalar.c
 *		Distances of bit strings in plain C: what the bit kernels mean, and what machines without
 *		better ones run.
 *
 * Bits are counted eight bytes at a time by adding neighbors: pairs of bits, nibbles, bytes, and
 * then all bytes by one multiplication (Warren, Hacker's Delight, section 5-1).
 */
#include "bit_kernels.h"

static inline uint32_t
count_bits(uint64_t word)
{
	word -= (word >> 1) & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + ((word >> 2) & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t) ((word * UINT64_C(0x0101010101010101)) >> 56);
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	uint64_t different = 0;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t))
		different += count_bits(load_word(a + i) ^ load_word(b + i));
	for (; i < bytes; i++)
		different += count_bits(a[i] ^ b[i]);
	return different;
}

static double
jaccard(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	BitOverlap overlap = {0};
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t))
	{
		overlap.both += count_bits(load_word(a + i) & load_word(b + i));
		overlap.either += count_bits(load_word(a + i) | load_word(b + i));
	}
	for (; i < bytes; i++)
	{
		overlap.both += count_bits(a[i] & b[i]);
		overlap.either += count_bits(a[i] | b[i]);
	}
	return bit_overlap_distance(overlap);
}

static void
hamming_batch(const uint8_t *query, const void *const *vectors, uint32_t count, size_t bytes,
			  float *distances)
{
	BIT_BATCH(hamming);
}

static void
jaccard_batch(const uint8_t *query, const void *const *vectors, uint32_t count, size_t bytes,
			  float *distances)
{
	BIT_BATCH(jaccard);
}

const BitKernels bit_kernels_scalar = {
	.name = "scalar",
	.hamming = hamming,
	.jaccard = jaccard,
	.hamming_batch = hamming_batch,
	.jaccard_batch = jaccard_batch,
};
