/*
 * types/dense_cast.c
 *		Casts of dense types: to another type modifier, between them, from arrays of numbers, to
 *		float4[].
 */
#include "postgres.h"
#include "compat.h"

#include "types/dense.h"
#include "types/float_array.h"

/*
 * The cast that checks a type modifier.
 */
Datum
dense_cast_typmod(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	int32 typmod = PG_GETARG_INT32(1);

	(void) element_type_check_typmod(typmod, value->dim, NULL);
	PG_RETURN_POINTER(value);
}

Datum
dense_cast_dense(const ElementType *from, const ElementType *to, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(from, PG_GETARG_DATUM(0));
	int32 typmod = PG_GETARG_INT32(1);
	const float4 *values = dense_values(from, value);

	(void) element_type_check_dimensions(to, value->dim, NULL);
	(void) element_type_check_typmod(typmod, value->dim, NULL);
	element_type_check_values(to, values, value->dim);
	PG_RETURN_POINTER(dense_from_values(to, values, value->dim));
}

Datum
dense_cast_from_array(const ElementType *type, FunctionCallInfo fcinfo)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int32 typmod = PG_GETARG_INT32(1);
	float4 *values;
	int count = float_array_read(type, array, typmod, &values);

	PG_RETURN_POINTER(dense_from_values(type, values, count));
}

Datum
dense_cast_to_float4(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));

	PG_RETURN_ARRAYTYPE_P(float_array_write(dense_values(type, value), value->dim));
}
