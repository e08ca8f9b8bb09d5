/*
 * rabitq_avx512.c
 *		The RaBitQ kernels for AVX-512 with VBMI and VNNI (x86-64 since 2019 and 2022).
 *
 * A register has 4 groups of a block. Its bytes are put so that those of one code in 4 groups stand
 * together; a look-up by 6 bits (the group's number above the nibble) reads all four groups' tables
 * at once, and a dot product with ones adds the four results into a code's own 32-bit sum. So there
 * is nothing to widen and nothing to add across lanes.
 *
 * Single codes: bits of a 1-bit code are a mask of the query's bytes, elements of 2 and 4 bits are
 * bytes for a dot product.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "rabitq_sets.h"

#define SIMD_TARGET                                                                                \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")))
#define SIMD_LANES 16
#define VOCABULARY SIMD_TARGET static inline __attribute__((always_inline))

typedef __m512 Floats;

VOCABULARY Floats
floats_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

VOCABULARY void
floats_store(float *p, Floats v)
{
	_mm512_storeu_ps(p, v);
}

VOCABULARY Floats
floats_add(Floats a, Floats b)
{
	return _mm512_add_ps(a, b);
}

VOCABULARY Floats
floats_subtract(Floats a, Floats b)
{
	return _mm512_sub_ps(a, b);
}

/* Lanes with the step's bit set become other - own, the others other + own. */
VOCABULARY Floats
floats_step(Floats own, Floats other, __mmask16 upper)
{
	return _mm512_mask_sub_ps(_mm512_add_ps(own, other), upper, other, own);
}

VOCABULARY Floats
floats_transform(Floats v)
{
	v = floats_step(v, _mm512_permute_ps(v, 0xB1), 0xAAAA);
	v = floats_step(v, _mm512_permute_ps(v, 0x4E), 0xCCCC);
	v = floats_step(v, _mm512_shuffle_f32x4(v, v, 0xB1), 0xF0F0);
	return floats_step(v, _mm512_shuffle_f32x4(v, v, 0x4E), 0xFF00);
}

#include "rabitq_simd.h"

#include "rabitq_coding_simd.h"

/* Sums of lanes 0 to 15 and 16 to 31 */
typedef struct BlockSums
{
	__m512i low;
	__m512i high;
} BlockSums;

/* To byte 4 * code + group from where a code's byte is in a group (rabitq_kernels.h). */
VOCABULARY __m512i
code_order(void)
{
	/* Code c is in byte 2 * (c % 8) + c / 8 of its group, group g begins at 16 g. */
	__m512i first =
		_mm512_setr_epi32(0x30201000, 0x32221202, 0x34241404, 0x36261606, 0x38281808, 0x3a2a1a0a,
						  0x3c2c1c0c, 0x3e2e1e0e, 0x31211101, 0x33231303, 0x35251505, 0x37271707,
						  0x39291909, 0x3b2b1b0b, 0x3d2d1d0d, 0x3f2f1f0f);

	return first;
}

VOCABULARY __m512i
table_load(const uint8_t *tables, uint32_t group)
{
	return _mm512_loadu_si512(tables + (size_t) group * RABITQ_GROUP_BYTES);
}

VOCABULARY BlockSums
block_sums_of(const RabitqLookup *lookup, const RabitqBlock *block)
{
	const __m512i order = code_order();
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	const __m512i groups = _mm512_set1_epi32(0x30201000);
	const __m512i ones = _mm512_set1_epi8(1);
	const uint8_t *codes = block->codes;
	const uint8_t *high_tables = lookup->tables + (size_t) lookup->groups * RABITQ_GROUP_BYTES;
	BlockSums sums = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	BlockSums wide_sums = sums;

	for (uint32_t plane = 0; plane < lookup->planes; plane++)
	{
		sums.low = _mm512_slli_epi32(sums.low, 1);
		sums.high = _mm512_slli_epi32(sums.high, 1);
		if (lookup->wide)
		{
			wide_sums.low = _mm512_slli_epi32(wide_sums.low, 1);
			wide_sums.high = _mm512_slli_epi32(wide_sums.high, 1);
		}
		for (uint32_t group = 0; group < lookup->groups; group += 4)
		{
			__m512i bytes = _mm512_permutexvar_epi8(order, _mm512_loadu_si512(codes));
			/* (bytes & nibble) | groups */
			__m512i low = _mm512_ternarylogic_epi32(bytes, nibble, groups, 0xEA);
			__m512i high =
				_mm512_ternarylogic_epi32(_mm512_srli_epi16(bytes, 4), nibble, groups, 0xEA);
			__m512i table = table_load(lookup->tables, group);

			sums.low = _mm512_dpbusd_epi32(sums.low, _mm512_permutexvar_epi8(low, table), ones);
			sums.high = _mm512_dpbusd_epi32(sums.high, _mm512_permutexvar_epi8(high, table), ones);
			if (lookup->wide)
			{
				table = table_load(high_tables, group);
				wide_sums.low =
					_mm512_dpbusd_epi32(wide_sums.low, _mm512_permutexvar_epi8(low, table), ones);
				wide_sums.high =
					_mm512_dpbusd_epi32(wide_sums.high, _mm512_permutexvar_epi8(high, table), ones);
			}
			codes += 4 * RABITQ_GROUP_BYTES;
		}
	}
	sums.low = _mm512_add_epi32(sums.low, _mm512_slli_epi32(wide_sums.low, 8));
	sums.high = _mm512_add_epi32(sums.high, _mm512_slli_epi32(wide_sums.high, 8));
	return sums;
}

SIMD_FUNCTION void
block_sums(const RabitqLookup *lookup, const RabitqBlock *block, int32_t *sums)
{
	BlockSums both = block_sums_of(lookup, block);

	_mm512_storeu_si512(sums, both.low);
	_mm512_storeu_si512(sums + 16, both.high);
}

VOCABULARY void
finish_distances(const RabitqLookup *lookup, const RabitqBlock *block, uint32_t first, __m512i sums,
				 float center_distance, float center_norm, float *distances, float *lower_bounds)
{
	__m512 value = _mm512_fmadd_ps(_mm512_set1_ps(lookup->scale), _mm512_cvtepi32_ps(sums),
								   _mm512_set1_ps(lookup->bias));
	__m512 rescale = _mm512_loadu_ps(block->rescale + first);
	__m512 add =
		_mm512_add_ps(_mm512_set1_ps(center_distance), _mm512_loadu_ps(block->add + first));
	__m512 distance = _mm512_fmadd_ps(rescale, value, add);

	/* Of a NaN and a number these give the second operand. */
	_mm512_storeu_ps(distances + first, _mm512_min_ps(distance, _mm512_set1_ps(INFINITY)));
	if (lower_bounds != NULL)
	{
		__m512 lower = _mm512_fnmadd_ps(_mm512_loadu_ps(block->error + first),
										_mm512_set1_ps(center_norm), distance);

		lower = _mm512_fmadd_ps(rescale, _mm512_set1_ps(lookup->error), lower);
		_mm512_storeu_ps(lower_bounds + first, _mm512_max_ps(lower, _mm512_set1_ps(-INFINITY)));
	}
}

SIMD_FUNCTION void
block_distances(const RabitqLookup *lookup, const RabitqBlock *block, float center_distance,
				float center_norm, float *distances, float *lower_bounds)
{
	BlockSums both = block_sums_of(lookup, block);

	finish_distances(lookup, block, 0, both.low, center_distance, center_norm, distances,
					 lower_bounds);
	finish_distances(lookup, block, 16, both.high, center_distance, center_norm, distances,
					 lower_bounds);
}

/* Codes measured together: a load of the query serves all of them */
#define GROUP 4

/* Products of 64 / width bytes of a code with the query's bytes in front of each of its parts */
VOCABULARY __m512i
add_piece(__m512i sum, uint32_t bits, __m512i bytes, const int8_t *query, uint32_t width)
{
	__m512i mask = _mm512_set1_epi8((char) ((1u << bits) - 1));

#pragma GCC unroll 4
	for (uint32_t shift = 0; shift < 8; shift += bits)
	{
		__m512i elements = _mm512_and_si512(_mm512_srli_epi16(bytes, shift), mask);

		sum = _mm512_dpbusd_epi32(sum, elements, _mm512_loadu_si512(query));
		query += width;
	}
	return sum;
}

VOCABULARY void
add_codes(uint32_t bits, const int8_t *query, const uint8_t *const *values, uint32_t dimensions,
		  __m512i *sums)
{
	const __m512i ones = _mm512_set1_epi8(1);
	uint32_t bytes = dimensions * bits / 8;
	uint32_t step = bits == 1 ? 8 : RABITQ_PIECE; /* bytes of a code */
	uint32_t whole = bytes / step * step;
	uint32_t tail = bytes - whole;

	for (uint32_t at = 0; at < whole; at += step)
	{
		const int8_t *part = query + (size_t) at * 8 / bits;

#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			if (bits == 1)
			{
				uint64_t mask;

				memcpy(&mask, values[v] + at, sizeof(mask));
				sums[v] = _mm512_dpbusd_epi32(sums[v], ones,
											  _mm512_maskz_loadu_epi8((__mmask64) mask, part));
			}
			else
				sums[v] = add_piece(sums[v], bits, _mm512_loadu_si512(values[v] + at), part, step);
		}
	}
	if (tail > 0)
	{
		const int8_t *part = query + (size_t) whole * 8 / bits;

#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			__mmask64 there = ((__mmask64) 1 << tail) - 1;
			__m512i rest = _mm512_maskz_loadu_epi8(there, values[v] + whole);

			if (bits == 1)
			{
				__mmask64 mask = (__mmask64) _mm_cvtsi128_si64(_mm512_castsi512_si128(rest));

				sums[v] = _mm512_dpbusd_epi32(sums[v], ones, _mm512_maskz_loadu_epi8(mask, part));
			}
			else
				sums[v] = add_piece(sums[v], bits, rest, part, tail);
		}
	}
}

VOCABULARY __m128i
add_lanes(__m512i v)
{
	__m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

VOCABULARY void
dot_batch(uint32_t bits, const int8_t *query, const void *const *codes, uint32_t count,
		  uint32_t dimensions, int32_t *dots)
{
	size_t bytes = sizeof(RabitqCode) + dimensions * bits / 8;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (uint32_t i = 0; i < count; i += GROUP)
	{
		const uint8_t *values[GROUP];
		__m512i sums[GROUP];
		__m128i pairs01;
		__m128i pairs23;
		__m128i four;

		if (i + PREFETCH_WINDOW < count)
			prefetch_vectors(codes, count, i + PREFETCH_WINDOW, GROUP, bytes);
#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			values[v] = ((const RabitqCode *) codes[i + v < count ? i + v : i])->values;
			sums[v] = _mm512_setzero_si512();
		}
		add_codes(bits, query, values, dimensions, sums);
		pairs01 = _mm_hadd_epi32(add_lanes(sums[0]), add_lanes(sums[1]));
		pairs23 = _mm_hadd_epi32(add_lanes(sums[2]), add_lanes(sums[3]));
		four = _mm_hadd_epi32(pairs01, pairs23);
		if (i + GROUP <= count)
			_mm_storeu_si128((__m128i *) (dots + i), four);
		else
			_mm_mask_storeu_epi32(dots + i, (__mmask8) ((1u << (count - i)) - 1), four);
	}
}

SIMD_FUNCTION void
dots_1(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(1, query, codes, count, dimensions, dots);
}

SIMD_FUNCTION void
dots_2(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(2, query, codes, count, dimensions, dots);
}

SIMD_FUNCTION void
dots_4(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(4, query, codes, count, dimensions, dots);
}

SIMD_FUNCTION void
scale_with_signs(float *values, uint32_t count, uint64_t signs, float factor)
{
	for (uint32_t i = 0; i < count; i += SIMD_LANES, signs >>= SIMD_LANES)
	{
		__m512 scale = _mm512_mask_blend_ps((__mmask16) signs, _mm512_set1_ps(factor),
											_mm512_set1_ps(-factor));

		_mm512_storeu_ps(values + i, _mm512_mul_ps(_mm512_loadu_ps(values + i), scale));
	}
}

const RabitqKernels rabitq_kernels_avx512 = {
	.name = "avx512",
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
typedef int rabitq_avx512_not_for_this_architecture;
#endif
