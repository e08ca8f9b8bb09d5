/*
 * none.c
 *		The quantizer that does nothing: the code is the raw float32 vector, distances are exact.
 *
 * With it, an index searches through the same interface as with any other, without re-ranking.
 */
#include <string.h>

#include "routines.h"

static size_t
none_parameters_size(uint32_t dimensions)
{
	(void) dimensions;
	return 0;
}

static void
none_train(const float *const *sample, uint32_t count, uint32_t dimensions, void *parameters)
{
	(void) sample;
	(void) count;
	(void) dimensions;
	(void) parameters;
}

static uint32_t
none_code_size(uint32_t dimensions)
{
	return dimensions * (uint32_t) sizeof(float);
}

static void
none_encode(const void *parameters, const float *vector, uint32_t dimensions, void *code)
{
	(void) parameters;
	memcpy(code, vector, none_code_size(dimensions));
}

static void
none_decode(const void *parameters, const void *code, uint32_t dimensions, float *vector)
{
	(void) parameters;
	memcpy(vector, code, none_code_size(dimensions));
}

static size_t
none_query_size(uint32_t dimensions)
{
	(void) dimensions;
	return sizeof(QuantizerQuery);
}

static void
none_prepare_query(const void *parameters, DistanceMetric metric, const float *vector,
				   uint32_t dimensions, QuantizerQuery *query)
{
	(void) parameters;
	*query = (QuantizerQuery){
		.routine = &quantizer_none,
		.metric = metric,
		.dimensions = dimensions,
		.vector = vector,
	};
}

static void
none_distances(const QuantizerQuery *query, const void *const *codes, uint32_t count,
			   float *distances)
{
	distance_batch_function(query->metric)(query->vector, codes, count, query->dimensions,
										   distances);
}

const QuantizerRoutine quantizer_none = {
	.kind = QUANTIZER_NONE,
	.name = "none",
	.bits = 0,
	.supports_l1 = true,
	.exact = true,
	.parameters_size = none_parameters_size,
	.train = none_train,
	.code_size = none_code_size,
	.encode = none_encode,
	.decode = none_decode,
	.query_size = none_query_size,
	.prepare_query = none_prepare_query,
	.distances = none_distances,
};
