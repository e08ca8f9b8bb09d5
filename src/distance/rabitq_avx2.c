/*
 * rabitq_avx2.c
 *		The RaBitQ kernels for AVX2 (x86-64 since 2013): 2 groups of a block, 32 bytes, a register.
 *
 * The vocabulary of rabitq_simd.h, rabitq_look_up.h and rabitq_dots.h.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "rabitq_sets.h"

#define SIMD_TARGET __attribute__((target("avx2,fma")))
#define SIMD_LANES	8
#define SIMD_GROUPS 2
#define SIMD_BYTES	32
#define VOCABULARY	SIMD_TARGET static inline __attribute__((always_inline))

typedef __m256 Floats;
typedef __m256i Bytes;
typedef __m256i Dot;

VOCABULARY Floats
floats_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

VOCABULARY void
floats_store(float *p, Floats v)
{
	_mm256_storeu_ps(p, v);
}

VOCABULARY Floats
floats_add(Floats a, Floats b)
{
	return _mm256_add_ps(a, b);
}

VOCABULARY Floats
floats_subtract(Floats a, Floats b)
{
	return _mm256_sub_ps(a, b);
}

VOCABULARY Floats
floats_transform(Floats v)
{
	Floats other = _mm256_permute_ps(v, 0xB1);

	v = _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), 0xAA);
	other = _mm256_permute_ps(v, 0x4E);
	v = _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), 0xCC);
	other = _mm256_permute2f128_ps(v, v, 0x01);
	return _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), 0xF0);
}

VOCABULARY Bytes
bytes_load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

VOCABULARY Bytes
bytes_zero(void)
{
	return _mm256_setzero_si256();
}

VOCABULARY Bytes
bytes_part(Bytes v, uint32_t bits, uint32_t shift)
{
	return _mm256_and_si256(_mm256_srli_epi16(v, (int) shift),
							_mm256_set1_epi8((char) ((1u << bits) - 1)));
}

VOCABULARY Bytes
bytes_low(Bytes v)
{
	return bytes_part(v, 4, 0);
}

VOCABULARY Bytes
bytes_high(Bytes v)
{
	return bytes_part(v, 4, 4);
}

VOCABULARY Bytes
bytes_look_up(Bytes table, Bytes v)
{
	return _mm256_shuffle_epi8(table, v);
}

VOCABULARY Bytes
words_add(Bytes a, Bytes b)
{
	return _mm256_add_epi16(a, b);
}

VOCABULARY Bytes
words_odd(Bytes v)
{
	return _mm256_srli_epi16(v, 8);
}

VOCABULARY Bytes
words_subtract_odd(Bytes v, Bytes odd)
{
	return _mm256_sub_epi16(v, _mm256_slli_epi16(odd, 8));
}

VOCABULARY void
words_store(uint16_t *p, Bytes v)
{
	_mm_storeu_si128((__m128i *) p,
					 _mm_add_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

VOCABULARY Bytes
bytes_mask(const uint8_t *p)
{
	const Bytes from = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2,
										2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
	const Bytes bit = _mm256_set1_epi64x((long long) 0x8040201008040201ULL);
	int32_t word;
	Bytes spread;

	memcpy(&word, p, sizeof(word));
	spread = _mm256_shuffle_epi8(_mm256_set1_epi32(word), from);
	return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

VOCABULARY Bytes
bytes_and(Bytes a, Bytes b)
{
	return _mm256_and_si256(a, b);
}

VOCABULARY Dot
dot_zero(void)
{
	return _mm256_setzero_si256();
}

VOCABULARY Dot
dot_add(Dot sum, Bytes elements, Bytes query)
{
	/* Two products of at most 15 * 127 fit 16 bits. */
	__m256i pairs = _mm256_maddubs_epi16(elements, query);

	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

VOCABULARY Dot
dot_add_signed(Dot sum, Bytes query)
{
	return dot_add(sum, _mm256_set1_epi8(1), query);
}

VOCABULARY int32_t
dot_sum(Dot v)
{
	__m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(1, 0, 3, 2)));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm_cvtsi128_si32(half);
}

#include "rabitq_simd.h"

#include "rabitq_coding_simd.h"
#include "rabitq_dots.h"
#include "rabitq_look_up.h"

SIMD_FUNCTION void
scale_with_signs(float *values, uint32_t count, uint64_t signs, float factor)
{
	const __m256i lanes = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
	const __m256 zero = _mm256_set1_ps(-0.0f);

	for (uint32_t i = 0; i < count; i += SIMD_LANES, signs >>= SIMD_LANES)
	{
		__m256i bits = _mm256_sllv_epi32(_mm256_set1_epi32((int) (uint32_t) signs), lanes);
		__m256 sign = _mm256_and_ps(_mm256_castsi256_ps(bits), zero);
		__m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(values + i), _mm256_set1_ps(factor));

		_mm256_storeu_ps(values + i, _mm256_xor_ps(scaled, sign));
	}
}

const RabitqKernels rabitq_kernels_avx2 = {
	.name = "avx2",
	.block_sums = block_sums,
	.block_distances = block_distances,
	.dots_1 = dots_1,
	.dots_2 = dots_2,
	.dots_4 = dots_4,
	.code_moments = code_moments,
	.code_trials = code_trials,
	.code_elements = code_elements,
	.fill_look_ups = fill_look_ups,
	.hadamard = hadamard,
	.scale_with_signs = scale_with_signs,
};

#else
typedef int rabitq_avx2_not_for_this_architecture;
#endif
