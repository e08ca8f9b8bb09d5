/*
 * types/vector_distance.c
 *		Distances between two vectors, for SQL.
 *
 * The arithmetic is that of the kernels chosen at load (distance/distance.h): the same that index
 * searches use, so that an index scan and a sort give the same distances.  A cosine distance from
 * a zero vector is NaN, which sorts last.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "distance/distance.h"
#include "types/float_arithmetic.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(l2_distance);
PG_FUNCTION_INFO_V1(vector_l2_squared_distance);
PG_FUNCTION_INFO_V1(inner_product);
PG_FUNCTION_INFO_V1(vector_negative_inner_product);
PG_FUNCTION_INFO_V1(cosine_distance);
PG_FUNCTION_INFO_V1(vector_spherical_distance);
PG_FUNCTION_INFO_V1(l1_distance);

typedef struct VectorPair
{
	const Vector *a;
	const Vector *b;
	uint32_t dimensions;
} VectorPair;

static inline VectorPair
vector_pair_get(FunctionCallInfo fcinfo)
{
	VectorPair pair = {.a = PG_GETARG_VECTOR_P(0), .b = PG_GETARG_VECTOR_P(1)};

	element_type_check_same(&vector_element_type, pair.a->dim, pair.b->dim);
	pair.dimensions = (uint32_t) pair.a->dim;
	return pair;
}

static inline double
l2_squared(VectorPair pair)
{
	return (double) distance_kernels->l2_squared(pair.a->x, pair.b->x, pair.dimensions);
}

static inline double
dot_product(VectorPair pair)
{
	return (double) distance_kernels->inner_product(pair.a->x, pair.b->x, pair.dimensions);
}

Datum
l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(l2_squared(vector_pair_get(fcinfo))));
}

Datum
vector_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(l2_squared(vector_pair_get(fcinfo)));
}

Datum
inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(dot_product(vector_pair_get(fcinfo)));
}

Datum
vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-dot_product(vector_pair_get(fcinfo)));
}

Datum
cosine_distance(PG_FUNCTION_ARGS)
{
	VectorPair pair = vector_pair_get(fcinfo);
	double similarity = distance_kernels->cosine_similarity(pair.a->x, pair.b->x, pair.dimensions);

	PG_RETURN_FLOAT8(1.0 - float_clamp_cosine(similarity));
}

/*
 * The angle between two unit vectors, as a share of a half turn.  Unlike the cosine distance it
 * satisfies the triangle inequality.
 */
Datum
vector_spherical_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(acos(float_clamp_cosine(dot_product(vector_pair_get(fcinfo)))) / M_PI);
}

Datum
l1_distance(PG_FUNCTION_ARGS)
{
	VectorPair pair = vector_pair_get(fcinfo);

	PG_RETURN_FLOAT8((double) distance_kernels->l1(pair.a->x, pair.b->x, pair.dimensions));
}
