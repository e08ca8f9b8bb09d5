/*
 * kernels_avx2.c
 *		The kernels for AVX2 with fused multiply-add: 8 floats a register (x86-64 since 2013).
 *
 * The vocabulary of kernels_simd.h. AVX2 can't load a part of a register of bytes; the tail of a
 * code is taken from the 8 bytes that end with it, which its header always provides, shifted so
 * that zeros follow.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define SIMD_NAME	 "avx2"
#define SIMD_KERNELS distance_kernels_avx2
#define SIMD_TARGET	 __attribute__((target("avx2,fma")))
#define SIMD_LANES	 8
#define VOCABULARY	 SIMD_TARGET static inline __attribute__((always_inline))

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
simd_load_codes(const uint8_t *p)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *) p);

	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

VOCABULARY Simd
simd_load_codes_tail(const uint8_t *p, uint32_t n)
{
	uint64_t bytes;

	memcpy(&bytes, p + n - 8, sizeof(bytes));
	bytes >>= 8 * (8 - n);
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long) bytes)));
}

VOCABULARY Simd
simd_keep(Simd v, uint32_t n)
{
	return _mm256_and_ps(v, _mm256_castsi256_ps(first_lanes(n)));
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

#include "kernels_simd.h"

#else
typedef int kernels_avx2_not_for_this_architecture;
#endif
