/*
 * types/halfvec.h
 *		Type halfvec: a list of half-precision numbers of any length up to 16,000.
 *
 * Layout and invariants are those of types/dense.h, with elements of IEEE half precision
 * (distance/half.h); DatumGetHalfvecP is its dense_open, inlined for distances.
 */
#ifndef TYPES_HALFVEC_H
#define TYPES_HALFVEC_H

#include "distance/distance.h"
#include "fmgr.h"
#include "types/dense.h"

#define HALFVEC_MAX_DIM 16000

typedef struct Halfvec
{
	int32 vl_len_; /* varlena header, not to be touched directly */
	int16 dim;
	int16 unused;
	Half x[FLEXIBLE_ARRAY_MEMBER];
} Halfvec;

StaticAssertDecl(offsetof(Halfvec, x) == offsetof(DenseVector, elements), "a halfvec is dense");

extern const ElementType halfvec_element_type;

static inline Size
halfvec_size(int dimensions)
{
	return offsetof(Halfvec, x) + sizeof(Half) * (Size) dimensions;
}

/* A halfvec whose elements the caller sets.  dimensions has been checked. */
static inline Halfvec *
halfvec_alloc(int dimensions)
{
	return dense_alloc(&halfvec_element_type, dimensions);
}

/* A halfvec of these elements, rounded; they are in its range. */
static inline Halfvec *
halfvec_from_values(const float4 *values, int dimensions)
{
	return dense_from_values(&halfvec_element_type, values, dimensions);
}

/*
 * The halfvec in a Datum, detoasted: either the Datum's own memory or a palloc'd copy.
 */
static inline Halfvec *
DatumGetHalfvecP(Datum value)
{
	Halfvec *halfvec = (Halfvec *) PG_DETOAST_DATUM(value);
	Size size = VARSIZE(halfvec);

	if (unlikely(size <= halfvec_size(0) || halfvec->dim < 1 || size != halfvec_size(halfvec->dim)))
		dense_report_corrupt(&halfvec_element_type, halfvec);
	return halfvec;
}

#define PG_GETARG_HALFVEC_P(n)		 DatumGetHalfvecP(PG_GETARG_DATUM(n))
#define PG_RETURN_HALFVEC_P(halfvec) PG_RETURN_POINTER(halfvec)

/*
 * Support functions of our operator classes.  An index knows the metric of its operator class by
 * the address of support function 1, which is one of the first three.
 */
extern PGDLLEXPORT Datum halfvec_l2_squared_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum halfvec_negative_inner_product(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum halfvec_l1_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum halfvec_l2_norm(PG_FUNCTION_ARGS);

#endif /* TYPES_HALFVEC_H */
