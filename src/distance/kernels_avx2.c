/*
 * kernels_avx2.c
 *		The kernels for AVX2 with fused multiply-add and F16C: 8 floats a register (x86-64 since
 *		2013).
 *
 * The vocabulary of kernels_simd.h. AVX2 can't load a part of a register of bytes: the tail of a
 * code's values is taken from the 8 or 16 bytes that end with it, which the header in front always
 * makes valid, and moved to the first lanes. Nothing stands in front of a vector of halfs, whose
 * tail is put together from pieces.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#define SIMD_NAME			"avx2"
#define SIMD_KERNELS		distance_kernels_avx2
#define SIMD_TARGET			__attribute__((target("avx2,fma,f16c")))
#define SIMD_LANES			8
#define SIMD_TILE_ROWS		6
#define SIMD_TILE_REGISTERS 2
#define VOCABULARY			SIMD_TARGET static inline __attribute__((always_inline))

typedef __m256 Simd;

VOCABULARY Simd
simd_zero(void)
{
	return _mm256_setzero_ps();
}

VOCABULARY Simd
simd_broadcast(float x)
{
	return _mm256_set1_ps(x);
}

/* All bits set in the first n of the 8 lanes. */
VOCABULARY __m256i
first_lanes(uint32_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n),
							  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

VOCABULARY Simd
simd_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

VOCABULARY Simd
simd_load_tail(const float *p, uint32_t n)
{
	return _mm256_maskload_ps(p, first_lanes(n));
}

VOCABULARY Simd
simd_load_values(const uint8_t *p)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *) p);

	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

VOCABULARY Simd
simd_load_values_tail(const uint8_t *p, uint32_t n)
{
	uint64_t bytes;

	memcpy(&bytes, p + n - 8, sizeof(bytes));
	bytes >>= 8 * (8 - n);
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long) bytes)));
}

VOCABULARY Simd
simd_load_halfs(const Half *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
}

VOCABULARY Simd
simd_load_halfs_tail(const Half *p, uint32_t n)
{
	uint64_t first = 0;
	uint64_t second;

	if (n < 4)
		return _mm256_cvtph_ps(_mm_cvtsi64_si128((long long) load_halfs_below_four(p, n)));
	memcpy(&first, p, sizeof(first));
	second = load_halfs_below_four(p + 4, n - 4);
	return _mm256_cvtph_ps(_mm_set_epi64x((long long) second, (long long) first));
}

VOCABULARY void
simd_store(float *p, Simd v)
{
	_mm256_storeu_ps(p, v);
}

VOCABULARY void
simd_store_halfs(Half *p, Simd v)
{
	_mm_storeu_si128((__m128i *) p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

VOCABULARY Simd
simd_keep(Simd v, uint32_t n)
{
	return _mm256_and_ps(v, _mm256_castsi256_ps(first_lanes(n)));
}

VOCABULARY bool
simd_any_less(Simd a, Simd b)
{
	return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) != 0;
}

VOCABULARY Simd
simd_add(Simd a, Simd b)
{
	return _mm256_add_ps(a, b);
}

VOCABULARY Simd
simd_subtract(Simd a, Simd b)
{
	return _mm256_sub_ps(a, b);
}

VOCABULARY Simd
simd_absolute(Simd v)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

VOCABULARY Simd
simd_multiply_add(Simd a, Simd b, Simd c)
{
	return _mm256_fmadd_ps(a, b, c);
}

VOCABULARY float
simd_sum(Simd v)
{
	__m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	half = _mm_add_ps(half, _mm_movehl_ps(half, half));
	half = _mm_add_ss(half, _mm_movehdup_ps(half));
	return _mm_cvtss_f32(half);
}

VOCABULARY void
simd_sum4(const Simd v[4], float *sums)
{
	__m256 pairs01 = _mm256_hadd_ps(v[0], v[1]);
	__m256 pairs23 = _mm256_hadd_ps(v[2], v[3]);
	__m256 quads = _mm256_hadd_ps(pairs01, pairs23);

	_mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(quads), _mm256_extractf128_ps(quads, 1)));
}

#define SIMD_WORDS 16

typedef __m256i SimdWords;
typedef __m256i SimdDot;

VOCABULARY SimdWords
simd_words_load(const int16_t *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

VOCABULARY SimdWords
simd_words_values(const uint8_t *p)
{
	return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) p));
}

VOCABULARY SimdWords
simd_words_values_tail(const uint8_t *p, uint32_t n)
{
	/* Lane i takes byte 16 - n + i; beyond 15 (of which only the low four bits count) anything. */
	__m128i from = _mm_add_epi8(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
								_mm_set1_epi8((char) (16 - n)));

	return _mm256_cvtepu8_epi16(
		_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) (p + n - 16)), from));
}

VOCABULARY SimdDot
simd_dot_zero(void)
{
	return _mm256_setzero_si256();
}

VOCABULARY SimdDot
simd_dot_add(SimdDot sum, SimdWords a, SimdWords b)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

VOCABULARY int32_t
simd_dot_sum(SimdDot v)
{
	__m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(1, 0, 3, 2)));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm_cvtsi128_si32(half);
}

VOCABULARY void
simd_dot_sum4(const SimdDot v[4], int32_t *sums)
{
	__m256i pairs01 = _mm256_hadd_epi32(v[0], v[1]);
	__m256i pairs23 = _mm256_hadd_epi32(v[2], v[3]);
	__m256i quads = _mm256_hadd_epi32(pairs01, pairs23);

	_mm_storeu_si128((__m128i *) sums, _mm_add_epi32(_mm256_castsi256_si128(quads),
													 _mm256_extracti128_si256(quads, 1)));
}

#include "kernels_simd.h"

#else
typedef int kernels_avx2_not_for_this_architecture;
#endif
