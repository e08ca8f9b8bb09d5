/*
 * types/sparsevec_cast.c
 *		Casts of type sparsevec: to another type modifier, from arrays of numbers, and between it
 *		and the dense types.
 */
#include "postgres.h"
#include "compat.h"

#include "types/float_array.h"
#include "types/sparsevec.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(sparsevec);
PG_FUNCTION_INFO_V1(array_to_sparsevec);
PG_FUNCTION_INFO_V1(vector_to_sparsevec);
PG_FUNCTION_INFO_V1(sparsevec_to_vector);

/*
 * The cast that checks a type modifier.
 */
Datum
sparsevec(PG_FUNCTION_ARGS)
{
	Sparsevec *value = PG_GETARG_SPARSEVEC_P(0);
	int32 typmod = PG_GETARG_INT32(1);

	(void) element_type_check_typmod(typmod, value->dim, NULL);
	PG_RETURN_SPARSEVEC_P(value);
}

Datum
array_to_sparsevec(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int32 typmod = PG_GETARG_INT32(1);
	float4 *values;
	int dim = float_array_read(&sparsevec_element_type, array, typmod, &values);

	PG_RETURN_SPARSEVEC_P(sparsevec_from_floats(values, dim));
}

Datum
vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	Vector *value = PG_GETARG_VECTOR_P(0);
	int32 typmod = PG_GETARG_INT32(1);

	(void) element_type_check_typmod(typmod, value->dim, NULL);
	PG_RETURN_SPARSEVEC_P(sparsevec_from_floats(value->x, value->dim));
}

Datum
sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	Sparsevec *value = PG_GETARG_SPARSEVEC_P(0);
	int32 typmod = PG_GETARG_INT32(1);
	Vector *result;

	(void) element_type_check_dimensions(&vector_element_type, value->dim, NULL);
	(void) element_type_check_typmod(typmod, value->dim, NULL);
	result = vector_alloc(value->dim);
	sparsevec_to_floats(value, result->x);
	PG_RETURN_VECTOR_P(result);
}
