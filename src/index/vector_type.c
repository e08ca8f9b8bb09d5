/*
 * index/vector_type.c
 *		The element types that an index can hold.
 */
#include "postgres.h"
#include "compat.h"

#include "distance/bit_distance.h"
#include "index/index_type.h"
#include "types/bit.h"
#include "types/float_arithmetic.h"
#include "types/halfvec.h"
#include "types/vector.h"

/* A build's memory has room for some vectors as float32. */
#define BIT_MAX_INDEXED 1000000

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
vector_distance(const IndexType *type, const void *a, const void *b)
{
	return distance_between(type->metric, a, b, type->dimensions);
}

static void
vector_distances(const IndexType *type, const void *query, const void *const *slots, uint32 count,
				 float *distances)
{
	distance_batch_function(type->metric)(query, slots, count, type->dimensions, distances);
}

static const VectorTypeRoutine vector_routine = {
	.kind = VECTOR_TYPE_VECTOR,
	.name = "vector",
	.max_dimensions = VECTOR_MAX_DIM,
	.quantizable = true,
	.slot_size = vector_slot_size,
	.form = vector_form,
	.to_floats = vector_to_floats,
	.distance = vector_distance,
	.distances = vector_distances,
};

/* halfvec: halfs, stored as they are */

static uint32
halfvec_slot_size(uint32 dimensions)
{
	return dimensions * (uint32) sizeof(Half);
}

static bool
halfvec_form(Datum value, uint32 dimensions, bool normalize, void *slot)
{
	Halfvec *input = DatumGetHalfvecP(value);
	bool indexable = true;

	if ((uint32) input->dim != dimensions)
		element_type_report_different(&halfvec_element_type, (int) dimensions, input->dim);

	if (normalize)
	{
		float4 *floats = palloc(dimensions * sizeof(float4));

		distance_kernels->halfs_to_floats(input->x, floats, dimensions);
		float_normalize(floats, floats, input->dim);
		indexable = float_norm(floats, input->dim) > 0;
		distance_kernels->halfs_from_floats(floats, slot, dimensions);
		pfree(floats);
	}
	else
		memcpy(slot, input->x, dimensions * sizeof(Half));

	if ((Pointer) input != DatumGetPointer(value))
		pfree(input);
	return indexable;
}

static void
halfvec_to_floats(const void *slot, uint32 dimensions, float *floats)
{
	distance_kernels->halfs_to_floats(slot, floats, dimensions);
}

static float
halfvec_distance(const IndexType *type, const void *a, const void *b)
{
	return half_distance_between(type->metric, a, b, type->dimensions);
}

static void
halfvec_distances(const IndexType *type, const void *query, const void *const *slots, uint32 count,
				  float *distances)
{
	half_distance_batch_function(type->metric)(query, slots, count, type->dimensions, distances);
}

static const VectorTypeRoutine halfvec_routine = {
	.kind = VECTOR_TYPE_HALFVEC,
	.name = "halfvec",
	.max_dimensions = HALFVEC_MAX_DIM,
	.quantizable = true,
	.slot_size = halfvec_slot_size,
	.form = halfvec_form,
	.to_floats = halfvec_to_floats,
	.distance = halfvec_distance,
	.distances = halfvec_distances,
};

/* bit: the bytes of the string; a dimension is a bit, the first one the highest of its byte */

static uint32
bit_slot_size(uint32 dimensions)
{
	return (dimensions + BITS_PER_BYTE - 1) / BITS_PER_BYTE;
}

static bool
bit_form(Datum value, uint32 dimensions, bool normalize, void *slot)
{
	VarBit *input = DatumGetBitStringP(value);

	/* There is no operator class that normalizes. */
	Assert(!normalize);
	if ((uint32) VARBITLEN(input) != dimensions)
		bit_report_different((int) dimensions, VARBITLEN(input));
	memcpy(slot, VARBITS(input), VARBITBYTES(input));

	if ((Pointer) input != DatumGetPointer(value))
		pfree(input);
	return true;
}

/* 0 and 1: the squared L2 distance is that of Hamming. */
static void
bit_to_floats(const void *slot, uint32 dimensions, float *floats)
{
	const uint8 *bytes = slot;

	for (uint32 i = 0; i < dimensions; i++)
		floats[i] =
			(float) (bytes[i / BITS_PER_BYTE] >> (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE) & 1);
}

static float
bit_distance(const IndexType *type, const void *a, const void *b)
{
	size_t bytes = type->vector_size;

	if (type->metric == DISTANCE_JACCARD)
		return (float) bit_kernels->jaccard(a, b, bytes);
	return (float) bit_kernels->hamming(a, b, bytes);
}

static void
bit_distances(const IndexType *type, const void *query, const void *const *slots, uint32 count,
			  float *distances)
{
	if (type->metric == DISTANCE_JACCARD)
		bit_kernels->jaccard_batch(query, slots, count, type->vector_size, distances);
	else
		bit_kernels->hamming_batch(query, slots, count, type->vector_size, distances);
}

static const VectorTypeRoutine bit_routine = {
	.kind = VECTOR_TYPE_BIT,
	.name = "bit",
	.max_dimensions = BIT_MAX_INDEXED,
	.quantizable = false, /* a stored vector is one bit a dimension already */
	.slot_size = bit_slot_size,
	.form = bit_form,
	.to_floats = bit_to_floats,
	.distance = bit_distance,
	.distances = bit_distances,
};

const VectorTypeRoutine *
vector_type_routine(int kind)
{
	switch (kind)
	{
		case VECTOR_TYPE_VECTOR:
			return &vector_routine;
		case VECTOR_TYPE_HALFVEC:
			return &halfvec_routine;
		case VECTOR_TYPE_BIT:
			return &bit_routine;
		case VECTOR_TYPE_SPARSEVEC:
			return &sparse_vector_type_routine;
		default:
			return NULL;
	}
}
