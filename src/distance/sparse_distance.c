/*
 * sparse_distance.c
 *		Distances between sparse vectors, by merging their lists of elements.
 *
 * Which list goes on is a coin toss for the processor's branch prediction, so a step has no branch
 * but the loop's: it takes from each list its element at the lower of the two indices, or zero where
 * it has none there, and computes the term that dense vectors would have.
 */
#include "distance/sparse_distance.h"

#include <math.h>
#include <string.h>

static inline float
square_of_difference(float x, float y)
{
	float difference = x - y;

	return difference * difference;
}

static inline float
product(float x, float y)
{
	return x * y;
}

static inline float
absolute_difference(float x, float y)
{
	return fabsf(x - y);
}

/* value, or 0 where condition is 0; without a branch. */
static inline float
keep_if(uint32_t condition, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits &= 0 - condition;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The sum of term(x, y) over the indices that are in at least one list; callers pass constants. */
static inline __attribute__((always_inline)) float
sum_terms(float (*term)(float, float), SparseElements a, SparseElements b)
{
	float sum = 0.0f;
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < a.count && j < b.count)
	{
		int32_t index_a = a.indices[i];
		int32_t index_b = b.indices[j];
		uint32_t take_a = index_a <= index_b;
		uint32_t take_b = index_b <= index_a;

		sum += term(keep_if(take_a, a.values[i]), keep_if(take_b, b.values[j]));
		i += take_a;
		j += take_b;
	}
	for (; i < a.count; i++)
		sum += term(a.values[i], 0.0f);
	for (; j < b.count; j++)
		sum += term(0.0f, b.values[j]);
	return sum;
}

float
sparse_l2_squared(SparseElements a, SparseElements b)
{
	return sum_terms(square_of_difference, a, b);
}

float
sparse_inner_product(SparseElements a, SparseElements b)
{
	return sum_terms(product, a, b);
}

float
sparse_l1(SparseElements a, SparseElements b)
{
	return sum_terms(absolute_difference, a, b);
}

static float
sum_of_squares(SparseElements elements)
{
	float sum = 0.0f;

	for (uint32_t i = 0; i < elements.count; i++)
		sum += elements.values[i] * elements.values[i];
	return sum;
}

double
sparse_cosine_similarity(SparseElements a, SparseElements b)
{
	double norms = (double) sum_of_squares(a) * (double) sum_of_squares(b);

	return (double) sparse_inner_product(a, b) / sqrt(norms);
}
