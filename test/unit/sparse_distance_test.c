/*
 * sparse_distance_test.c
 *		Distances between sparse vectors, against the sums over dense ones.
 *
 * Values are small integers, so that all sums are exact in float32: an element left out, taken
 * twice or paired with a wrong one shows.  Lists as a damaged page may hold them, in any order and
 * with any index, are only read within their bounds.
 */
#include "unit.h"

#include <math.h>

#include "distance/sparse_distance.h"

#define DIMENSIONS_MAX 300

typedef struct DenseVector
{
	float values[DIMENSIONS_MAX];
} DenseVector;

/* Lists at the end of guarded memory. */
typedef struct SparseMemory
{
	Guarded indices;
	Guarded values;
} SparseMemory;

static SparseMemory
sparse_memory_create(void)
{
	return (SparseMemory){.indices = guarded_create(DIMENSIONS_MAX * sizeof(int32_t)),
						  .values = guarded_create(DIMENSIONS_MAX * sizeof(float))};
}

/* A dense vector of which share of 8 elements is set. */
static void
fill(DenseVector *dense, uint32_t dimensions, uint32_t share)
{
	for (uint32_t i = 0; i < dimensions; i++)
		dense->values[i] = random_below(8) < share ? (float) ((int) random_below(17) - 8) : 0.0f;
}

static SparseElements
make_sparse(const DenseVector *dense, uint32_t dimensions, SparseMemory memory)
{
	uint32_t count = 0;
	int32_t *indices;
	float *values;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < dimensions; i++)
		count += dense->values[i] != 0.0f;
	indices = (int32_t *) memory.indices.end - count;
	values = (float *) memory.values.end - count;
	for (uint32_t i = 0; i < dimensions; i++)
		if (dense->values[i] != 0.0f)
		{
			indices[taken] = (int32_t) i;
			values[taken++] = dense->values[i];
		}
	return (SparseElements){.indices = indices, .values = values, .count = count};
}

static void
compare(const DenseVector *x, const DenseVector *y, SparseElements a, SparseElements b,
		uint32_t dimensions)
{
	double l2 = 0;
	double product = 0;
	double l1 = 0;
	double square_x = 0;
	double square_y = 0;
	double cosine = sparse_cosine_similarity(a, b);
	double expected_cosine;

	for (uint32_t i = 0; i < dimensions; i++)
	{
		double difference = (double) x->values[i] - (double) y->values[i];

		l2 += difference * difference;
		product += (double) x->values[i] * (double) y->values[i];
		l1 += fabs(difference);
		square_x += (double) x->values[i] * (double) x->values[i];
		square_y += (double) y->values[i] * (double) y->values[i];
	}
	expected_cosine = product / sqrt(square_x * square_y);

	expect(sparse_l2_squared(a, b) == (float) l2, "l2, %u and %u of %u: %g, should be %g", a.count,
		   b.count, dimensions, sparse_l2_squared(a, b), l2);
	expect(sparse_inner_product(a, b) == (float) product,
		   "inner product, %u and %u of %u: %g, should be %g", a.count, b.count, dimensions,
		   sparse_inner_product(a, b), product);
	expect(sparse_l1(a, b) == (float) l1, "l1, %u and %u of %u: %g, should be %g", a.count, b.count,
		   dimensions, sparse_l1(a, b), l1);
	expect(isnan(expected_cosine) ? isnan(cosine) : fabs(cosine - expected_cosine) < 1e-14,
		   "cosine, %u and %u of %u: %g, should be %g", a.count, b.count, dimensions, cosine,
		   expected_cosine);
}

static void
test_dense(SparseMemory memory_a, SparseMemory memory_b)
{
	for (uint32_t dimensions = 0; dimensions <= DIMENSIONS_MAX; dimensions++)
		for (uint32_t shares = 0; shares < 25; shares++)
		{
			static const uint32_t share_of[] = {0, 1, 4, 7, 8};
			DenseVector x;
			DenseVector y;
			SparseElements a;
			SparseElements b;

			fill(&x, dimensions, share_of[shares % 5]);
			fill(&y, dimensions, share_of[shares / 5]);
			a = make_sparse(&x, dimensions, memory_a);
			b = make_sparse(&y, dimensions, memory_b);
			compare(&x, &y, a, b, dimensions);
			compare(&x, &x, a, a, dimensions);
		}
	check_done("the same as dense vectors of 0 to %d dimensions", DIMENSIONS_MAX);
}

static void
test_ends_of_range(void)
{
	int32_t ends[] = {0, INT32_MAX};
	float values[] = {3.0f, 4.0f};
	SparseElements both = {.indices = ends, .values = values, .count = 2};
	SparseElements last = {.indices = ends + 1, .values = values + 1, .count = 1};
	SparseElements none = {.indices = NULL, .values = NULL, .count = 0};

	expect(sparse_l2_squared(both, none) == 25.0f && sparse_l2_squared(none, both) == 25.0f,
		   "none and both");
	expect(sparse_l2_squared(both, last) == 9.0f && sparse_inner_product(both, last) == 16.0f &&
			   sparse_l1(both, last) == 3.0f,
		   "both and the last");
	expect(sparse_l2_squared(none, none) == 0.0f && isnan(sparse_cosine_similarity(none, none)),
		   "none and none");
	check_done("indices at the ends of their range, and no elements");
}

static void
test_damaged(SparseMemory memory_a, SparseMemory memory_b)
{
	for (int round = 0; round < 20000; round++)
	{
		SparseElements lists[2];

		for (int l = 0; l < 2; l++)
		{
			SparseMemory memory = l == 0 ? memory_a : memory_b;
			uint32_t count = random_below(40);
			int32_t *indices = (int32_t *) memory.indices.end - count;
			float *values = (float *) memory.values.end - count;

			for (uint32_t i = 0; i < count; i++)
			{
				uint64_t bits = random_next();

				indices[i] = (int32_t) (bits >> 32);
				memcpy(&values[i], &bits, sizeof(float));
			}
			lists[l] = (SparseElements){.indices = indices, .values = values, .count = count};
		}
		/* What comes out has no meaning; reading outside of the lists would end the test. */
		expect(!(sparse_l2_squared(lists[0], lists[1]) < 0.0f), "l2 of damaged lists");
		expect(!(sparse_l1(lists[0], lists[1]) < 0.0f), "l1 of damaged lists");
		expect(!(fabs(sparse_cosine_similarity(lists[0], lists[0])) > 1.001),
			   "cosine of a damaged list and itself");
	}
	check_done("damaged lists are read within their bounds");
}

int
main(void)
{
	SparseMemory memory_a = sparse_memory_create();
	SparseMemory memory_b = sparse_memory_create();

	test_dense(memory_a, memory_b);
	test_ends_of_range();
	test_damaged(memory_a, memory_b);
	return checks_end();
}
