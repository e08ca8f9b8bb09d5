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

#include "distance/distance.h"
#include "utils/relcache.h"

#define INDEX_DISTANCE_PROC 1
#define INDEX_NORM_PROC		2
#define INDEX_PROC_COUNT	2

/* The one operator of an operator class: its distance, to order by */
#define INDEX_DISTANCE_STRATEGY 1

typedef struct IndexType
{
	DistanceMetric metric; /* DISTANCE_COSINE where vectors are normalized */
	uint32 dimensions;
	Oid collation;
} IndexType;

/* ERROR where the column has no dimensions, more than the limit, or the operator class is not one
 * that we know (with a hint).  The result is cached nowhere: call it once a scan or build. */
extern void index_type_get(Relation index, IndexType *type);

/*
 * A column value or query as `type->dimensions` float32, normalized for cosine.  ERROR for other
 * dimensions, in the words of a distance operator.  False where the value can't be indexed: a zero
 * vector under cosine; `vector` holds zeros then.  `value` may be toasted; no memory is kept but
 * `vector`.
 */
extern bool index_type_form_vector(const IndexType *type, Datum value, float *vector);

#endif
