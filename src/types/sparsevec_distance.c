/*
 * types/sparsevec_distance.c
 *		Distances between two sparse vectors, for SQL.
 *
 * The arithmetic is that of distance/sparse_distance.h, as for indexes.  A cosine distance from a
 * zero vector is NaN, which sorts last.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "types/float_arithmetic.h"
#include "types/sparsevec.h"

PG_FUNCTION_INFO_V1(sparsevec_l2_distance);
PG_FUNCTION_INFO_V1(sparsevec_l2_squared_distance);
PG_FUNCTION_INFO_V1(sparsevec_inner_product);
PG_FUNCTION_INFO_V1(sparsevec_negative_inner_product);
PG_FUNCTION_INFO_V1(sparsevec_cosine_distance);
PG_FUNCTION_INFO_V1(sparsevec_l1_distance);

typedef struct SparsevecPair
{
	SparseElements a;
	SparseElements b;
} SparsevecPair;

static SparsevecPair
sparsevec_pair_get(FunctionCallInfo fcinfo)
{
	const Sparsevec *a = PG_GETARG_SPARSEVEC_P(0);
	const Sparsevec *b = PG_GETARG_SPARSEVEC_P(1);

	element_type_check_same(&sparsevec_element_type, a->dim, b->dim);
	return (SparsevecPair){.a = sparsevec_elements(a), .b = sparsevec_elements(b)};
}

static double
l2_squared(SparsevecPair pair)
{
	return (double) sparse_l2_squared(pair.a, pair.b);
}

static double
dot_product(SparsevecPair pair)
{
	return (double) sparse_inner_product(pair.a, pair.b);
}

Datum
sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(l2_squared(sparsevec_pair_get(fcinfo))));
}

Datum
sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(l2_squared(sparsevec_pair_get(fcinfo)));
}

Datum
sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(dot_product(sparsevec_pair_get(fcinfo)));
}

Datum
sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-dot_product(sparsevec_pair_get(fcinfo)));
}

Datum
sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	SparsevecPair pair = sparsevec_pair_get(fcinfo);

	PG_RETURN_FLOAT8(1.0 - float_clamp_cosine(sparse_cosine_similarity(pair.a, pair.b)));
}

Datum
sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	SparsevecPair pair = sparsevec_pair_get(fcinfo);

	PG_RETURN_FLOAT8((double) sparse_l1(pair.a, pair.b));
}
