/*
 * kernels_simd.h
 *		The kernels for any instruction set with vector registers: one statement of the loops.
 *
 * A kernels_*.c file defines the vocabulary below for its registers and includes this file, which
 * then defines the functions and the table SIMD_KERNELS. Nothing here depends on the width.
 *
 *	SIMD_NAME, SIMD_KERNELS		name of the set, name of its DistanceKernels
 *	SIMD_TARGET					attribute that lets a function use the instructions
 *	SIMD_LANES					floats in a register
 *	Simd						a register of floats
 *	simd_zero()  simd_broadcast(x)
 *	simd_load(p)  simd_load_tail(p, n)		n < SIMD_LANES floats, zeros in the lanes behind them
 *	simd_load_values(p)  simd_load_values_tail(p, n)
 *								the same of unsigned bytes, as floats
 *	simd_load_halfs(p)  simd_load_halfs_tail(p, n)
 *								the same of halfs, as floats
 *	simd_store(p, v)  simd_store_halfs(p, v)
 *								as floats, or rounded to halfs
 *	simd_keep(v, n)				v with zeros in the lanes from n on
 *	simd_add  simd_subtract  simd_absolute
 *	simd_multiply_add(a, b, c)	a * b + c, rounded once
 *	simd_sum(v)					the sum of the lanes
 *	simd_sum4(v, sums)			the sums of the lanes of four registers
 *
 *	SIMD_WORDS					16-bit integers in a register, at most SQ8_QUERY_PADDING
 *	SimdWords, SimdDot			a register of them, a register of 32-bit sums
 *	simd_words_load(p)
 *	simd_words_values(p)  simd_words_values_tail(p, n)
 *								unsigned bytes, widened; behind the n ones any lanes
 *	simd_dot_zero()  simd_dot_add(sum, a, b)
 *								sum + a * b, where each sum takes some of the products
 *	simd_dot_sum(v)  simd_dot_sum4(v, sums)
 *								the sum of the sums, and of those of four registers
 *
 * In front of the values of a code stands its header of 16 bytes. A function for a tail of values
 * may read so many bytes before p, but never one at p + n.
 *
 * Batches go through four vectors at a time: a load of the query serves four of them, and eight
 * independent sums keep two multiply-add units of four cycles busy.  A group that is not full has
 * its first vector again in the places left: terms are added in one order for all vectors.
 */
#include <math.h>
#include <stdbool.h>

#include "kernels.h"

#define SIMD_FUNCTION SIMD_TARGET static
#define SIMD_INLINE	  SIMD_TARGET static inline __attribute__((always_inline))

#define GROUP 4 /* vectors computed together in a batch */

/* What the elements of a vector are made from. */
typedef enum ElementKind
{
	ELEMENT_FLOAT, /* float32 */
	ELEMENT_HALF,  /* half; the query's elements too, which otherwise are float32 */
	ELEMENT_SQ8	   /* offset + step * value of a Sq8Code */
} ElementKind;

/* One vector to compute the distance to; only what its ElementKind needs is used. */
typedef struct SimdVector
{
	const void *elements;
	const uint8_t *values;
	Simd offset;
	Simd step;
} SimdVector;

SIMD_INLINE SimdVector
simd_vector_open(ElementKind kind, const void *vector)
{
	SimdVector opened = {.elements = vector, .values = NULL};

	opened.offset = simd_zero();
	opened.step = simd_zero();
	if (kind == ELEMENT_SQ8)
	{
		opened.values = ((const Sq8Code *) vector)->values;
		opened.offset = simd_broadcast(((const Sq8Code *) vector)->offset);
		opened.step = simd_broadcast(((const Sq8Code *) vector)->step);
	}
	return opened;
}

/* Elements of a plain array: of a query, or of a vector that is no code. */
SIMD_INLINE Simd
simd_array(ElementKind kind, const void *array, uint32_t i)
{
	if (kind == ELEMENT_HALF)
		return simd_load_halfs((const Half *) array + i);
	return simd_load((const float *) array + i);
}

SIMD_INLINE Simd
simd_array_tail(ElementKind kind, const void *array, uint32_t i, uint32_t n)
{
	if (kind == ELEMENT_HALF)
		return simd_load_halfs_tail((const Half *) array + i, n);
	return simd_load_tail((const float *) array + i, n);
}

SIMD_INLINE Simd
simd_elements(ElementKind kind, const SimdVector *vector, uint32_t i)
{
	Simd values;

	if (kind != ELEMENT_SQ8)
		return simd_array(kind, vector->elements, i);
	values = simd_load_values(vector->values + i);
	return simd_multiply_add(vector->step, values, vector->offset);
}

SIMD_INLINE Simd
simd_elements_tail(ElementKind kind, const SimdVector *vector, uint32_t i, uint32_t n)
{
	Simd values;

	if (kind != ELEMENT_SQ8)
		return simd_array_tail(kind, vector->elements, i, n);
	values = simd_load_values_tail(vector->values + i, n);
	/* The offset must not show in the lanes behind the end. */
	return simd_keep(simd_multiply_add(vector->step, values, vector->offset), n);
}

/* sum + the term of the distance; zero in the lanes where a and b are zero. */
SIMD_INLINE Simd
simd_add_term(DistanceMetric metric, Simd sum, Simd a, Simd b)
{
	if (metric == DISTANCE_L2)
	{
		Simd difference = simd_subtract(a, b);

		return simd_multiply_add(difference, difference, sum);
	}
	if (metric == DISTANCE_L1)
		return simd_add(sum, simd_absolute(simd_subtract(a, b)));
	return simd_multiply_add(a, b, sum);
}

/* The sum of the terms for one vector, in four independent sums. */
SIMD_INLINE float
simd_sum_terms(DistanceMetric metric, ElementKind kind, const void *query, const void *vector,
			   uint32_t dimensions)
{
	SimdVector opened = simd_vector_open(kind, vector);
	Simd sum0 = simd_zero();
	Simd sum1 = simd_zero();
	Simd sum2 = simd_zero();
	Simd sum3 = simd_zero();
	uint32_t i = 0;

	for (; i + 4 * SIMD_LANES <= dimensions; i += 4 * SIMD_LANES)
	{
		uint32_t i1 = i + SIMD_LANES;
		uint32_t i2 = i + 2 * SIMD_LANES;
		uint32_t i3 = i + 3 * SIMD_LANES;

		sum0 = simd_add_term(metric, sum0, simd_array(kind, query, i),
							 simd_elements(kind, &opened, i));
		sum1 = simd_add_term(metric, sum1, simd_array(kind, query, i1),
							 simd_elements(kind, &opened, i1));
		sum2 = simd_add_term(metric, sum2, simd_array(kind, query, i2),
							 simd_elements(kind, &opened, i2));
		sum3 = simd_add_term(metric, sum3, simd_array(kind, query, i3),
							 simd_elements(kind, &opened, i3));
	}
	for (; i + SIMD_LANES <= dimensions; i += SIMD_LANES)
		sum0 = simd_add_term(metric, sum0, simd_array(kind, query, i),
							 simd_elements(kind, &opened, i));
	if (i < dimensions)
		sum1 = simd_add_term(metric, sum1, simd_array_tail(kind, query, i, dimensions - i),
							 simd_elements_tail(kind, &opened, i, dimensions - i));
	return simd_sum(simd_add(simd_add(sum0, sum2), simd_add(sum1, sum3)));
}

/* The same for GROUP vectors at once, in two independent sums each. */
SIMD_INLINE void
simd_sum_terms_group(DistanceMetric metric, ElementKind kind, const void *query,
					 const void *const *vectors, uint32_t dimensions, float *sums)
{
	SimdVector opened[GROUP];
	Simd even[GROUP];
	Simd odd[GROUP];
	uint32_t i = 0;

#pragma GCC unroll 4
	for (uint32_t v = 0; v < GROUP; v++)
	{
		opened[v] = simd_vector_open(kind, vectors[v]);
		even[v] = simd_zero();
		odd[v] = simd_zero();
	}
	for (; i + 2 * SIMD_LANES <= dimensions; i += 2 * SIMD_LANES)
	{
		Simd query_even = simd_array(kind, query, i);
		Simd query_odd = simd_array(kind, query, i + SIMD_LANES);

#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			even[v] =
				simd_add_term(metric, even[v], query_even, simd_elements(kind, &opened[v], i));
			odd[v] = simd_add_term(metric, odd[v], query_odd,
								   simd_elements(kind, &opened[v], i + SIMD_LANES));
		}
	}
	if (i + SIMD_LANES <= dimensions)
	{
		Simd query_even = simd_array(kind, query, i);

#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
			even[v] =
				simd_add_term(metric, even[v], query_even, simd_elements(kind, &opened[v], i));
		i += SIMD_LANES;
	}
	if (i < dimensions)
	{
		uint32_t n = dimensions - i;
		Simd query_tail = simd_array_tail(kind, query, i, n);

#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
			odd[v] = simd_add_term(metric, odd[v], query_tail,
								   simd_elements_tail(kind, &opened[v], i, n));
	}
#pragma GCC unroll 4
	for (uint32_t v = 0; v < GROUP; v++)
		even[v] = simd_add(even[v], odd[v]);
	simd_sum4(even, sums);
}

SIMD_INLINE size_t
simd_vector_bytes(ElementKind kind, uint32_t dimensions)
{
	if (kind == ELEMENT_FLOAT)
		return dimensions * sizeof(float);
	if (kind == ELEMENT_HALF)
		return dimensions * sizeof(Half);
	return sizeof(Sq8Code) + dimensions;
}

SIMD_INLINE void
simd_batch(DistanceMetric metric, ElementKind kind, const void *query, const void *const *vectors,
		   uint32_t count, uint32_t dimensions, float *distances)
{
	size_t bytes = simd_vector_bytes(kind, dimensions);
	uint32_t i = 0;

	prefetch_vectors(vectors, count, 0, PREFETCH_WINDOW, bytes);
	for (; i + GROUP <= count; i += GROUP)
	{
		if (i + PREFETCH_WINDOW < count)
			prefetch_vectors(vectors, count, i + PREFETCH_WINDOW, GROUP, bytes);
		simd_sum_terms_group(metric, kind, query, vectors + i, dimensions, distances + i);
	}
	if (i < count)
	{
		/* As a group too, so that a vector's distance does not depend on its place in a batch */
		const void *rest[GROUP];
		float sums[GROUP];

		for (uint32_t v = 0; v < GROUP; v++)
			rest[v] = vectors[i + v < count ? i + v : i];
		simd_sum_terms_group(metric, kind, query, rest, dimensions, sums);
		for (uint32_t v = 0; i < count; i++, v++)
			distances[i] = sums[v];
	}

	if (metric == DISTANCE_INNER_PRODUCT)
		for (i = 0; i < count; i++)
			distances[i] = -distances[i];
}

SIMD_INLINE double
simd_cosine(ElementKind kind, const void *a, const void *b, uint32_t dimensions)
{
	Simd dot[2] = {simd_zero(), simd_zero()};
	Simd norm_a[2] = {simd_zero(), simd_zero()};
	Simd norm_b[2] = {simd_zero(), simd_zero()};
	double norms;
	uint32_t i = 0;

	for (; i + 2 * SIMD_LANES <= dimensions; i += 2 * SIMD_LANES)
	{
#pragma GCC unroll 2
		for (uint32_t half = 0; half < 2; half++)
		{
			Simd x = simd_array(kind, a, i + half * SIMD_LANES);
			Simd y = simd_array(kind, b, i + half * SIMD_LANES);

			dot[half] = simd_multiply_add(x, y, dot[half]);
			norm_a[half] = simd_multiply_add(x, x, norm_a[half]);
			norm_b[half] = simd_multiply_add(y, y, norm_b[half]);
		}
	}
	while (i < dimensions)
	{
		uint32_t left = dimensions - i;
		uint32_t n = left < SIMD_LANES ? left : SIMD_LANES;
		bool whole = n == SIMD_LANES;
		Simd x = whole ? simd_array(kind, a, i) : simd_array_tail(kind, a, i, n);
		Simd y = whole ? simd_array(kind, b, i) : simd_array_tail(kind, b, i, n);

		dot[0] = simd_multiply_add(x, y, dot[0]);
		norm_a[0] = simd_multiply_add(x, x, norm_a[0]);
		norm_b[0] = simd_multiply_add(y, y, norm_b[0]);
		i += n;
	}
	norms = (double) simd_sum(simd_add(norm_a[0], norm_a[1])) *
			(double) simd_sum(simd_add(norm_b[0], norm_b[1]));
	return (double) simd_sum(simd_add(dot[0], dot[1])) / sqrt(norms);
}

SIMD_FUNCTION float
l2_squared(const float *a, const float *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_L2, ELEMENT_FLOAT, a, b, dimensions);
}

SIMD_FUNCTION float
inner_product(const float *a, const float *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_INNER_PRODUCT, ELEMENT_FLOAT, a, b, dimensions);
}

SIMD_FUNCTION float
l1(const float *a, const float *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_L1, ELEMENT_FLOAT, a, b, dimensions);
}

SIMD_FUNCTION double
cosine_similarity(const float *a, const float *b, uint32_t dimensions)
{
	return simd_cosine(ELEMENT_FLOAT, a, b, dimensions);
}

SIMD_FUNCTION void
l2_squared_batch(const float *query, const void *const *vectors, uint32_t count,
				 uint32_t dimensions, float *distances)
{
	simd_batch(DISTANCE_L2, ELEMENT_FLOAT, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
negative_inner_product_batch(const float *query, const void *const *vectors, uint32_t count,
							 uint32_t dimensions, float *distances)
{
	simd_batch(DISTANCE_INNER_PRODUCT, ELEMENT_FLOAT, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
l1_batch(const float *query, const void *const *vectors, uint32_t count, uint32_t dimensions,
		 float *distances)
{
	simd_batch(DISTANCE_L1, ELEMENT_FLOAT, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
sq8_l1_batch(const float *query, const void *const *codes, uint32_t count, uint32_t dimensions,
			 float *distances)
{
	simd_batch(DISTANCE_L1, ELEMENT_SQ8, query, codes, count, dimensions, distances);
}

SIMD_FUNCTION void
sq8_dot_batch(const int16_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
			  int32_t *dots)
{
	size_t bytes = sizeof(Sq8Code) + dimensions;
	uint32_t whole = dimensions - dimensions % SIMD_WORDS;
	uint32_t tail = dimensions - whole;
	uint32_t i = 0;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (; i + GROUP <= count; i += GROUP)
	{
		const uint8_t *values[GROUP];
		SimdDot dot[GROUP];

		if (i + PREFETCH_WINDOW < count)
			prefetch_vectors(codes, count, i + PREFETCH_WINDOW, GROUP, bytes);
#pragma GCC unroll 4
		for (uint32_t v = 0; v < GROUP; v++)
		{
			values[v] = ((const Sq8Code *) codes[i + v])->values;
			dot[v] = simd_dot_zero();
		}
		for (uint32_t j = 0; j < whole; j += SIMD_WORDS)
		{
			SimdWords words = simd_words_load(query + j);

#pragma GCC unroll 4
			for (uint32_t v = 0; v < GROUP; v++)
				dot[v] = simd_dot_add(dot[v], words, simd_words_values(values[v] + j));
		}
		if (tail > 0)
		{
			SimdWords words = simd_words_load(query + whole);

#pragma GCC unroll 4
			for (uint32_t v = 0; v < GROUP; v++)
				dot[v] =
					simd_dot_add(dot[v], words, simd_words_values_tail(values[v] + whole, tail));
		}
		simd_dot_sum4(dot, dots + i);
	}
	for (; i < count; i++)
	{
		const uint8_t *values = ((const Sq8Code *) codes[i])->values;
		SimdDot dot = simd_dot_zero();

		for (uint32_t j = 0; j < whole; j += SIMD_WORDS)
			dot = simd_dot_add(dot, simd_words_load(query + j), simd_words_values(values + j));
		if (tail > 0)
			dot = simd_dot_add(dot, simd_words_load(query + whole),
							   simd_words_values_tail(values + whole, tail));
		dots[i] = simd_dot_sum(dot);
	}
}

/* Values of two codes, both widened to words */
SIMD_FUNCTION void
sq8_code_words_dot_batch(const Sq8Code *query, const void *const *codes, uint32_t count,
						 uint32_t dimensions, int32_t *dots)
{
	size_t bytes = sizeof(Sq8Code) + dimensions;
	uint32_t whole = dimensions - dimensions % SIMD_WORDS;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (uint32_t i = 0; i < count; i++)
	{
		const uint8_t *values = ((const Sq8Code *) codes[i])->values;
		SimdDot dot[2] = {simd_dot_zero(), simd_dot_zero()};
		uint32_t j = 0;

		prefetch_vectors(codes, count, i + PREFETCH_WINDOW, 1, bytes);
		for (; j + 2 * SIMD_WORDS <= whole; j += 2 * SIMD_WORDS)
		{
#pragma GCC unroll 2
			for (uint32_t v = 0; v < 2; v++)
				dot[v] = simd_dot_add(dot[v], simd_words_values(query->values + j + v * SIMD_WORDS),
									  simd_words_values(values + j + v * SIMD_WORDS));
		}
		if (j < whole)
			dot[0] = simd_dot_add(dot[0], simd_words_values(query->values + j),
								  simd_words_values(values + j));
		dots[i] = simd_dot_sum(dot[0]) + simd_dot_sum(dot[1]);
		/* The vocabulary's tails count on zeros behind a query */
		for (j = whole; j < dimensions; j++)
			dots[i] += query->values[j] * values[j];
	}
}

#ifndef SIMD_CODE_DOT_BATCH
#define SIMD_CODE_DOT_BATCH sq8_code_words_dot_batch
#endif

SIMD_FUNCTION float
half_l2_squared(const Half *a, const Half *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_L2, ELEMENT_HALF, a, b, dimensions);
}

SIMD_FUNCTION float
half_inner_product(const Half *a, const Half *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_INNER_PRODUCT, ELEMENT_HALF, a, b, dimensions);
}

SIMD_FUNCTION float
half_l1(const Half *a, const Half *b, uint32_t dimensions)
{
	return simd_sum_terms(DISTANCE_L1, ELEMENT_HALF, a, b, dimensions);
}

SIMD_FUNCTION double
half_cosine_similarity(const Half *a, const Half *b, uint32_t dimensions)
{
	return simd_cosine(ELEMENT_HALF, a, b, dimensions);
}

SIMD_FUNCTION void
half_l2_squared_batch(const Half *query, const void *const *vectors, uint32_t count,
					  uint32_t dimensions, float *distances)
{
	simd_batch(DISTANCE_L2, ELEMENT_HALF, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
half_negative_inner_product_batch(const Half *query, const void *const *vectors, uint32_t count,
								  uint32_t dimensions, float *distances)
{
	simd_batch(DISTANCE_INNER_PRODUCT, ELEMENT_HALF, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
half_l1_batch(const Half *query, const void *const *vectors, uint32_t count, uint32_t dimensions,
			  float *distances)
{
	simd_batch(DISTANCE_L1, ELEMENT_HALF, query, vectors, count, dimensions, distances);
}

SIMD_FUNCTION void
halfs_to_floats(const Half *halfs, float *floats, uint32_t count)
{
	uint32_t i = 0;

	for (; i + SIMD_LANES <= count; i += SIMD_LANES)
		simd_store(floats + i, simd_load_halfs(halfs + i));
	for (; i < count; i++)
		floats[i] = half_to_float(halfs[i]);
}

SIMD_FUNCTION void
halfs_from_floats(const float *floats, Half *halfs, uint32_t count)
{
	uint32_t i = 0;

	for (; i + SIMD_LANES <= count; i += SIMD_LANES)
		simd_store_halfs(halfs + i, simd_load(floats + i));
	for (; i < count; i++)
		halfs[i] = half_from_float(floats[i]);
}

#include "kernels_packed.h"

const DistanceKernels SIMD_KERNELS = {
	.name = SIMD_NAME,
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.cosine_similarity = cosine_similarity,
	.l2_squared_batch = l2_squared_batch,
	.negative_inner_product_batch = negative_inner_product_batch,
	.l1_batch = l1_batch,
	.sq8_l1_batch = sq8_l1_batch,
	.sq8_dot_batch = sq8_dot_batch,
	.sq8_code_dot_batch = SIMD_CODE_DOT_BATCH,
	.half_l2_squared = half_l2_squared,
	.half_inner_product = half_inner_product,
	.half_l1 = half_l1,
	.half_cosine_similarity = half_cosine_similarity,
	.half_l2_squared_batch = half_l2_squared_batch,
	.half_negative_inner_product_batch = half_negative_inner_product_batch,
	.half_l1_batch = half_l1_batch,
	.halfs_to_floats = halfs_to_floats,
	.halfs_from_floats = halfs_from_floats,
	.packed_scores = packed_scores,
	.packed_nearest = packed_nearest,
};
