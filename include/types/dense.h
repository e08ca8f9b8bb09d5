/*
 * types/dense.h
 *		What vector and halfvec share: a value that stores every element, and its SQL functions.
 *
 * The varlena layout is that of pgvector, so that data directories and binary dumps can move:
 *
 *		int32 vl_len_ | int16 dim | int16 unused (0) | elements[dim]
 *
 * Every element is finite and 1 <= dim <= max_dimensions; input functions, casts and arithmetic keep
 * that true.  A value from outside is opened by dense_open, which checks that its length agrees with
 * dim, so that a damaged row is an ERROR and not a read past its end.
 *
 * Arithmetic is done in float4 whatever the elements are: dense_values reads them, dense_from_values
 * rounds results to the nearest element.  For sums and products of two halfs that is the same as
 * rounding once, because a float4 has more than twice their bits.
 *
 * The functions that take a FunctionCallInfo are bodies of SQL functions on one type: the file of
 * each type (vector.c, halfvec.c) calls them with its ElementType.
 */
#ifndef TYPES_DENSE_H
#define TYPES_DENSE_H

#include "fmgr.h"
#include "types/element_type.h"

typedef struct DenseVector
{
	int32 vl_len_; /* varlena header, not to be touched directly */
	int16 dim;
	int16 unused;
	char elements[FLEXIBLE_ARRAY_MEMBER];
} DenseVector;

StaticAssertDecl(offsetof(DenseVector, elements) == 8, "the layout is part of the disk format");

/* A value whose elements the caller sets.  dimensions has been checked. */
extern void *dense_alloc(const ElementType *type, int dimensions);

/* The value in a Datum, detoasted: either the Datum's own memory or a palloc'd copy. */
extern DenseVector *dense_open(const ElementType *type, Datum value);

extern void dense_report_corrupt(const ElementType *type, const void *value);

/* The elements as float4: the value's own memory, or palloc'd. */
extern const float4 *dense_values(const ElementType *type, const void *value);

/* A value of these elements, which the type can hold. */
extern void *dense_from_values(const ElementType *type, const float4 *values, int dimensions);

/*
 * A new value whose elements are computed as float4, without a copy where they are float4: the
 * caller fills what dense_result_begin returns, which the type can hold, then calls
 * dense_result_end.
 */
extern float4 *dense_result_begin(const ElementType *type, DenseVector *result);
extern void dense_result_end(const ElementType *type, DenseVector *result, float4 *values);

/* Input and output */
extern Datum dense_in(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_out(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_typmod_in(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_recv(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_send(const ElementType *type, FunctionCallInfo fcinfo);

/* Distances; the spherical one is for unit vectors */
extern Datum dense_l2_distance(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_l2_squared_distance(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_inner_product(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_negative_inner_product(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_cosine_distance(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_spherical_distance(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_l1_distance(const ElementType *type, FunctionCallInfo fcinfo);

/* Size, sums and products by element, parts and concatenations */
extern Datum dense_dims(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_norm(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_normalize(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_add(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_subtract(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_multiply(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_concat(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_subvector(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_binary_quantize(const ElementType *type, FunctionCallInfo fcinfo);

/* The order of both arguments: below, at or above 0. */
extern int dense_compare(const ElementType *type, FunctionCallInfo fcinfo);

/* Casts: to another type modifier, between dense types, from arrays of numbers, to float4[] */
extern Datum dense_cast_typmod(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum
dense_cast_dense(const ElementType *from, const ElementType *to, FunctionCallInfo fcinfo);
extern Datum dense_cast_from_array(const ElementType *type, FunctionCallInfo fcinfo);
extern Datum dense_cast_to_float4(const ElementType *type, FunctionCallInfo fcinfo);

/* The aggregate avg; the state of all types is the same, and so is what combines two. */
extern Datum dense_accum(const ElementType *type, FunctionCallInfo fcinfo, const char *caller);
extern Datum dense_avg(const ElementType *type, FunctionCallInfo fcinfo, const char *caller);

#endif /* TYPES_DENSE_H */
