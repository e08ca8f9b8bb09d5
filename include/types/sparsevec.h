/*
 * types/sparsevec.h
 *		Type sparsevec: up to 1,000,000,000 dimensions, of which up to 16,000 are not zero.
 *
 * The varlena layout is that of pgvector, so that data directories and binary dumps can move:
 *
 *		int32 vl_len_ | int32 dim | int32 nnz | int32 unused (0) | int32 indices[nnz] |
 *		float4 values[nnz]
 *
 * Indices count from 0 (in text from 1), ascend and are below dim; values are finite and not zero.
 * Input functions, casts and arithmetic keep that true.  DatumGetSparsevecP checks the header, so
 * that a damaged row is an ERROR and not a read past its end; who writes to a place that an index
 * names goes through sparsevec_to_floats, which checks the indices.
 */
#ifndef TYPES_SPARSEVEC_H
#define TYPES_SPARSEVEC_H

#include "distance/sparse_distance.h"
#include "fmgr.h"
#include "types/element_type.h"

#define SPARSEVEC_MAX_DIM 1000000000
#define SPARSEVEC_MAX_NNZ 16000

typedef struct Sparsevec
{
	int32 vl_len_; /* varlena header, not to be touched directly */
	int32 dim;
	int32 nnz;
	int32 unused;
	int32 indices[FLEXIBLE_ARRAY_MEMBER]; /* and behind them the values */
} Sparsevec;

StaticAssertDecl(offsetof(Sparsevec, indices) == 16,
				 "the layout of sparsevec is part of the disk format");

extern const ElementType sparsevec_element_type;

static inline Size
sparsevec_size(int nnz)
{
	return offsetof(Sparsevec, indices) + (sizeof(int32) + sizeof(float4)) * (Size) nnz;
}

static inline float4 *
sparsevec_values(const Sparsevec *sparsevec)
{
	return (float4 *) (sparsevec->indices + sparsevec->nnz);
}

static inline SparseElements
sparsevec_elements(const Sparsevec *sparsevec)
{
	return (SparseElements){.indices = sparsevec->indices,
							.values = sparsevec_values(sparsevec),
							.count = (uint32) sparsevec->nnz};
}

/* How many elements a value of dim dimensions may have.  escontext as in types/element_type.h. */
extern bool sparsevec_check_nnz(int nnz, int dim, struct Node *escontext);

/* That an index may follow the previous one; -1 in front of the first. */
extern bool sparsevec_check_index(int32 index, int32 previous, int dim, struct Node *escontext);

/* A value whose elements the caller sets.  dim and nnz have been checked. */
extern Sparsevec *sparsevec_alloc(int dim, int nnz);

/* The value of these elements, zeros left out.  dim has been checked, the elements are finite. */
extern Sparsevec *sparsevec_from_floats(const float4 *values, int dim);

/* All dim elements of a value, zeros included. */
extern void sparsevec_to_floats(const Sparsevec *sparsevec, float4 *values);

extern void sparsevec_report_corrupt(const Sparsevec *sparsevec);

/*
 * The value in a Datum, detoasted: either the Datum's own memory or a palloc'd copy.
 */
static inline Sparsevec *
DatumGetSparsevecP(Datum value)
{
	Sparsevec *sparsevec = (Sparsevec *) PG_DETOAST_DATUM(value);
	Size size = VARSIZE(sparsevec);

	if (unlikely(size < sparsevec_size(0) || sparsevec->dim < 1 ||
				 sparsevec->dim > SPARSEVEC_MAX_DIM || sparsevec->nnz < 0 ||
				 sparsevec->nnz > Min(SPARSEVEC_MAX_NNZ, sparsevec->dim) ||
				 size != sparsevec_size(sparsevec->nnz)))
		sparsevec_report_corrupt(sparsevec);
	return sparsevec;
}

#define PG_GETARG_SPARSEVEC_P(n)		 DatumGetSparsevecP(PG_GETARG_DATUM(n))
#define PG_RETURN_SPARSEVEC_P(sparsevec) PG_RETURN_POINTER(sparsevec)

/*
 * Support functions of our operator classes.  An index knows the metric of its operator class by
 * the address of support function 1, which is one of the first three.
 */
extern PGDLLEXPORT Datum sparsevec_l2_squared_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum sparsevec_negative_inner_product(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum sparsevec_l1_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum sparsevec_l2_norm(PG_FUNCTION_ARGS);

#endif /* TYPES_SPARSEVEC_H */
