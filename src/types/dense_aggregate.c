/*
 * types/dense_aggregate.c
 *		The functions of the aggregate avg of dense types.  (Their sum is made of their addition.)
 */
#include "postgres.h"
#include "compat.h"

#include "types/dense.h"
#include "types/sum_state.h"

Datum
dense_accum(const ElementType *type, FunctionCallInfo fcinfo, const char *caller)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(1));
	bool in_place = AggCheckCallContext(fcinfo, NULL) != 0;

	PG_RETURN_ARRAYTYPE_P(
		sum_state_add(state, dense_values(type, value), value->dim, in_place, caller));
}

Datum
dense_avg(const ElementType *type, FunctionCallInfo fcinfo, const char *caller)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	float4 *means;
	int dimensions = sum_state_mean(type, state, &means, caller);

	if (dimensions == 0)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(dense_from_values(type, means, dimensions));
}
