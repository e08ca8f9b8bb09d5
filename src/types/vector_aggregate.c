/*
 * types/vector_aggregate.c
 *		The functions of the aggregate avg(vector).  (sum(vector) is made of vector_add.)
 */
#include "postgres.h"
#include "compat.h"

#include "types/sum_state.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(vector_accum);
PG_FUNCTION_INFO_V1(vector_combine);
PG_FUNCTION_INFO_V1(vector_avg);

Datum
vector_accum(PG_FUNCTION_ARGS)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	Vector *value = PG_GETARG_VECTOR_P(1);
	bool in_place = AggCheckCallContext(fcinfo, NULL) != 0;

	PG_RETURN_ARRAYTYPE_P(sum_state_add(state, value->x, value->dim, in_place, "vector_accum"));
}

Datum
vector_combine(PG_FUNCTION_ARGS)
{
	ArrayType *left = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *right = PG_GETARG_ARRAYTYPE_P(1);

	PG_RETURN_ARRAYTYPE_P(sum_state_combine(left, right, "vector_combine"));
}

Datum
vector_avg(PG_FUNCTION_ARGS)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	float4 *means;
	int dimensions = sum_state_mean(&vector_element_type, state, &means, "vector_avg");

	if (dimensions == 0)
		PG_RETURN_NULL();
	PG_RETURN_VECTOR_P(vector_from_values(means, dimensions));
}
