/*
 * kernels_scalar.c
 *		Distances in plain C: what the kernels mean, and what machines without better ones run.
 *
 * The tests compare every other set with this one. Sums are kept in LANES partial sums, so that
 * the additions don't wait for one another (and compilers that vectorize do so here); that is the
 * only liberty taken with the formulas.
 *
 * An element of a code is computed in double: offset + step * 255 may pass through values above
 * FLT_MAX on its way where the range of a vector exceeds it, and the sets with fused
 * multiply-add don't round there either.
 */
#include <math.h>

#include "kernels.h"

#define LANES 8

static inline float
add_lanes(const float *lanes)
{
	return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
		   ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static inline float
square_of_difference(float a, float b)
{
	float difference = a - b;

	return difference * difference;
}

static inline float
product(float a, float b)
{
	return a * b;
}

static inline float
absolute_difference(float a, float b)
{
	return fabsf(a - b);
}

static inline float
float_element(const void *vector, uint32_t i)
{
	return ((const float *) vector)[i];
}

static inline float
half_element(const void *vector, uint32_t i)
{
	return half_to_float(((const Half *) vector)[i]);
}

static inline float
sq8_element(const void *vector, uint32_t i)
{
	const Sq8Code *code = (const Sq8Code *) vector;

	return (float) ((double) code->offset + (double) code->step * (double) code->values[i]);
}

typedef float (*Term)(float a, float b);
typedef float (*Element)(const void *vector, uint32_t i);

/*
 * The sum over i of term(query_element(query, i), element(vector, i)); all callers pass constants,
 * inlined.
 */
static inline __attribute__((always_inline)) float
sum_terms(Term term, Element query_element, Element element, const void *query, const void *vector,
		  uint32_t dimensions)
{
	float lanes[LANES] = {0};
	uint32_t whole = dimensions - dimensions % LANES;

	for (uint32_t i = 0; i < whole; i += LANES)
	{
		/* Left as a loop it becomes vector instructions in GCC 12; unrolled (at -O3) it does not. */
#pragma GCC unroll 1
		for (uint32_t lane = 0; lane < LANES; lane++)
			lanes[lane] += term(query_element(query, i + lane), element(vector, i + lane));
	}
	for (uint32_t i = whole; i < dimensions; i++)
		lanes[i - whole] += term(query_element(query, i), element(vector, i));
	return add_lanes(lanes);
}

/* The same of a batch of vectors, of so many bytes each. */
static inline __attribute__((always_inline)) void
sum_terms_batch(Term term, Element query_element, Element element, size_t bytes, const void *query,
				const void *const *vectors, uint32_t count, uint32_t dimensions, float *sums)
{
	prefetch_vectors(vectors, count, 0, PREFETCH_WINDOW, bytes);
	for (uint32_t i = 0; i < count; i++)
	{
		prefetch_vectors(vectors, count, i + PREFETCH_WINDOW, 1, bytes);
		sums[i] = sum_terms(term, query_element, element, query, vectors[i], dimensions);
	}
}

static inline void
negate(float *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		values[i] = -values[i];
}

static float
l2_squared(const float *a, const float *b, uint32_t dimensions)
{
	return sum_terms(square_of_difference, float_element, float_element, a, b, dimensions);
}

static float
inner_product(const float *a, const float *b, uint32_t dimensions)
{
	return sum_terms(product, float_element, float_element, a, b, dimensions);
}

static float
l1(const float *a, const float *b, uint32_t dimensions)
{
	return sum_terms(absolute_difference, float_element, float_element, a, b, dimensions);
}

static double
cosine_similarity(const float *a, const float *b, uint32_t dimensions)
{
	double dot = inner_product(a, b, dimensions);
	double norm_a = inner_product(a, a, dimensions);
	double norm_b = inner_product(b, b, dimensions);

	return dot / sqrt(norm_a * norm_b);
}

static void
l2_squared_batch(const float *query, const void *const *vectors, uint32_t count,
				 uint32_t dimensions, float *distances)
{
	sum_terms_batch(square_of_difference, float_element, float_element, dimensions * sizeof(float),
					query, vectors, count, dimensions, distances);
}

static void
negative_inner_product_batch(const float *query, const void *const *vectors, uint32_t count,
							 uint32_t dimensions, float *distances)
{
	sum_terms_batch(product, float_element, float_element, dimensions * sizeof(float), query,
					vectors, count, dimensions, distances);
	negate(distances, count);
}

static void
l1_batch(const float *query, const void *const *vectors, uint32_t count, uint32_t dimensions,
		 float *distances)
{
	sum_terms_batch(absolute_difference, float_element, float_element, dimensions * sizeof(float),
					query, vectors, count, dimensions, distances);
}

static void
sq8_l1_batch(const float *query, const void *const *codes, uint32_t count, uint32_t dimensions,
			 float *distances)
{
	sum_terms_batch(absolute_difference, float_element, sq8_element, sizeof(Sq8Code) + dimensions,
					query, codes, count, dimensions, distances);
}

typedef int32_t (*IntegerElement)(const void *vector, uint32_t at);

static inline int32_t
int16_element(const void *vector, uint32_t at)
{
	return ((const int16_t *) vector)[at];
}

static inline int32_t
uint8_element(const void *vector, uint32_t at)
{
	return ((const uint8_t *) vector)[at];
}

/* Products of integers with the values of codes, without rounding */
static inline void
integer_dot_batch(IntegerElement element, const void *query, const void *const *codes,
				  uint32_t count, uint32_t dimensions, int32_t *dots)
{
	size_t bytes = sizeof(Sq8Code) + dimensions;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (uint32_t i = 0; i < count; i++)
	{
		const uint8_t *values = ((const Sq8Code *) codes[i])->values;
		int32_t dot = 0;

		prefetch_vectors(codes, count, i + PREFETCH_WINDOW, 1, bytes);
		for (uint32_t j = 0; j < dimensions; j++)
			dot += element(query, j) * values[j];
		dots[i] = dot;
	}
}

static void
sq8_dot_batch(const int16_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
			  int32_t *dots)
{
	integer_dot_batch(int16_element, query, codes, count, dimensions, dots);
}

static void
sq8_code_dot_batch(const Sq8Code *query, const void *const *codes, uint32_t count,
				   uint32_t dimensions, int32_t *dots)
{
	integer_dot_batch(uint8_element, query->values, codes, count, dimensions, dots);
}

static float
half_l2_squared(const Half *a, const Half *b, uint32_t dimensions)
{
	return sum_terms(square_of_difference, half_element, half_element, a, b, dimensions);
}

static float
half_inner_product(const Half *a, const Half *b, uint32_t dimensions)
{
	return sum_terms(product, half_element, half_element, a, b, dimensions);
}

static float
half_l1(const Half *a, const Half *b, uint32_t dimensions)
{
	return sum_terms(absolute_difference, half_element, half_element, a, b, dimensions);
}

static double
half_cosine_similarity(const Half *a, const Half *b, uint32_t dimensions)
{
	double dot = half_inner_product(a, b, dimensions);
	double norm_a = half_inner_product(a, a, dimensions);
	double norm_b = half_inner_product(b, b, dimensions);

	return dot / sqrt(norm_a * norm_b);
}

static void
half_l2_squared_batch(const Half *query, const void *const *vectors, uint32_t count,
					  uint32_t dimensions, float *distances)
{
	sum_terms_batch(square_of_difference, half_element, half_element, dimensions * sizeof(Half),
					query, vectors, count, dimensions, distances);
}

static void
half_negative_inner_product_batch(const Half *query, const void *const *vectors, uint32_t count,
								  uint32_t dimensions, float *distances)
{
	sum_terms_batch(product, half_element, half_element, dimensions * sizeof(Half), query, vectors,
					count, dimensions, distances);
	negate(distances, count);
}

static void
half_l1_batch(const Half *query, const void *const *vectors, uint32_t count, uint32_t dimensions,
			  float *distances)
{
	sum_terms_batch(absolute_difference, half_element, half_element, dimensions * sizeof(Half),
					query, vectors, count, dimensions, distances);
}

static void
halfs_to_floats(const Half *halfs, float *floats, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		floats[i] = half_to_float(halfs[i]);
}

static void
halfs_from_floats(const float *floats, Half *halfs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		halfs[i] = half_from_float(floats[i]);
}

/* Scores of one vector with the packed ones of a panel */
static void
panel_scores(const PackedVectors *packed, uint32_t panel, const float *vector, float *scores)
{
	const float *elements = packed->packed + (size_t) panel * DISTANCE_PANEL * packed->dimensions;
	float sums[DISTANCE_PANEL] = {0};

	for (uint32_t i = 0; i < packed->dimensions; i++)
	{
		/* As above: not unrolled, it becomes vector instructions */
#pragma GCC unroll 1
		for (uint32_t j = 0; j < DISTANCE_PANEL; j++)
			sums[j] += vector[i] * elements[(size_t) i * DISTANCE_PANEL + j];
	}
	for (uint32_t j = 0; j < DISTANCE_PANEL; j++)
		scores[j] = packed->bias[panel * DISTANCE_PANEL + j] - sums[j];
}

static void
packed_scores(const PackedVectors *packed, const float *const *vectors, uint32_t count,
			  float *scores)
{
	for (uint32_t i = 0; i < count; i++)
	{
		for (uint32_t panel = 0; panel < packed->count / DISTANCE_PANEL; panel++)
			panel_scores(packed, panel, vectors[i],
						 scores + (size_t) i * packed->count + panel * DISTANCE_PANEL);
	}
}

static void
packed_nearest(const PackedVectors *packed, const float *const *vectors, uint32_t count,
			   uint32_t *best, float *best_scores)
{
	float scores[DISTANCE_PANEL];

	for (uint32_t panel = 0; panel < packed->count / DISTANCE_PANEL; panel++)
	{
		for (uint32_t i = 0; i < count; i++)
		{
			panel_scores(packed, panel, vectors[i], scores);
			for (uint32_t j = 0; j < DISTANCE_PANEL; j++)
			{
				if (scores[j] < best_scores[i])
				{
					best_scores[i] = scores[j];
					best[i] = packed->numbers[panel * DISTANCE_PANEL + j];
				}
			}
		}
	}
}

const DistanceKernels distance_kernels_scalar = {
	.name = "scalar",
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.cosine_similarity = cosine_similarity,
	.l2_squared_batch = l2_squared_batch,
	.negative_inner_product_batch = negative_inner_product_batch,
	.l1_batch = l1_batch,
	.sq8_l1_batch = sq8_l1_batch,
	.sq8_dot_batch = sq8_dot_batch,
	.sq8_code_dot_batch = sq8_code_dot_batch,
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
