/*
 * bit_popcnt.c
 *		The bit kernels for x86-64 with POPCNT: words of 64 bits, no vector registers.
 *
 * The vocabulary of bit_kernels_simd.h, for processors and virtual machines without AVX2.
 */
#if defined(__x86_64__)

#include <stdint.h>

#include "bit_kernels.h"

#define SIMD_NAME	 "popcnt"
#define SIMD_KERNELS bit_kernels_popcnt
#define SIMD_TARGET	 __attribute__((target("popcnt")))
#define VOCABULARY	 SIMD_TARGET static inline __attribute__((always_inline))

#define BITS_BYTES 8

typedef uint64_t Bits;
typedef uint64_t BitCounts;

VOCABULARY Bits
bits_load(const uint8_t *p)
{
	return load_word(p);
}

VOCABULARY Bits
bits_load_tail(const uint8_t *p, size_t n)
{
	return load_word_tail(p, n);
}

VOCABULARY Bits
bits_and(Bits a, Bits b)
{
	return a & b;
}

VOCABULARY Bits
bits_or(Bits a, Bits b)
{
	return a | b;
}

VOCABULARY Bits
bits_xor(Bits a, Bits b)
{
	return a ^ b;
}

VOCABULARY BitCounts
counts_zero(void)
{
	return 0;
}

VOCABULARY BitCounts
counts_add(BitCounts counts, Bits bits)
{
	return counts + (BitCounts) __builtin_popcountll(bits);
}

VOCABULARY BitCounts
counts_join(BitCounts a, BitCounts b)
{
	return a + b;
}

VOCABULARY uint64_t
counts_sum(BitCounts counts)
{
	return counts;
}

#include "bit_kernels_simd.h"

#else
typedef int bit_popcnt_not_for_this_architecture;
#endif
