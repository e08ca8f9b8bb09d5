/*
 * types/dense_arithmetic.c
 *		Functions of dense types that are neither distances nor comparisons: their size, sums and
 *		products by element, parts and concatenations.
 */
#include "postgres.h"
#include "compat.h"

#include "types/dense.h"
#include "types/float_arithmetic.h"
#include "utils/varbit.h"

typedef void (*ElementwiseFunction)(const ElementType *type, const float4 *a, const float4 *b,
									float4 *result, int count);

/*
 * One element-wise operation on both arguments.
 */
static Datum
dense_apply(const ElementType *type, FunctionCallInfo fcinfo, ElementwiseFunction operation)
{
	DenseVector *a = dense_open(type, PG_GETARG_DATUM(0));
	DenseVector *b = dense_open(type, PG_GETARG_DATUM(1));
	DenseVector *result;
	float4 *values;

	element_type_check_same(type, a->dim, b->dim);
	result = dense_alloc(type, a->dim);
	values = dense_result_begin(type, result);
	operation(type, dense_values(type, a), dense_values(type, b), values, a->dim);
	dense_result_end(type, result, values);
	PG_RETURN_POINTER(result);
}

Datum
dense_dims(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));

	PG_RETURN_INT32(value->dim);
}

Datum
dense_norm(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(float_norm(dense_values(type, value), value->dim));
}

Datum
dense_normalize(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	DenseVector *result = dense_alloc(type, value->dim);
	float4 *values = dense_result_begin(type, result);

	float_normalize(dense_values(type, value), values, value->dim);
	dense_result_end(type, result, values);
	PG_RETURN_POINTER(result);
}

Datum
dense_add(const ElementType *type, FunctionCallInfo fcinfo)
{
	return dense_apply(type, fcinfo, float_add);
}

Datum
dense_subtract(const ElementType *type, FunctionCallInfo fcinfo)
{
	return dense_apply(type, fcinfo, float_subtract);
}

Datum
dense_multiply(const ElementType *type, FunctionCallInfo fcinfo)
{
	return dense_apply(type, fcinfo, float_multiply);
}

Datum
dense_concat(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *a = dense_open(type, PG_GETARG_DATUM(0));
	DenseVector *b = dense_open(type, PG_GETARG_DATUM(1));
	Size a_size = type->element_size * a->dim;
	int dimensions = a->dim + b->dim;
	DenseVector *result;

	(void) element_type_check_dimensions(type, dimensions, NULL);
	result = dense_alloc(type, dimensions);
	memcpy(result->elements, a->elements, a_size);
	memcpy(result->elements + a_size, b->elements, type->element_size * b->dim);
	PG_RETURN_POINTER(result);
}

/*
 * count elements from start, which counts from 1, as substring() does: the part that lies outside
 * of the vector is left out.
 */
Datum
dense_subvector(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	int64 start = PG_GETARG_INT32(1);
	int64 end = start + PG_GETARG_INT32(2); /* exclusive */
	int64 first = Max(start, 1);
	int64 dimensions = Min(end, (int64) value->dim + 1) - first;
	DenseVector *result;

	if (dimensions < 1)
		(void) element_type_check_dimensions(type, 0, NULL);
	result = dense_alloc(type, (int) dimensions);
	memcpy(result->elements, value->elements + type->element_size * (Size) (first - 1),
		   type->element_size * (Size) dimensions);
	PG_RETURN_POINTER(result);
}

/*
 * A bit for each element: is it positive?
 */
Datum
dense_binary_quantize(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	const float4 *values = dense_values(type, value);
	Size size = VARBITTOTALLEN(value->dim);
	VarBit *result = palloc0(size);
	unsigned char *bytes = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = value->dim;
	for (int i = 0; i < value->dim; i++)
		bytes[i / BITS_PER_BYTE] |= (values[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE);
	PG_RETURN_VARBIT_P(result);
}
