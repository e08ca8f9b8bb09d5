/*
 * index/sparse_vector_type.c
 *		sparsevec as an element type of indexes.
 *
 * A stored vector is a VaryingVector header, then the indices of the elements that are not
 * zero, ascending, then their values: 8 bytes an element.  An index takes vectors of up to
 * SPARSE_MAX_ELEMENTS elements; a query may have more.
 *
 * What is read from a slot may be anything: a vector that says that it is larger than its
 * place is at no distance from anything (NaN).
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "index/index_type.h"
#include "types/sparsevec.h"

/* As in pgvector */
#define SPARSE_MAX_ELEMENTS 1000

#define ELEMENT_SIZE (sizeof(int32) + sizeof(float4))

/* How far from 1 the norm of a vector may be that was normalized in float32 */
#define NORM_TOLERANCE 1e-3

static inline uint32
size_of_elements(uint32 count)
{
	return (uint32) (sizeof(VaryingVector) + count * ELEMENT_SIZE);
}

/* The elements of a vector in a place of `room` bytes; false where it does not fit. */
static inline bool
open_vector(const void *vector, uint32 room, SparseElements *elements)
{
	uint32 size = ((const VaryingVector *) vector)->size;

	if (size < sizeof(VaryingVector) || size > room)
		return false;
	elements->count = (uint32) ((size - sizeof(VaryingVector)) / ELEMENT_SIZE);
	elements->indices = (const int32 *) ((const VaryingVector *) vector + 1);
	elements->values = (const void *) (elements->indices + elements->count);
	return true;
}

static uint32
sparse_slot_size(uint32 dimensions)
{
	return size_of_elements(Min(dimensions, SPARSE_MAX_ELEMENTS));
}

/*
 * Write the vector to `vector`, which has room for it; false where it can't be normalized.  Elements
 * that become zero by that are left out.
 */
static bool
write_vector(const Sparsevec *input, bool normalize, VaryingVector *vector)
{
	SparseElements elements = sparsevec_elements(input);
	double norm = 1;
	uint32 count = 0;
	int32 *indices = (int32 *) (vector + 1);
	float4 *values;

	if (normalize)
	{
		double sum = 0;

		for (uint32 i = 0; i < elements.count; i++)
			sum += (double) elements.values[i] * elements.values[i];
		norm = sqrt(sum);
	}

	for (uint32 i = 0; norm > 0 && i < elements.count; i++)
		count += (float4) (elements.values[i] / norm) != 0 ? 1 : 0;
	vector->size = size_of_elements(count);
	vector->elsewhere = 0;
	values = (float4 *) (indices + count);
	for (uint32 i = 0, at = 0; at < count; i++)
	{
		float4 value = (float4) (elements.values[i] / norm);

		if (value == 0)
			continue;
		indices[at] = elements.indices[i];
		values[at++] = value;
	}
	return norm > 0;
}

static Sparsevec *
open_value(Datum value, uint32 dimensions)
{
	Sparsevec *input = DatumGetSparsevecP(value);

	if ((uint32) input->dim != dimensions)
		element_type_report_different(&sparsevec_element_type, (int) dimensions, input->dim);
	return input;
}

static bool
sparse_form(Datum value, uint32 dimensions, bool normalize, void *slot)
{
	Sparsevec *input = open_value(value, dimensions);
	bool indexable;

	if (input->nnz > SPARSE_MAX_ELEMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d non-zero elements for hnsw index",
						SPARSE_MAX_ELEMENTS)));
	memset(slot, 0, sparse_slot_size(dimensions));
	indexable = write_vector(input, normalize, slot);

	if ((Pointer) input != DatumGetPointer(value))
		pfree(input);
	return indexable;
}

static void *
sparse_form_query(Datum value, uint32 dimensions, bool normalize, uint32 *size)
{
	Sparsevec *input = open_value(value, dimensions);
	VaryingVector *query = palloc(size_of_elements((uint32) input->nnz));

	(void) write_vector(input, normalize, query);
	*size = query->size;
	return query;
}

static inline float
distance_of_elements(DistanceMetric metric, SparseElements a, SparseElements b)
{
	switch (metric)
	{
		case DISTANCE_L2:
			return sparse_l2_squared(a, b);
		case DISTANCE_L1:
			return sparse_l1(a, b);
		default:
			return -sparse_inner_product(a, b);
	}
}

static float
sparse_distance(const IndexType *type, const void *a, const void *b)
{
	SparseElements a_elements;
	SparseElements b_elements;

	if (!open_vector(a, type->query_size, &a_elements) ||
		!open_vector(b, type->vector_size, &b_elements))
		return NAN;
	return distance_of_elements(type->metric, a_elements, b_elements);
}

/* Most lines of each vector that are fetched ahead */
#define PREFETCH_BYTES 512

static void
sparse_distances(const IndexType *type, const void *query, const void *const *slots, uint32 count,
				 float *distances)
{
	uint32 ahead = Min(type->vector_size, PREFETCH_BYTES);

	for (uint32 i = 0; i < count; i++)
	{
		for (uint32 at = 0; at < ahead; at += PG_CACHE_LINE_SIZE / 2)
			__builtin_prefetch((const char *) slots[i] + at);
	}
	for (uint32 i = 0; i < count; i++)
		distances[i] = sparse_distance(type, query, slots[i]);
}

static const char *
sparse_find_fault(const IndexType *type, const void *vector)
{
	SparseElements elements;
	double square_sum = 0;

	if (!open_vector(vector, type->vector_size, &elements))
		return "has an impossible size";
	if (((const VaryingVector *) vector)->size != size_of_elements(elements.count))
		return "has a size that is no number of elements";
	for (uint32 i = 0; i < elements.count; i++)
	{
		if (elements.indices[i] < 0 || (uint32) elements.indices[i] >= type->dimensions)
			return "has an element that is out of its dimensions";
		if (i > 0 && elements.indices[i] <= elements.indices[i - 1])
			return "has elements out of order";
		if (!isfinite(elements.values[i]))
			return "has an element that is not finite";
		square_sum += (double) elements.values[i] * elements.values[i];
	}
	if (type->metric == DISTANCE_COSINE && fabs(sqrt(square_sum) - 1) > NORM_TOLERANCE)
		return "is not normalized";
	return NULL;
}

const VectorTypeRoutine sparse_vector_type_routine = {
	.kind = VECTOR_TYPE_SPARSEVEC,
	.name = "sparsevec",
	.max_dimensions = SPARSEVEC_MAX_DIM,
	.quantizable = false,
	.varying = true,
	.slot_size = sparse_slot_size,
	.form = sparse_form,
	.form_query = sparse_form_query,
	.to_floats = NULL, /* a billion of them */
	.distance = sparse_distance,
	.distances = sparse_distances,
	.find_fault = sparse_find_fault,
};
