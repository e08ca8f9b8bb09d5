/*
 * kernels_avx512.c
 *		The kernels for AVX-512 (F, BW, DQ, VL): 16 floats a register, tails by masked loads.
 *
 * The vocabulary of kernels_simd.h. Lanes that a mask leaves out are not read, so a masked load
 * doesn't touch a page behind the vector.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels.h"

#define SIMD_NAME			"avx512"
#define SIMD_KERNELS		distance_kernels_avx512
#define SIMD_TARGET			__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define SIMD_LANES			16
#define SIMD_TILE_ROWS		8
#define SIMD_TILE_REGISTERS 2
#define VOCABULARY			SIMD_TARGET static inline __attribute__((always_inline))

typedef __m512 Simd;

VOCABULARY Simd
simd_zero(void)
{
	return _mm512_setzero_ps();
}

VOCABULARY Simd
simd_broadcast(float x)
{
	return _mm512_set1_ps(x);
}

VOCABULARY __mmask16
first_lanes(uint32_t n)
{
	return (__mmask16) ((1u << n) - 1);
}

VOCABULARY Simd
simd_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

VOCABULARY Simd
simd_load_tail(const float *p, uint32_t n)
{
	return _mm512_maskz_loadu_ps(first_lanes(n), p);
}

VOCABULARY Simd
simd_load_values(const uint8_t *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *) p);

	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

VOCABULARY Simd
simd_load_values_tail(const uint8_t *p, uint32_t n)
{
	__m128i bytes = _mm_maskz_loadu_epi8(first_lanes(n), p);

	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

VOCABULARY Simd
simd_load_halfs(const Half *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}

VOCABULARY Simd
simd_load_halfs_tail(const Half *p, uint32_t n)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}

VOCABULARY void
simd_store(float *p, Simd v)
{
	_mm512_storeu_ps(p, v);
}

VOCABULARY void
simd_store_halfs(Half *p, Simd v)
{
	_mm256_storeu_si256((__m256i *) p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

VOCABULARY Simd
simd_keep(Simd v, uint32_t n)
{
	return _mm512_maskz_mov_ps(first_lanes(n), v);
}

VOCABULARY bool
simd_any_less(Simd a, Simd b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) != 0;
}

VOCABULARY Simd
simd_add(Simd a, Simd b)
{
	return _mm512_add_ps(a, b);
}

VOCABULARY Simd
simd_subtract(Simd a, Simd b)
{
	return _mm512_sub_ps(a, b);
}

VOCABULARY Simd
simd_absolute(Simd v)
{
	return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), v);
}

VOCABULARY Simd
simd_multiply_add(Simd a, Simd b, Simd c)
{
	return _mm512_fmadd_ps(a, b, c);
}

/* The two halves added. */
VOCABULARY __m256
add_halves(Simd v)
{
	return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}

VOCABULARY float
simd_sum(Simd v)
{
	__m256 half = add_halves(v);
	__m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));

	quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
	quarter = _mm_add_ss(quarter, _mm_movehdup_ps(quarter));
	return _mm_cvtss_f32(quarter);
}

VOCABULARY void
simd_sum4(const Simd v[4], float *sums)
{
	__m256 pairs01 = _mm256_hadd_ps(add_halves(v[0]), add_halves(v[1]));
	__m256 pairs23 = _mm256_hadd_ps(add_halves(v[2]), add_halves(v[3]));
	__m256 quads = _mm256_hadd_ps(pairs01, pairs23);

	_mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(quads), _mm256_extractf128_ps(quads, 1)));
}

#define SIMD_WORDS 32

typedef __m512i SimdWords;
typedef __m512i SimdDot;

VOCABULARY SimdWords
simd_words_load(const int16_t *p)
{
	return _mm512_loadu_si512(p);
}

VOCABULARY SimdWords
simd_words_values(const uint8_t *p)
{
	return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *) p));
}

VOCABULARY SimdWords
simd_words_values_tail(const uint8_t *p, uint32_t n)
{
	return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8((__mmask32) ((1u << n) - 1), p));
}

VOCABULARY SimdDot
simd_dot_zero(void)
{
	return _mm512_setzero_si512();
}

VOCABULARY SimdDot
simd_dot_add(SimdDot sum, SimdWords a, SimdWords b)
{
	return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

/* The two halves added. */
VOCABULARY __m256i
add_dot_halves(SimdDot v)
{
	return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

VOCABULARY int32_t
simd_dot_sum(SimdDot v)
{
	return _mm512_reduce_add_epi32(v);
}

VOCABULARY void
simd_dot_sum4(const SimdDot v[4], int32_t *sums)
{
	__m256i pairs01 = _mm256_hadd_epi32(add_dot_halves(v[0]), add_dot_halves(v[1]));
	__m256i pairs23 = _mm256_hadd_epi32(add_dot_halves(v[2]), add_dot_halves(v[3]));
	__m256i quads = _mm256_hadd_epi32(pairs01, pairs23);

	_mm_storeu_si128((__m128i *) sums, _mm_add_epi32(_mm256_castsi256_si128(quads),
													 _mm256_extracti128_si256(quads, 1)));
}

static void sq8_code_dot_batch(const Sq8Code *query, const void *const *codes, uint32_t count,
							   uint32_t dimensions, int32_t *dots);
#define SIMD_CODE_DOT_BATCH sq8_code_dot_batch

#include "kernels_simd.h"

#define VNNI_FUNCTION                                                                              \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))) static
#define VNNI_BYTES 64

/*
 * The instruction multiplies unsigned bytes with signed ones, so the query's values are taken 128
 * less, and 128 times the sum of the code's values is added again.
 */
VNNI_FUNCTION void
sq8_code_vnni_dot_batch(const Sq8Code *query, const void *const *codes, uint32_t count,
						uint32_t dimensions, int32_t *dots)
{
	size_t bytes = sizeof(Sq8Code) + dimensions;
	uint32_t whole = dimensions - dimensions % VNNI_BYTES;
	__mmask64 tail = (UINT64_C(1) << (dimensions - whole)) - 1;
	__m512i middle = _mm512_set1_epi8((char) 0x80);
	uint32_t i = 0;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (; i < count; i += GROUP)
	{
		uint32_t width = count - i < GROUP ? count - i : GROUP;
		const Sq8Code *group[GROUP];
		__m512i dot[GROUP];
		int32_t sums[GROUP];

		if (i + PREFETCH_WINDOW < count)
			prefetch_vectors(codes, count, i + PREFETCH_WINDOW, GROUP, bytes);
#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			group[v] = (const Sq8Code *) codes[v < width ? i + v : i];
			dot[v] = _mm512_setzero_si512();
		}
		for (uint32_t j = 0; j < whole; j += VNNI_BYTES)
		{
			__m512i words = _mm512_xor_si512(_mm512_loadu_si512(query->values + j), middle);

#pragma GCC unroll 4
			for (uint32_t v = 0; v < GROUP; v++)
				dot[v] =
					_mm512_dpbusd_epi32(dot[v], _mm512_loadu_si512(group[v]->values + j), words);
		}
		if (tail != 0)
		{
			__m512i words =
				_mm512_xor_si512(_mm512_maskz_loadu_epi8(tail, query->values + whole), middle);

#pragma GCC unroll 4
			for (uint32_t v = 0; v < GROUP; v++)
				dot[v] = _mm512_dpbusd_epi32(
					dot[v], _mm512_maskz_loadu_epi8(tail, group[v]->values + whole), words);
		}
		simd_dot_sum4(dot, sums);
		for (uint32_t v = 0; v < width; v++)
			dots[i + v] = (int32_t) ((uint32_t) sums[v] + 128 * group[v]->value_sum);
	}
}

/* Most machines with AVX-512 have VNNI. */
static void
sq8_code_dot_batch(const Sq8Code *query, const void *const *codes, uint32_t count,
				   uint32_t dimensions, int32_t *dots)
{
	if (__builtin_cpu_supports("avx512vnni"))
		sq8_code_vnni_dot_batch(query, codes, count, dimensions, dots);
	else
		sq8_code_words_dot_batch(query, codes, count, dimensions, dots);
}

#else
typedef int kernels_avx512_not_for_this_architecture;
#endif
