/*
 * types/vector.c
 *		Type vector: its description for shared code, and its SQL functions, which are those
 *		of all dense types (types/dense.h).
 */
#include "postgres.h"
#include "compat.h"

#include "distance/distance.h"
#include "types/sum_state.h"
#include "types/vector.h"

static int
vector_elements_compare(const void *a, const void *b, int count)
{
	const float4 *a_values = a;
	const float4 *b_values = b;

	/* Elements are never NaN, so that this is a total order; -0 equals 0. */
	for (int i = 0; i < count; i++)
	{
		if (a_values[i] != b_values[i])
			return a_values[i] < b_values[i] ? -1 : 1;
	}
	return 0;
}

static float4
vector_elements_l2_squared(const void *a, const void *b, uint32 count)
{
	return distance_kernels->l2_squared(a, b, count);
}

static float4
vector_elements_inner_product(const void *a, const void *b, uint32 count)
{
	return distance_kernels->inner_product(a, b, count);
}

static float4
vector_elements_l1(const void *a, const void *b, uint32 count)
{
	return distance_kernels->l1(a, b, count);
}

static double
vector_elements_cosine_similarity(const void *a, const void *b, uint32 count)
{
	return distance_kernels->cosine_similarity(a, b, count);
}

const ElementType vector_element_type = {
	.name = "vector",
	.max_dimensions = VECTOR_MAX_DIM,
	.element_size = sizeof(float4),
	.elements_compare = vector_elements_compare,
	.l2_squared = vector_elements_l2_squared,
	.inner_product = vector_elements_inner_product,
	.l1 = vector_elements_l1,
	.cosine_similarity = vector_elements_cosine_similarity,
};

/* Input and output */

PG_FUNCTION_INFO_V1(vector_in);
PG_FUNCTION_INFO_V1(vector_out);
PG_FUNCTION_INFO_V1(vector_typmod_in);
PG_FUNCTION_INFO_V1(vector_recv);
PG_FUNCTION_INFO_V1(vector_send);

Datum
vector_in(PG_FUNCTION_ARGS)
{
	return dense_in(&vector_element_type, fcinfo);
}

Datum
vector_out(PG_FUNCTION_ARGS)
{
	return dense_out(&vector_element_type, fcinfo);
}

Datum
vector_typmod_in(PG_FUNCTION_ARGS)
{
	return dense_typmod_in(&vector_element_type, fcinfo);
}

Datum
vector_recv(PG_FUNCTION_ARGS)
{
	return dense_recv(&vector_element_type, fcinfo);
}

Datum
vector_send(PG_FUNCTION_ARGS)
{
	return dense_send(&vector_element_type, fcinfo);
}

/* Distances */

PG_FUNCTION_INFO_V1(l2_distance);
PG_FUNCTION_INFO_V1(vector_l2_squared_distance);
PG_FUNCTION_INFO_V1(inner_product);
PG_FUNCTION_INFO_V1(vector_negative_inner_product);
PG_FUNCTION_INFO_V1(cosine_distance);
PG_FUNCTION_INFO_V1(vector_spherical_distance);
PG_FUNCTION_INFO_V1(l1_distance);

Datum
l2_distance(PG_FUNCTION_ARGS)
{
	return dense_l2_distance(&vector_element_type, fcinfo);
}

Datum
vector_l2_squared_distance(PG_FUNCTION_ARGS)
{
	return dense_l2_squared_distance(&vector_element_type, fcinfo);
}

Datum
inner_product(PG_FUNCTION_ARGS)
{
	return dense_inner_product(&vector_element_type, fcinfo);
}

Datum
vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	return dense_negative_inner_product(&vector_element_type, fcinfo);
}

Datum
cosine_distance(PG_FUNCTION_ARGS)
{
	return dense_cosine_distance(&vector_element_type, fcinfo);
}

Datum
vector_spherical_distance(PG_FUNCTION_ARGS)
{
	return dense_spherical_distance(&vector_element_type, fcinfo);
}

Datum
l1_distance(PG_FUNCTION_ARGS)
{
	return dense_l1_distance(&vector_element_type, fcinfo);
}

/* Size, sums and products by element, parts and concatenations */

PG_FUNCTION_INFO_V1(vector_dims);
PG_FUNCTION_INFO_V1(vector_norm);
PG_FUNCTION_INFO_V1(l2_normalize);
PG_FUNCTION_INFO_V1(vector_add);
PG_FUNCTION_INFO_V1(vector_sub);
PG_FUNCTION_INFO_V1(vector_mul);
PG_FUNCTION_INFO_V1(vector_concat);
PG_FUNCTION_INFO_V1(subvector);
PG_FUNCTION_INFO_V1(binary_quantize);

Datum
vector_dims(PG_FUNCTION_ARGS)
{
	return dense_dims(&vector_element_type, fcinfo);
}

Datum
vector_norm(PG_FUNCTION_ARGS)
{
	return dense_norm(&vector_element_type, fcinfo);
}

Datum
l2_normalize(PG_FUNCTION_ARGS)
{
	return dense_normalize(&vector_element_type, fcinfo);
}

Datum
vector_add(PG_FUNCTION_ARGS)
{
	return dense_add(&vector_element_type, fcinfo);
}

Datum
vector_sub(PG_FUNCTION_ARGS)
{
	return dense_subtract(&vector_element_type, fcinfo);
}

Datum
vector_mul(PG_FUNCTION_ARGS)
{
	return dense_multiply(&vector_element_type, fcinfo);
}

Datum
vector_concat(PG_FUNCTION_ARGS)
{
	return dense_concat(&vector_element_type, fcinfo);
}

Datum
subvector(PG_FUNCTION_ARGS)
{
	return dense_subvector(&vector_element_type, fcinfo);
}

Datum
binary_quantize(PG_FUNCTION_ARGS)
{
	return dense_binary_quantize(&vector_element_type, fcinfo);
}

/* Order */

PG_FUNCTION_INFO_V1(vector_lt);
PG_FUNCTION_INFO_V1(vector_le);
PG_FUNCTION_INFO_V1(vector_eq);
PG_FUNCTION_INFO_V1(vector_ne);
PG_FUNCTION_INFO_V1(vector_ge);
PG_FUNCTION_INFO_V1(vector_gt);
PG_FUNCTION_INFO_V1(vector_cmp);

Datum
vector_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) < 0);
}

Datum
vector_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) <= 0);
}

Datum
vector_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) == 0);
}

Datum
vector_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) != 0);
}

Datum
vector_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) >= 0);
}

Datum
vector_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&vector_element_type, fcinfo) > 0);
}

Datum
vector_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_compare(&vector_element_type, fcinfo));
}

/* Casts */

PG_FUNCTION_INFO_V1(vector);
PG_FUNCTION_INFO_V1(array_to_vector);
PG_FUNCTION_INFO_V1(vector_to_float4);

Datum
vector(PG_FUNCTION_ARGS)
{
	return dense_cast_typmod(&vector_element_type, fcinfo);
}

Datum
array_to_vector(PG_FUNCTION_ARGS)
{
	return dense_cast_from_array(&vector_element_type, fcinfo);
}

Datum
vector_to_float4(PG_FUNCTION_ARGS)
{
	return dense_cast_to_float4(&vector_element_type, fcinfo);
}

/* The aggregate avg */

PG_FUNCTION_INFO_V1(vector_accum);
PG_FUNCTION_INFO_V1(vector_combine);
PG_FUNCTION_INFO_V1(vector_avg);

Datum
vector_accum(PG_FUNCTION_ARGS)
{
	return dense_accum(&vector_element_type, fcinfo, "vector_accum");
}

Datum
vector_combine(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(
		sum_state_combine(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1), "vector_combine"));
}

Datum
vector_avg(PG_FUNCTION_ARGS)
{
	return dense_avg(&vector_element_type, fcinfo, "vector_avg");
}
