/*
 * types/dense_compare.c
 *		The order of values of a dense type: by element, and of two where one is the beginning of
 *		the other, the shorter first, as arrays are ordered.
 *
 * A B-tree calls this in a context that lives as long as its sort, so copies made by detoasting are
 * freed.
 */
#include "postgres.h"
#include "compat.h"

#include "types/dense.h"

int
dense_compare(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *a = dense_open(type, PG_GETARG_DATUM(0));
	DenseVector *b = dense_open(type, PG_GETARG_DATUM(1));
	int order = type->elements_compare(a->elements, b->elements, Min(a->dim, b->dim));

	if (order == 0)
		order = (a->dim > b->dim) - (a->dim < b->dim);
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}
