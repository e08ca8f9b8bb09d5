/*
 * sq8.c
 *		The scalar quantizer: 8 bits a dimension, with a range of its own for each vector.
 *
 * The range [minimum, maximum] of a vector's elements is divided into 255 steps; an element is
 * stored as the number of the nearest one. Since the range is the vector's, nothing is learned
 * from other vectors: an index made on an empty table is as good as one built later, and a vector
 * unlike all earlier ones is coded as well as they. It costs 8 bytes a vector.
 *
 * The error of an element is at most half a step, plus the rounding of float32 (at the size of the
 * largest element). Distances are asymmetric: between the query in float32 and the element that
 * the code stands for. For L2 and L1 the difference is taken element by element; an expansion into
 * norms and a product would be an instruction shorter but lose the small distances, which are the
 * ones that matter, to cancellation. The inner product is
 *
 *		offset * sum(query) + step * sum(query[i] * value[i])
 *
 * so the kernel multiplies bare values. All elements that a code stands for are finite, for every
 * finite vector: the step is never so large that offset + 255 * step exceeds the maximum.
 */
#include <math.h>
#include <string.h>

#include "routines.h"

#define LEVELS 255

static size_t
sq8_parameters_size(uint32_t dimensions)
{
	(void) dimensions;
	return 0;
}

static void
sq8_train(const float *const *sample, uint32_t count, uint32_t dimensions, void *parameters)
{
	(void) sample;
	(void) count;
	(void) dimensions;
	(void) parameters;
}

static uint32_t
sq8_code_size(uint32_t dimensions)
{
	return ((uint32_t) sizeof(Sq8Code) + dimensions + 3) & ~(uint32_t) 3;
}

/*
 * The largest float that is not above (maximum - minimum) / LEVELS. In double, because the range
 * of a vector of floats may exceed FLT_MAX.
 */
static float
sq8_step(float minimum, float maximum)
{
	double range = (double) maximum - (double) minimum;
	float step = (float) (range / LEVELS);

	if ((double) step * LEVELS > range)
		step = nextafterf(step, 0.0f);
	return step;
}

static void
sq8_encode(const void *parameters, const float *vector, uint32_t dimensions, void *code)
{
	Sq8Code *sq8 = (Sq8Code *) code;
	float minimum = vector[0];
	float maximum = vector[0];
	double steps_per_unit;

	(void) parameters;
	for (uint32_t i = 1; i < dimensions; i++)
	{
		minimum = vector[i] < minimum ? vector[i] : minimum;
		maximum = vector[i] > maximum ? vector[i] : maximum;
	}
	memset(code, 0, sq8_code_size(dimensions));
	sq8->offset = minimum;
	sq8->step = sq8_step(minimum, maximum);
	/* A vector of equal elements, or of a range too small for a step: all values stay 0. */
	if (!(sq8->step > 0.0f))
		return;
	steps_per_unit = 1.0 / (double) sq8->step;
	for (uint32_t i = 0; i < dimensions; i++)
	{
		double steps = ((double) vector[i] - (double) minimum) * steps_per_unit + 0.5;

		/* The rounded step may be a little short of the range. */
		sq8->values[i] = (uint8_t) (steps < LEVELS ? steps : LEVELS);
	}
}

static void
sq8_decode(const void *parameters, const void *code, uint32_t dimensions, float *vector)
{
	const Sq8Code *sq8 = (const Sq8Code *) code;

	(void) parameters;
	/* In double, as the scalar kernels do. */
	for (uint32_t i = 0; i < dimensions; i++)
		vector[i] = (float) ((double) sq8->offset + (double) sq8->step * sq8->values[i]);
}

static size_t
sq8_query_size(uint32_t dimensions)
{
	(void) dimensions;
	return sizeof(QuantizerQuery);
}

static void
sq8_prepare_query(const void *parameters, DistanceMetric metric, const float *vector,
				  uint32_t dimensions, QuantizerQuery *query)
{
	(void) parameters;
	*query = (QuantizerQuery){
		.routine = &quantizer_sq8,
		.metric = metric,
		.dimensions = dimensions,
		.vector = vector,
		.vector_sum = distance_sum(vector, dimensions),
	};
	if (metric == DISTANCE_L2)
		query->batch = distance_kernels->sq8_l2_squared_batch;
	else if (metric == DISTANCE_L1)
		query->batch = distance_kernels->sq8_l1_batch;
}

static void
sq8_distances(const QuantizerQuery *query, const void *const *codes, uint32_t count,
			  float *distances)
{
	if (query->batch != NULL)
		query->batch(query->vector, codes, count, query->dimensions, distances);
	else
		distance_kernels->sq8_negative_inner_product_batch(query->vector, query->vector_sum, codes,
														   count, query->dimensions, distances);
}

const QuantizerRoutine quantizer_sq8 = {
	.kind = QUANTIZER_SQ8,
	.name = "sq8",
	.exact = false,
	.parameters_size = sq8_parameters_size,
	.train = sq8_train,
	.code_size = sq8_code_size,
	.encode = sq8_encode,
	.decode = sq8_decode,
	.query_size = sq8_query_size,
	.prepare_query = sq8_prepare_query,
	.distances = sq8_distances,
};
