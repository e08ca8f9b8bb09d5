/*
 * index/vector_type.c
 *		The element types that an index can hold.
 */
#include "postgres.h"
#include "compat.h"

#include "index/vector_type.h"
#include "types/float_arithmetic.h"
#include "types/vector.h"

/* vector: float32, stored as they are */

static uint32
vector_slot_size(uint32 dimensions)
{
	return dimensions * (uint32) sizeof(float);
}

static bool
vector_form(Datum value, uint32 dimensions, bool normalize, void *slot)
{
	Vector *input = DatumGetVectorP(value);
	bool indexable = true;

	if ((uint32) input->dim != dimensions)
		element_type_report_different(&vector_element_type, (int) dimensions, input->dim);

	if (normalize)
	{
		float_normalize(input->x, slot, input->dim);
		indexable = float_norm(slot, input->dim) > 0;
	}
	else
		memcpy(slot, input->x, dimensions * sizeof(float));

	if ((Pointer) input != DatumGetPointer(value))
		pfree(input);
	return indexable;
}

static void
vector_to_floats(const void *slot, uint32 dimensions, float *floats)
{
	memcpy(floats, slot, dimensions * sizeof(float));
}

static float
vector_distance(DistanceMetric metric, const void *a, const void *b, uint32 dimensions)
{
	return distance_between(metric, a, b, dimensions);
}

static void
vector_distances(DistanceMetric metric, const void *query, const void *const *slots, uint32 count,
				 uint32 dimensions, float *distances)
{
	distance_batch_function(metric)(query, slots, count, dimensions, distances);
}

static const VectorTypeRoutine vector_routine = {
	.kind = VECTOR_TYPE_VECTOR,
	.name = "vector",
	.max_dimensions = VECTOR_MAX_DIM,
	.slot_size = vector_slot_size,
	.form = vector_form,
	.to_floats = vector_to_floats,
	.distance = vector_distance,
	.distances = vector_distances,
};

const VectorTypeRoutine *
vector_type_routine(int kind)
{
	switch (kind)
	{
		case VECTOR_TYPE_VECTOR:
			return &vector_routine;
		default:
			return NULL;
	}
}
