/*
 * quantizer.h
 *		Compact codes of vectors, and distances from a query to them.
 *
 * An index searches on codes and finishes on raw vectors. A quantizer is one QuantizerRoutine: how
 * large a code is, how it is made, how a query is prepared for a scan, and the distances from it to
 * a batch of codes. Callers know no more than this header.
 *
 * Contract of all members: no allocation (memory is the caller's, of the sizes told), no lock, no
 * static state, no error thrown; pure loads and arithmetic. distances() reads codes that may lie in
 * a memory map and may run in a section that is left by siglongjmp, and it is safe for any bytes in
 * the codes: a corrupt code gives a wrong distance (NaN included), nothing worse.
 *
 * Scale: squared L2, negative inner product, L1; smaller is nearer. For DISTANCE_COSINE vectors and
 * query are normalized by the caller before they are encoded or prepared, and the distance is the
 * negative inner product. Estimates of small squared distances may be negative. L1 is for quantizers
 * with supports_l1.
 *
 * Alignment: codes and parameters to 4 bytes, a QuantizerQuery to 8. Standard headers alone, as in
 * distance.h.
 */
#ifndef VECTORSTORE_QUANTIZER_H
#define VECTORSTORE_QUANTIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/distance.h"

/* The numbers are stored in the metapage: never change one, only append. */
typedef enum QuantizerKind
{
	QUANTIZER_NONE = 0,		/* the raw vector is the code */
	QUANTIZER_SQ8 = 1,		/* 8 bits a dimension, a range for each vector */
	QUANTIZER_RABITQ_1 = 2, /* RaBitQ codes of so many bits (quantizer/rabitq.h) */
	QUANTIZER_RABITQ_2 = 3,
	QUANTIZER_RABITQ_4 = 4,
	QUANTIZER_RABITQ_8 = 5
} QuantizerKind;

static inline bool
quantizer_is_rabitq(QuantizerKind kind)
{
	return kind >= QUANTIZER_RABITQ_1 && kind <= QUANTIZER_RABITQ_8;
}

/* The kind of RaBitQ codes of 1, 2, 4 or 8 bits. */
static inline QuantizerKind
quantizer_rabitq_kind(uint32_t bits)
{
	return bits >= 8   ? QUANTIZER_RABITQ_8
		   : bits >= 4 ? QUANTIZER_RABITQ_4
		   : bits >= 2 ? QUANTIZER_RABITQ_2
					   : QUANTIZER_RABITQ_1;
}

/*
 * A query prepared for one scan by prepare_query(). The memory is the caller's, of query_size()
 * bytes; a quantizer keeps what else it needs behind this struct. It holds no other resource, so it
 * is simply forgotten after the scan.
 */
typedef struct QuantizerQuery
{
	const struct QuantizerRoutine *routine;
	DistanceMetric metric;
	uint32_t dimensions;
	const float *vector; /* the caller's; must live as long as the query */
} QuantizerQuery;

typedef struct QuantizerRoutine
{
	QuantizerKind kind;
	const char *name; /* as in the reloption */
	uint32_t bits;	  /* of a dimension in a code; 0 = it is a float */

	bool supports_l1;

	/* True if distances are those of the raw vectors, so that a scan needs no re-ranking. */
	bool exact;

	/*
	 * Bytes of the trained parameters that the index stores; 0 = none. Below, `parameters` is NULL
	 * where there are none, or where nothing was trained (an index made on an empty table).
	 */
	size_t (*parameters_size)(uint32_t dimensions);

	/* Learn the parameters from count sample vectors. Not called where parameters_size is 0. */
	void (*train)(const float *const *sample, uint32_t count, uint32_t dimensions,
				  void *parameters);

	/* Bytes of one code, a multiple of 4; for "none" that of the raw vector. */
	uint32_t (*code_size)(uint32_t dimensions);

	/*
	 * Write the code of a vector: all code_size() bytes, padding zeroed, so that equal vectors have
	 * equal codes. code may not overlap the vector.
	 */
	void (*encode)(const void *parameters, const float *vector, uint32_t dimensions, void *code);

	/*
	 * The vector that a code stands for, dimensions floats. code may not overlap the vector. (An
	 * unbiased estimate of a distance is not the distance of this vector.)
	 */
	void (*decode)(const void *parameters, const void *code, uint32_t dimensions, float *vector);

	/* Bytes that the caller provides to prepare_query(), at least sizeof(QuantizerQuery). */
	size_t (*query_size)(uint32_t dimensions);

	/* Prepare a query. parameters and vector must live as long as the query is used. */
	void (*prepare_query)(const void *parameters, DistanceMetric metric, const float *vector,
						  uint32_t dimensions, QuantizerQuery *query);

	/*
	 * Prepare a code as the query, for distances between codes, at a fraction of the cost. NULL where
	 * there is no such form; not for L1. parameters and code must live as long as the query is used.
	 */
	void (*prepare_code)(const void *parameters, DistanceMetric metric, const void *code,
						 uint32_t dimensions, QuantizerQuery *query);

	/*
	 * distances[i] = distance(query, codes[i]) for i < count (0 is allowed). Prefetches the codes
	 * itself: give all codes of a hop in one call.
	 */
	void (*distances)(const QuantizerQuery *query, const void *const *codes, uint32_t count,
					  float *distances);

	/*
	 * The same with lower bounds of the exact distances, which hold for nearly all codes; NULL
	 * where the quantizer knows none.
	 */
	void (*distances_with_bounds)(const QuantizerQuery *query, const void *const *codes,
								  uint32_t count, float *distances, float *lower_bounds);
} QuantizerRoutine;

/* The routine of a kind, NULL for an unknown number (a corrupt or newer metapage). */
extern const QuantizerRoutine *quantizer_routine(QuantizerKind kind);

#endif /* VECTORSTORE_QUANTIZER_H */
