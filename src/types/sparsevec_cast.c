/*
 * types/sparsevec_cast.c
 *		Casts of type sparsevec: to another type modifier, from arrays of numbers, and between it
 *		and the dense types.
 */
#include "postgres.h"
#include "compat.h"

#include "types/float_array.h"
#include "types/halfvec.h"
#include "types/sparsevec.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(sparsevec);
PG_FUNCTION_INFO_V1(array_to_sparsevec);
PG_FUNCTION_INFO_V1(vector_to_sparsevec);
PG_FUNCTION_INFO_V1(sparsevec_to_vector);
PG_FUNCTION_INFO_V1(halfvec_to_sparsevec);
PG_FUNCTION_INFO_V1(sparsevec_to_halfvec);

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

static Datum
sparsevec_from_dense(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	int32 typmod = PG_GETARG_INT32(1);

	(void) element_type_check_typmod(typmod, value->dim, NULL);
	PG_RETURN_SPARSEVEC_P(sparsevec_from_floats(dense_values(type, value), value->dim));
}

static Datum
sparsevec_to_dense(const ElementType *type, FunctionCallInfo fcinfo)
{
	Sparsevec *value = PG_GETARG_SPARSEVEC_P(0);
	int32 typmod = PG_GETARG_INT32(1);
	DenseVector *result;
	float4 *values;

	(void) element_type_check_dimensions(type, value->dim, NULL);
	(void) element_type_check_typmod(typmod, value->dim, NULL);
	result = dense_alloc(type, value->dim);
	values = dense_result_begin(type, result);
	sparsevec_to_floats(value, values);
	element_type_check_values(type, values, value->dim);
	dense_result_end(type, result, values);
	PG_RETURN_POINTER(result);
}

Datum
vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	return sparsevec_from_dense(&vector_element_type, fcinfo);
}

Datum
sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	return sparsevec_to_dense(&vector_element_type, fcinfo);
}

Datum
halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	return sparsevec_from_dense(&halfvec_element_type, fcinfo);
}

Datum
sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	return sparsevec_to_dense(&halfvec_element_type, fcinfo);
}
