/*
 * bit_avx512.c
 *		The bit kernels for AVX-512 with VPOPCNTDQ: 64 bytes a register, tails by masked loads.
 *
 * The vocabulary of bit_kernels_simd.h. Bytes that a mask leaves out are not read, so a masked load
 * doesn't touch a page behind the string.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define SIMD_NAME	 "avx512"
#define SIMD_KERNELS bit_kernels_avx512
#define SIMD_TARGET	 __attribute__((target("avx512f,avx512bw,avx512vpopcntdq")))
#define VOCABULARY	 SIMD_TARGET static inline __attribute__((always_inline))

#define BITS_BYTES 64

typedef __m512i Bits;
typedef __m512i BitCounts; /* eight sums of 64 bits */

VOCABULARY Bits
bits_load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

VOCABULARY Bits
bits_load_tail(const uint8_t *p, size_t n)
{
	return _mm512_maskz_loadu_epi8((__mmask64) ((UINT64_C(1) << n) - 1), p);
}

VOCABULARY Bits
bits_and(Bits a, Bits b)
{
	return _mm512_and_si512(a, b);
}

VOCABULARY Bits
bits_or(Bits a, Bits b)
{
	return _mm512_or_si512(a, b);
}

VOCABULARY Bits
bits_xor(Bits a, Bits b)
{
	return _mm512_xor_si512(a, b);
}

VOCABULARY BitCounts
counts_zero(void)
{
	return _mm512_setzero_si512();
}

VOCABULARY BitCounts
counts_add(BitCounts counts, Bits bits)
{
	return _mm512_add_epi64(counts, _mm512_popcnt_epi64(bits));
}

VOCABULARY BitCounts
counts_join(BitCounts a, BitCounts b)
{
	return _mm512_add_epi64(a, b);
}

VOCABULARY uint64_t
counts_sum(BitCounts counts)
{
	return (uint64_t) _mm512_reduce_add_epi64(counts);
}

#include "bit_kernels_simd.h"

#else
typedef int bit_avx512_not_for_this_architecture;
#endif
