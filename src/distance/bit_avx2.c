/*
 * bit_avx2.c
 *		The bit kernels for AVX2: 32 bytes a register.
 *
 * The vocabulary of bit_kernels_simd.h. AVX2 has no instruction that counts bits; the counts of
 * nibbles are looked up by a byte shuffle (Mula, Kurz, Lemire, "Faster Population Counts Using AVX2
 * Instructions", 2018, section 3.2), and those of eight bytes at a time added by SAD. A tail is loaded by masks as far as it has groups of
 * four bytes; the bytes behind them are put into the lane that follows.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#include "bit_kernels.h"

#define SIMD_NAME	 "avx2"
#define SIMD_KERNELS bit_kernels_avx2
#define SIMD_TARGET	 __attribute__((target("avx2")))
#define VOCABULARY	 SIMD_TARGET static inline __attribute__((always_inline))

#define BITS_BYTES 32

typedef __m256i Bits;
typedef __m256i BitCounts; /* four sums of 64 bits */

VOCABULARY Bits
bits_load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

VOCABULARY Bits
bits_load_tail(const uint8_t *p, size_t n)
{
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	const __m256i whole = _mm256_set1_epi32((int) (n / 4));
	__m256i bits = _mm256_maskload_epi32((const int *) p, _mm256_cmpgt_epi32(whole, lanes));
	__m256i rest = _mm256_set1_epi32((int) load_word_tail(p + n / 4 * 4, n % 4));

	return _mm256_or_si256(bits, _mm256_and_si256(_mm256_cmpeq_epi32(lanes, whole), rest));
}

VOCABULARY Bits
bits_and(Bits a, Bits b)
{
	return _mm256_and_si256(a, b);
}

VOCABULARY Bits
bits_or(Bits a, Bits b)
{
	return _mm256_or_si256(a, b);
}

VOCABULARY Bits
bits_xor(Bits a, Bits b)
{
	return _mm256_xor_si256(a, b);
}

VOCABULARY BitCounts
counts_zero(void)
{
	return _mm256_setzero_si256();
}

VOCABULARY BitCounts
counts_add(BitCounts counts, Bits bits)
{
	const __m256i nibble_counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
												   0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i nibble_mask = _mm256_set1_epi8(0x0f);
	__m256i low = _mm256_and_si256(bits, nibble_mask);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble_mask);
	__m256i byte_counts = _mm256_add_epi8(_mm256_shuffle_epi8(nibble_counts, low),
										  _mm256_shuffle_epi8(nibble_counts, high));

	return _mm256_add_epi64(counts, _mm256_sad_epu8(byte_counts, _mm256_setzero_si256()));
}

VOCABULARY BitCounts
counts_join(BitCounts a, BitCounts b)
{
	return _mm256_add_epi64(a, b);
}

VOCABULARY uint64_t
counts_sum(BitCounts counts)
{
	__m128i pair =
		_mm_add_epi64(_mm256_castsi256_si128(counts), _mm256_extracti128_si256(counts, 1));

	return (uint64_t) _mm_cvtsi128_si64(pair) + (uint64_t) _mm_extract_epi64(pair, 1);
}

#include "bit_kernels_simd.h"

#else
typedef int bit_avx2_not_for_this_architecture;
#endif
