/*
 * index/index_query.h
 *		One query and its distances to slots: by codes while it searches, exact ones
 *		afterwards.
 */
#ifndef INDEX_INDEX_QUERY_H
#define INDEX_INDEX_QUERY_H

#include "index/index_type.h"
#include "quantizer/quantizer.h"
#include "storage/vector_store.h"

typedef struct IndexQuery
{
	IndexType type;		/* vector_size is that of the index's slots */
	const void *vector; /* the query in the form of slots */
	const QuantizerRoutine *quantizer;
	QuantizerQuery *prepared; /* NULL with quantizer none */
	PageArrayId search_array; /* what a search reads: codes, or vectors with quantizer none */
} IndexQuery;

/*
 * The parameters that the index's quantizer was trained to, in the current context; NULL where it
 * has none, and where the index was made on an empty table.
 */
extern void *index_read_parameters(StorageReader *reader);

/*
 * Memory in the current context; `vector` must outlive the query.  After index_meta_check().
 * Without `has_codes`, codes are the caller's to measure, and distances are exact ones.
 */
extern void index_query_begin(IndexQuery *query, StorageReader *reader, const IndexType *type,
							  const void *vector, bool has_codes);

/* Distances to slots of the array of codes or of vectors; any number of them. */
extern void index_query_measure(const IndexQuery *query, StorageReader *reader, PageArrayId array,
								const uint32 *ordinals, uint32 count, float *distances);

/*
 * Distances to codes with lower bounds of the exact ones, where the quantizer has any
 * (distances_with_bounds).
 */
extern void
index_query_bound(const IndexQuery *query, StorageReader *reader, const uint32 *ordinals,
				  uint32 count, float *distances, float *lower_bounds);

/* Distances to at most STORAGE_MAX_BATCH consecutive ones of the array that a search reads. */
extern void index_query_measure_run(const IndexQuery *query, StorageReader *reader, uint32 first,
									uint32 count, float *distances);

/*
 * For a caller that has the slots' addresses, of the array that a search reads: loads and arithmetic
 * alone, for the midst of a mapped-read section.
 */
extern void index_query_compute(const IndexQuery *query, const void *const *slots, uint32 count,
								float *distances);

#endif
