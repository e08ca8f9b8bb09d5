/*
 * types/sparsevec_compare.c
 *		The order of sparse vectors: that of the dense vectors with the same elements.
 *
 * A B-tree calls these in a context that lives as long as its sort, so copies made by detoasting
 * are freed.
 */
#include "postgres.h"
#include "compat.h"

#include "types/sparsevec.h"

PG_FUNCTION_INFO_V1(sparsevec_lt);
PG_FUNCTION_INFO_V1(sparsevec_le);
PG_FUNCTION_INFO_V1(sparsevec_eq);
PG_FUNCTION_INFO_V1(sparsevec_ne);
PG_FUNCTION_INFO_V1(sparsevec_ge);
PG_FUNCTION_INFO_V1(sparsevec_gt);
PG_FUNCTION_INFO_V1(sparsevec_cmp);

static int
sparsevec_compare(const Sparsevec *a, const Sparsevec *b)
{
	const float4 *values_a = sparsevec_values(a);
	const float4 *values_b = sparsevec_values(b);
	int32 shared_dim = Min(a->dim, b->dim);

	/* Equal elements are passed together, so that both lists are at the same place. */
	for (int i = 0;; i++)
	{
		/* Where a list has no element before shared_dim, the first index that can't be reached. */
		int32 index_a = i < a->nnz ? Min(a->indices[i], shared_dim) : shared_dim;
		int32 index_b = i < b->nnz ? Min(b->indices[i], shared_dim) : shared_dim;
		float4 x = index_a <= index_b && index_a < shared_dim ? values_a[i] : 0;
		float4 y = index_b <= index_a && index_b < shared_dim ? values_b[i] : 0;

		/* Elements are never NaN, so that this is a total order. */
		if (x != y)
			return x < y ? -1 : 1;
		if (index_a == shared_dim && index_b == shared_dim)
			return (a->dim > b->dim) - (a->dim < b->dim);
	}
}

static int
sparsevec_compare_arguments(FunctionCallInfo fcinfo)
{
	Sparsevec *a = PG_GETARG_SPARSEVEC_P(0);
	Sparsevec *b = PG_GETARG_SPARSEVEC_P(1);
	int order = sparsevec_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

Datum
sparsevec_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) < 0);
}

Datum
sparsevec_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) <= 0);
}

Datum
sparsevec_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) == 0);
}

Datum
sparsevec_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) != 0);
}

Datum
sparsevec_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) >= 0);
}

Datum
sparsevec_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sparsevec_compare_arguments(fcinfo) > 0);
}

Datum
sparsevec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(sparsevec_compare_arguments(fcinfo));
}
