/*
 * types/dense_distance.c
 *		Distances between two values of a dense type, for SQL.
 *
 * The arithmetic is that of the kernels chosen at load (distance/distance.h): the same that index
 * searches use, so that an index scan and a sort give the same distances.  A cosine distance from
 * a zero vector is NaN, which sorts last.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "types/dense.h"
#include "types/float_arithmetic.h"

typedef struct DensePair
{
	const void *a;
	const void *b;
	uint32 dimensions;
} DensePair;

static inline DensePair
dense_pair_get(const ElementType *type, FunctionCallInfo fcinfo)
{
	const DenseVector *a = dense_open(type, PG_GETARG_DATUM(0));
	const DenseVector *b = dense_open(type, PG_GETARG_DATUM(1));
	DensePair pair = {.a = a->elements, .b = b->elements, .dimensions = (uint32) a->dim};

	element_type_check_same(type, a->dim, b->dim);
	return pair;
}

static inline double
l2_squared(const ElementType *type, FunctionCallInfo fcinfo)
{
	DensePair pair = dense_pair_get(type, fcinfo);

	return (double) type->l2_squared(pair.a, pair.b, pair.dimensions);
}

static inline double
dot_product(const ElementType *type, FunctionCallInfo fcinfo)
{
	DensePair pair = dense_pair_get(type, fcinfo);

	return (double) type->inner_product(pair.a, pair.b, pair.dimensions);
}

Datum
dense_l2_distance(const ElementType *type, FunctionCallInfo fcinfo)
{
	PG_RETURN_FLOAT8(sqrt(l2_squared(type, fcinfo)));
}

Datum
dense_l2_squared_distance(const ElementType *type, FunctionCallInfo fcinfo)
{
	PG_RETURN_FLOAT8(l2_squared(type, fcinfo));
}

Datum
dense_inner_product(const ElementType *type, FunctionCallInfo fcinfo)
{
	PG_RETURN_FLOAT8(dot_product(type, fcinfo));
}

Datum
dense_negative_inner_product(const ElementType *type, FunctionCallInfo fcinfo)
{
	PG_RETURN_FLOAT8(-dot_product(type, fcinfo));
}

Datum
dense_cosine_distance(const ElementType *type, FunctionCallInfo fcinfo)
{
	DensePair pair = dense_pair_get(type, fcinfo);
	double similarity = type->cosine_similarity(pair.a, pair.b, pair.dimensions);

	PG_RETURN_FLOAT8(1.0 - float_clamp_cosine(similarity));
}

/*
 * The angle between two unit vectors, as a share of a half turn.  Unlike the cosine distance it
 * satisfies the triangle inequality.
 */
Datum
dense_spherical_distance(const ElementType *type, FunctionCallInfo fcinfo)
{
	PG_RETURN_FLOAT8(acos(float_clamp_cosine(dot_product(type, fcinfo))) / M_PI);
}

Datum
dense_l1_distance(const ElementType *type, FunctionCallInfo fcinfo)
{
	DensePair pair = dense_pair_get(type, fcinfo);

	PG_RETURN_FLOAT8((double) type->l1(pair.a, pair.b, pair.dimensions));
}
