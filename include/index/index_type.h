/*
 * index/index_type.h
 *		What an index must know of its column: element type, dimensions, metric.
 *
 * The metric of an operator class is that of its support function 1, found by
 * the function's address in a table of ours; support function 2 (norm), where
 * an operator class has one, means that vectors are normalized before they are
 * stored (cosine).
 */
#ifndef INDEX_INDEX_TYPE_H
#define INDEX_INDEX_TYPE_H

#include "index/vector_type.h"
#include "utils/relcache.h"

#define INDEX_DISTANCE_PROC 1
#define INDEX_NORM_PROC		2
#define INDEX_PROC_COUNT	2

/* The one operator of an operator class: its distance, to order by */
#define INDEX_DISTANCE_STRATEGY 1

typedef struct IndexType
{
	const VectorTypeRoutine *vector_type;
	DistanceMetric metric; /* DISTANCE_COSINE where vectors are normalized */
	uint32 dimensions;
	uint32 vector_size; /* bytes of a stored vector, of a varying one at most */
	uint32 query_size;	/* the same of the first operand of a distance: a query may be larger */
	Oid collation;
} IndexType;

/* ERROR where the column has no dimensions, more than the limit, or the operator class is not one
 * that we know (with a hint).  The result is cached nowhere: call it once a scan or build. */
extern void index_type_get(Relation index, IndexType *type);

/*
 * A column value or query in the form that slots have, type->vector_size bytes (index/vector_type.h);
 * false where it can't be indexed.
 */
static inline bool
index_type_form_vector(const IndexType *type, Datum value, void *vector)
{
	return type->vector_type->form(value, type->dimensions, type->metric == DISTANCE_COSINE,
								   vector);
}

static inline void
index_type_to_floats(const IndexType *type, const void *vector, float *floats)
{
	type->vector_type->to_floats(vector, type->dimensions, floats);
}

/* The same, without a copy where the stored vector is one: `floats` is scratch. */
static inline const float *
index_type_as_floats(const IndexType *type, const void *vector, float *floats)
{
	if (type->vector_type->kind == VECTOR_TYPE_VECTOR)
		return vector;
	type->vector_type->to_floats(vector, type->dimensions, floats);
	return floats;
}

/* Bytes in use of a formed vector. */
static inline uint32
index_type_used_size(const IndexType *type, const void *vector)
{
	return type->vector_type->varying ? ((const VaryingVector *) vector)->size : type->vector_size;
}

/* Whether two vectors in memory are the same. */
static inline bool
index_type_equals(const IndexType *type, const void *a, const void *b)
{
	uint32 size = index_type_used_size(type, a);

	return size == index_type_used_size(type, b) && memcmp(a, b, size) == 0;
}

/* Between two stored vectors. */
static inline float
index_type_distance(const IndexType *type, const void *a, const void *b)
{
	return type->vector_type->distance(type, a, b);
}

/* From a stored vector (the query) to a batch of them. */
static inline void
index_type_distances(const IndexType *type, const void *query, const void *const *vectors,
					 uint32 count, float *distances)
{
	type->vector_type->distances(type, query, vectors, count, distances);
}

#endif
