/*
 * types/vector_cast.c
 *		Casts of type vector: to another type modifier, from arrays of numbers, to float4[].
 */
#include "postgres.h"
#include "compat.h"

#include "types/float_array.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(vector);
PG_FUNCTION_INFO_V1(array_to_vector);
PG_FUNCTION_INFO_V1(vector_to_float4);

/*
 * The cast that checks a type modifier.
 */
Datum
vector(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);
	int32 typmod = PG_GETARG_INT32(1);

	(void) element_type_check_typmod(typmod, value->dim, NULL);
	PG_RETURN_VECTOR_P(value);
}

Datum
array_to_vector(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int32 typmod = PG_GETARG_INT32(1);
	float4 *values;
	int count = float_array_read(&vector_element_type, array, typmod, &values);

	PG_RETURN_VECTOR_P(vector_from_values(values, count));
}

Datum
vector_to_float4(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);

	PG_RETURN_ARRAYTYPE_P(float_array_write(value->x, value->dim));
}
