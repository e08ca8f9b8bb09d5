/*
 * types/vector_arithmetic.c
 *		Functions of vectors that are neither distances nor comparisons: their size, sums and
 *		products by element, parts and concatenations.
 */
#include "postgres.h"
#include "compat.h"

#include "types/float_arithmetic.h"
#include "types/vector.h"
#include "utils/varbit.h"

PG_FUNCTION_INFO_V1(vector_dims);
PG_FUNCTION_INFO_V1(vector_norm);
PG_FUNCTION_INFO_V1(l2_normalize);
PG_FUNCTION_INFO_V1(vector_add);
PG_FUNCTION_INFO_V1(vector_sub);
PG_FUNCTION_INFO_V1(vector_mul);
PG_FUNCTION_INFO_V1(vector_concat);
PG_FUNCTION_INFO_V1(subvector);
PG_FUNCTION_INFO_V1(binary_quantize);

typedef void (*ElementwiseFunction)(const ElementType *type, const float4 *a, const float4 *b,
									float4 *result, int count);

/*
 * One element-wise operation on both arguments.
 */
static Vector *
vector_apply(FunctionCallInfo fcinfo, ElementwiseFunction operation)
{
	Vector *a = PG_GETARG_VECTOR_P(0);
	Vector *b = PG_GETARG_VECTOR_P(1);
	Vector *result;

	element_type_check_same(&vector_element_type, a->dim, b->dim);
	result = vector_alloc(a->dim);
	operation(&vector_element_type, a->x, b->x, result->x, a->dim);
	return result;
}

Datum
vector_dims(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);

	PG_RETURN_INT32(value->dim);
}

Datum
vector_norm(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);

	PG_RETURN_FLOAT8(float_norm(value->x, value->dim));
}

Datum
l2_normalize(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);
	Vector *result = vector_alloc(value->dim);

	float_normalize(value->x, result->x, value->dim);
	PG_RETURN_VECTOR_P(result);
}

Datum
vector_add(PG_FUNCTION_ARGS)
{
	PG_RETURN_VECTOR_P(vector_apply(fcinfo, float_add));
}

Datum
vector_sub(PG_FUNCTION_ARGS)
{
	PG_RETURN_VECTOR_P(vector_apply(fcinfo, float_subtract));
}

Datum
vector_mul(PG_FUNCTION_ARGS)
{
	PG_RETURN_VECTOR_P(vector_apply(fcinfo, float_multiply));
}

Datum
vector_concat(PG_FUNCTION_ARGS)
{
	Vector *a = PG_GETARG_VECTOR_P(0);
	Vector *b = PG_GETARG_VECTOR_P(1);
	int dimensions = a->dim + b->dim;
	Vector *result;

	(void) element_type_check_dimensions(&vector_element_type, dimensions, NULL);
	result = vector_alloc(dimensions);
	memcpy(result->x, a->x, sizeof(float4) * a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(float4) * b->dim);
	PG_RETURN_VECTOR_P(result);
}

/*
 * count elements from start, which counts from 1, as substring() does: the part that lies outside
 * of the vector is left out.
 */
Datum
subvector(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);
	int64 start = PG_GETARG_INT32(1);
	int64 end = start + PG_GETARG_INT32(2); /* exclusive */
	int64 first = Max(start, 1);
	int64 dimensions = Min(end, (int64) value->dim + 1) - first;

	if (dimensions < 1)
		(void) element_type_check_dimensions(&vector_element_type, 0, NULL);
	PG_RETURN_VECTOR_P(vector_from_values(value->x + first - 1, (int) dimensions));
}

/*
 * A bit for each element: is it positive?
 */
Datum
binary_quantize(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);
	Size size = VARBITTOTALLEN(value->dim);
	VarBit *result = palloc0(size);
	unsigned char *bytes = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = value->dim;
	for (int i = 0; i < value->dim; i++)
		bytes[i / BITS_PER_BYTE] |= (value->x[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE);
	PG_RETURN_VARBIT_P(result);
}
