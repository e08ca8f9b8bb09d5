/*
 * types/vector.h
 *		Type vector: a list of float4 of any length up to 16,000.
 *
 * Layout and invariants are those of types/dense.h, with elements of float4; DatumGetVectorP is its
 * dense_open, inlined for distances.
 */
#ifndef TYPES_VECTOR_H
#define TYPES_VECTOR_H

#include "fmgr.h"
#include "types/dense.h"

#define VECTOR_MAX_DIM 16000

typedef struct Vector
{
	int32 vl_len_; /* varlena header, not to be touched directly */
	int16 dim;
	int16 unused;
	float4 x[FLEXIBLE_ARRAY_MEMBER];
} Vector;

StaticAssertDecl(offsetof(Vector, x) == offsetof(DenseVector, elements), "a vector is dense");

extern const ElementType vector_element_type;

static inline Size
vector_size(int dimensions)
{
	return offsetof(Vector, x) + sizeof(float4) * (Size) dimensions;
}

/* A vector whose elements the caller sets.  dimensions has been checked. */
static inline Vector *
vector_alloc(int dimensions)
{
	return dense_alloc(&vector_element_type, dimensions);
}

/* A vector of these elements. */
static inline Vector *
vector_from_values(const float4 *values, int dimensions)
{
	return dense_from_values(&vector_element_type, values, dimensions);
}

/*
 * The vector in a Datum, detoasted: either the Datum's own memory or a palloc'd copy.
 */
static inline Vector *
DatumGetVectorP(Datum value)
{
	Vector *vector = (Vector *) PG_DETOAST_DATUM(value);
	Size size = VARSIZE(vector);

	if (unlikely(size <= vector_size(0) || vector->dim < 1 || size != vector_size(vector->dim)))
		dense_report_corrupt(&vector_element_type, vector);
	return vector;
}

#define PG_GETARG_VECTOR_P(n)	   DatumGetVectorP(PG_GETARG_DATUM(n))
#define PG_RETURN_VECTOR_P(vector) PG_RETURN_POINTER(vector)

/*
 * Support functions of our operator classes.  An index knows the metric of its operator class by
 * the address of support function 1, which is one of the first three.
 */
extern PGDLLEXPORT Datum vector_l2_squared_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum vector_negative_inner_product(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum l1_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum vector_norm(PG_FUNCTION_ARGS);

#endif /* TYPES_VECTOR_H */
