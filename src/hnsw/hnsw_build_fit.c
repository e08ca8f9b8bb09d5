/*
 * hnsw/hnsw_build_fit.c
 *		Whether 8-bit codes tell an index's vectors apart: those that its build would make
 *		for itself, and those that `quantizer = auto` would take.
 *
 * Such a code has 255 steps for the whole range of its vector's elements.  Where one element is
 * far from all others, or where vectors differ in less than such a step, near vectors have the
 * same codes, and a graph that goes by them leads nowhere, though the index itself keeps raw
 * vectors, or codes that know what vectors have in common.  (24 dimensions, one of which is 1000
 * and the others from 0 to 1: recall@10 0.03, and 0.996 by raw vectors.)  So the build looks at a
 * sample: a code must be much nearer to its vector than the vector's neighbors are.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "hnsw/hnsw_build.h"
#include "index/index_meta.h"
#include "index/options.h"
#include "quantizer/quantizer.h"

/* Vectors of the sample; and how many, that follow one of them in locality order, are its neighbors */
#define FIT_SAMPLE	  200
#define FIT_NEIGHBORS 16
/* A code's squared distance from its vector, as a share of the nearest neighbor's, at most */
#define FIT_ERROR_MAX 0.02f
/* The share of vectors of which that may be more: one in so many */
#define FIT_EXCEPTIONS 10

typedef struct Fit
{
	const IndexType *type;
	const BuiltArray *vectors;
	uint32 ordinal;
	uint32 neighbors;
	void *copy;
	float *floats; /* of a vector that is something else */
	float *vector;
	float *decoded;
	void *code;

	/* Squared distances */
	float error;
	float nearest; /* of those that are not equal; infinite if there is none */
} Fit;

static const float *
read_vector(Fit *fit, uint32 ordinal)
{
	return index_type_as_floats(fit->type, built_array_slot(fit->vectors, ordinal, fit->copy),
								fit->floats);
}

static void
measure_section(void *argument)
{
	Fit *fit = argument;
	const QuantizerRoutine *quantizer = quantizer_routine(HNSW_BUILD_OWN_QUANTIZER);
	uint32 dimensions = fit->type->dimensions;

	memcpy(fit->vector, read_vector(fit, fit->ordinal), dimensions * sizeof(float));
	quantizer->encode(NULL, fit->vector, dimensions, fit->code);
	quantizer->decode(NULL, fit->code, dimensions, fit->decoded);
	fit->error = distance_kernels->l2_squared(fit->vector, fit->decoded, dimensions);
	fit->nearest = INFINITY;
	for (uint32 i = 1; i <= fit->neighbors; i++)
	{
		float distance = distance_kernels->l2_squared(
			fit->vector, read_vector(fit, fit->ordinal + i), dimensions);

		if (distance > 0)
			fit->nearest = Min(fit->nearest, distance);
	}
}

bool
hnsw_build_codes_fit(const HnswBuild *build, const BuiltArray *vectors)
{
	Fit fit = {.type = &build->type, .vectors = vectors};
	const QuantizerRoutine *quantizer = quantizer_routine(HNSW_BUILD_OWN_QUANTIZER);
	Size size = build->type.dimensions * sizeof(float);
	uint32 sample;
	uint32 exceptions = 0;

	fit.neighbors = Min(build->node_count - 1, FIT_NEIGHBORS);
	sample = Min(build->node_count - fit.neighbors, FIT_SAMPLE);
	fit.copy = palloc(build->type.vector_size);
	fit.floats = palloc(size);
	fit.vector = palloc(size);
	fit.decoded = palloc(size);
	fit.code = palloc(quantizer->code_size(build->type.dimensions));
	for (uint32 i = 0; i < sample; i++)
	{
		CHECK_FOR_INTERRUPTS();
		fit.ordinal = (uint32) ((uint64) i * (build->node_count - fit.neighbors) / sample);
		mapped_read_call(measure_section, &fit);
		exceptions += !(fit.error <= FIT_ERROR_MAX * fit.nearest);
	}
	pfree(fit.code);
	pfree(fit.decoded);
	pfree(fit.vector);
	pfree(fit.floats);
	pfree(fit.copy);
	return exceptions <= sample / FIT_EXCEPTIONS;
}

void
hnsw_build_check_quantizer(HnswBuild *build)
{
	BuiltArray vectors;

	if (build->meta->quantizer != HNSW_BUILD_OWN_QUANTIZER ||
		!index_quantizer_is_auto(build->index))
		return;
	built_array_init(&vectors, build->map, &build->meta->arrays[PAGE_ARRAY_VECTORS]);
	if (!hnsw_build_codes_fit(build, &vectors))
		index_meta_set_quantizer(&build->type, QUANTIZER_NONE, build->meta);
}
