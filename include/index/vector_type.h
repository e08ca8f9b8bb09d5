/*
 * index/vector_type.h
 *		What an index must know of an element type: how its vectors are stored in
 *		slots, and distances between stored vectors.
 *
 * A stored vector ("slot form") is plain bytes of a size that the index knows, the
 * same for equal vectors, so that it can be compared with memcmp().  Index methods
 * handle it as `const void *`; quantizers and centroids work on float32
 * (to_floats).
 *
 * Contract of distance, distances and to_floats: pure loads and arithmetic, no
 * allocation, no lock, no error thrown, safe for any bytes in the slots: they run in
 * mapped-read sections.
 */
#ifndef INDEX_VECTOR_TYPE_H
#define INDEX_VECTOR_TYPE_H

#include "distance/distance.h"
#include "types/element_type.h"

/* Stored in the metapage: never change a number. */
typedef enum VectorTypeKind
{
	VECTOR_TYPE_VECTOR = 0,
	VECTOR_TYPE_HALFVEC = 1,
	VECTOR_TYPE_BIT = 2,
	VECTOR_TYPE_SPARSEVEC = 3
} VectorTypeKind;

#define VECTOR_TYPE_COUNT 4

/*
 * Vectors of some types differ in size ("varying").  A stored vector of these begins with this
 * header.
 */
typedef struct VaryingVector
{
	uint32 size;	  /* bytes, this header among them */
	uint32 elsewhere; /* the index method's, in a slot; 0 in memory */
} VaryingVector;

/* index/index_type.h */
struct IndexType;

typedef struct VectorTypeRoutine
{
	VectorTypeKind kind;
	const char *name;	   /* as in SQL */
	uint32 max_dimensions; /* that an index takes */
	bool quantizable;	   /* codes can be made of to_floats */
	bool varying;		   /* slots begin with VaryingVector */

	/* Bytes of a stored vector; of the largest one that an index takes, if they are varying. */
	uint32 (*slot_size)(uint32 dimensions);

	/*
	 * Write a column's value or a query to `slot` (slot_size bytes, all of them), normalized where
	 * `normalize` (cosine).  ERROR for other dimensions, in the words of a distance operator.  False
	 * where the value can't be indexed: a zero vector under cosine; the slot holds zeros then.
	 * `value` may be toasted; no memory is kept.
	 */
	bool (*form)(Datum value, uint32 dimensions, bool normalize, void *slot);

	/*
	 * The same for the query of a search, which may be larger than any vector of an index: palloc'd,
	 * with its size.  NULL where form() will do.
	 */
	void *(*form_query)(Datum value, uint32 dimensions, bool normalize, uint32 *size);

	/* As float32, `dimensions` of them: for quantizers and centroids.  NULL: can't be had. */
	void (*to_floats)(const void *slot, uint32 dimensions, float *floats);

	/* Between stored vectors, on the scale where smaller is nearer. */
	float (*distance)(const struct IndexType *type, const void *a, const void *b);
	void (*distances)(const struct IndexType *type, const void *query, const void *const *slots,
					  uint32 count, float *distances);

	/* What is wrong with a stored vector, "has ..."; NULL if nothing.  NULL: look at to_floats. */
	const char *(*find_fault)(const struct IndexType *type, const void *slot);
} VectorTypeRoutine;

/* The routine of a kind; NULL for an unknown number (a corrupt or newer metapage). */
extern const VectorTypeRoutine *vector_type_routine(int kind);

/* index/sparse_vector_type.c */
extern const VectorTypeRoutine sparse_vector_type_routine;

#endif
