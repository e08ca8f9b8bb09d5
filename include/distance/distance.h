/*
 * distance.h
 *		Distances between float32 vectors, between vectors of halfs, and between a float32 vector
 *		and 8-bit codes.
 *
 * One set of kernels per instruction set (kernels_scalar.c is the specification that the tests
 * compare the others with), and one variable, distance_kernels, that points to the best set that
 * this machine can run. Callers go through that variable; nothing else of this layer is needed.
 *
 * Contract of every kernel: pure loads and arithmetic, no allocation, no lock, no static state, no
 * error thrown, and no byte read outside of the vectors given. So they may run in a section that is
 * left by siglongjmp. Floats and code headers are aligned to 4 bytes, halfs to 2, to more they need
 * not be. Sums are float32, of halfs too, which are converted as they are loaded: the instructions
 * that multiply and add halfs as such (AVX512-FP16) round every sum to 11 bits and are not used.
 * The order of summation differs between instruction sets, so results differ in the last bits.
 * Overflow gives infinity, as the sums of pgvector do (those of finite halfs can't overflow); a NaN
 * in gives a NaN out.
 *
 * This header and the sources of the layer use standard headers alone: the unit tests compile them
 * without the server.
 */
#ifndef VECTORSTORE_DISTANCE_H
#define VECTORSTORE_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "distance/half.h"
#include "distance/packed.h"

/*
 * The distances that an index can be ordered by. Everything below the SQL functions works on one
 * scale on which smaller is nearer: squared L2, negative inner product, L1; and for the cosine the
 * negative inner product too, of vectors that were normalized before.
 */
typedef enum DistanceMetric
{
	DISTANCE_L2,
	DISTANCE_INNER_PRODUCT,
	DISTANCE_COSINE,
	DISTANCE_L1,
	DISTANCE_HAMMING, /* of bit strings, as the next one */
	DISTANCE_JACCARD
} DistanceMetric;

/*
 * A vector in 8 bits a dimension: element i is offset + step * values[i]. The two sums let the
 * distances to a query be computed from the integer product of values and query alone; how that
 * goes, and how a code is made, is told in quantizer/sq8.c. Aligned to 4 bytes. A slot is
 * sizeof(Sq8Code) + dimensions bytes, rounded up to 4; kernels read neither the padding nor
 * anything behind it.
 */
typedef struct Sq8Code
{
	float offset;
	float step;
	uint32_t value_sum;	 /* of all values */
	uint32_t square_sum; /* of the squares of all values: 66,000 of the largest fit */
	uint8_t values[];
} Sq8Code;

/* A query for sq8_dot_batch has zeros behind its end, up to a multiple of so many elements. */
#define SQ8_QUERY_PADDING 32

/* One pair of vectors. */
typedef float (*DistancePair)(const float *a, const float *b, uint32_t dimensions);

/*
 * A batch: distances[i] = distance(query, vectors[i]) for i < count (0 is allowed). All distances
 * are written; the vectors are prefetched first, so that their cache misses overlap: give all the
 * vectors of one hop in one call. vectors[] point to float32 vectors, or to Sq8Code. The same two
 * vectors give the same distance, to the last bit, wherever they stand in whichever batch: a search
 * that goes over its candidates a second time takes up behind the last distance of the first.
 */
typedef void (*DistanceBatch)(const float *query, const void *const *vectors, uint32_t count,
							  uint32_t dimensions, float *distances);

/* The same between vectors of halfs: query, and what vectors[] point to, are halfs. */
typedef float (*HalfDistancePair)(const Half *a, const Half *b, uint32_t dimensions);
typedef void (*HalfDistanceBatch)(const Half *query, const void *const *vectors, uint32_t count,
								  uint32_t dimensions, float *distances);

typedef struct DistanceKernels
{
	const char *name; /* "scalar", "avx2", "avx512", "neon" */

	/* Single pairs. */
	DistancePair l2_squared;
	DistancePair inner_product; /* not negated */
	DistancePair l1;

	/* dot / sqrt(|a|^2 |b|^2) in one pass: NaN where a vector is zero; not clamped to [-1, 1] */
	double (*cosine_similarity)(const float *a, const float *b, uint32_t dimensions);

	/* Batches of float32 vectors, on the scale where smaller is nearer. */
	DistanceBatch l2_squared_batch;
	DistanceBatch negative_inner_product_batch;
	DistanceBatch l1_batch;

	/* L1 between a float32 query and Sq8Code. */
	DistanceBatch sq8_l1_batch;

	/*
	 * dots[i] = sum over j of query[j] * codes[i]->values[j], for a query in 16 bits. The caller
	 * sees to it that 255 * sum of |query[j]| is at most INT32_MAX, so that nothing overflows in
	 * whatever order it is added: the result is exact, and the same in all sets.
	 */
	void (*sq8_dot_batch)(const int16_t *query, const void *const *codes, uint32_t count,
						  uint32_t dimensions, int32_t *dots);

	/*
	 * The same for a query that is a code: dots[i] = sum over j of query->values[j] *
	 * codes[i]->values[j], at most 16,000 dimensions.  codes[i]->value_sum must be what it says.
	 */
	void (*sq8_code_dot_batch)(const Sq8Code *query, const void *const *codes, uint32_t count,
							   uint32_t dimensions, int32_t *dots);

	/* Vectors of halfs. */
	HalfDistancePair half_l2_squared;
	HalfDistancePair half_inner_product;
	HalfDistancePair half_l1;
	double (*half_cosine_similarity)(const Half *a, const Half *b, uint32_t dimensions);
	HalfDistanceBatch half_l2_squared_batch;
	HalfDistanceBatch half_negative_inner_product_batch;
	HalfDistanceBatch half_l1_batch;

	/* Arrays converted as distance/half.h says, bit for bit; they don't overlap. */
	void (*halfs_to_floats)(const Half *halfs, float *floats, uint32_t count);
	void (*halfs_from_floats)(const float *floats, Half *halfs, uint32_t count);

	/* Many vectors against many packed ones (packed.h). */
	PackedScores packed_scores;
	PackedNearest packed_nearest;
} DistanceKernels;

/*
 * The kernels to use: the scalar ones until distance_kernels_choose() was called, then the best set
 * that the processor and the operating system support. Constant from then on.
 */
extern const DistanceKernels *distance_kernels;

extern void distance_kernels_choose(void); /* from _PG_init() */

/* All sets that this machine can run, the scalar one first and the chosen one last. */
extern const DistanceKernels *const *distance_kernels_available(uint32_t *count);

/* The batch function for a metric on raw float32 vectors (normalized by the caller for the cosine). */
static inline DistanceBatch
distance_batch_function(DistanceMetric metric)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return distance_kernels->l2_squared_batch;
		case DISTANCE_L1:
			return distance_kernels->l1_batch;
		default:
			break;
	}
	return distance_kernels->negative_inner_product_batch;
}

/* One pair on the same scale as the batches. */
static inline float
distance_between(DistanceMetric metric, const float *a, const float *b, uint32_t dimensions)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return distance_kernels->l2_squared(a, b, dimensions);
		case DISTANCE_L1:
			return distance_kernels->l1(a, b, dimensions);
		default:
			break;
	}
	return -distance_kernels->inner_product(a, b, dimensions);
}

/* The two functions above for vectors of halfs. */
static inline HalfDistanceBatch
half_distance_batch_function(DistanceMetric metric)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return distance_kernels->half_l2_squared_batch;
		case DISTANCE_L1:
			return distance_kernels->half_l1_batch;
		default:
			return distance_kernels->half_negative_inner_product_batch;
	}
}

static inline float
half_distance_between(DistanceMetric metric, const Half *a, const Half *b, uint32_t dimensions)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return distance_kernels->half_l2_squared(a, b, dimensions);
		case DISTANCE_L1:
			return distance_kernels->half_l1(a, b, dimensions);
		default:
			return -distance_kernels->half_inner_product(a, b, dimensions);
	}
}

#endif /* VECTORSTORE_DISTANCE_H */
