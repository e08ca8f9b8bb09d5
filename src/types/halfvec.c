/*
 * types/halfvec.c
 *		Type halfvec: its description for shared code, and its SQL functions, which are those
 *		of all dense types (types/dense.h).
 */
#include "postgres.h"
#include "compat.h"

#include "types/halfvec.h"
#include "types/vector.h"

static void
halfvec_elements_read(const void *elements, float4 *values, int count)
{
	distance_kernels->halfs_to_floats(elements, values, (uint32_t) count);
}

static void
halfvec_elements_write(const float4 *values, void *elements, int count)
{
	distance_kernels->halfs_from_floats(values, elements, (uint32_t) count);
}

static int
halfvec_elements_compare(const void *a, const void *b, int count)
{
	const Half *a_halfs = a;
	const Half *b_halfs = b;

	for (int i = 0; i < count; i++)
	{
		if (a_halfs[i] != b_halfs[i])
		{
			float4 a_value = half_to_float(a_halfs[i]);
			float4 b_value = half_to_float(b_halfs[i]);

			/* Zeros of both signs are equal. */
			if (a_value != b_value)
				return a_value < b_value ? -1 : 1;
		}
	}
	return 0;
}

static float4
halfvec_elements_l2_squared(const void *a, const void *b, uint32 count)
{
	return distance_kernels->half_l2_squared(a, b, count);
}

static float4
halfvec_elements_inner_product(const void *a, const void *b, uint32 count)
{
	return distance_kernels->half_inner_product(a, b, count);
}

static float4
halfvec_elements_l1(const void *a, const void *b, uint32 count)
{
	return distance_kernels->half_l1(a, b, count);
}

static double
halfvec_elements_cosine_similarity(const void *a, const void *b, uint32 count)
{
	return distance_kernels->half_cosine_similarity(a, b, count);
}

const ElementType halfvec_element_type = {
	.name = "halfvec",
	.max_dimensions = HALFVEC_MAX_DIM,
	.overflow = HALF_OVERFLOW,
	.underflow = HALF_UNDERFLOW,
	.element_size = sizeof(Half),
	.elements_read = halfvec_elements_read,
	.elements_write = halfvec_elements_write,
	.elements_compare = halfvec_elements_compare,
	.l2_squared = halfvec_elements_l2_squared,
	.inner_product = halfvec_elements_inner_product,
	.l1 = halfvec_elements_l1,
	.cosine_similarity = halfvec_elements_cosine_similarity,
};

/* Input and output */

PG_FUNCTION_INFO_V1(halfvec_in);
PG_FUNCTION_INFO_V1(halfvec_out);
PG_FUNCTION_INFO_V1(halfvec_typmod_in);
PG_FUNCTION_INFO_V1(halfvec_recv);
PG_FUNCTION_INFO_V1(halfvec_send);

Datum
halfvec_in(PG_FUNCTION_ARGS)
{
	return dense_in(&halfvec_element_type, fcinfo);
}

Datum
halfvec_out(PG_FUNCTION_ARGS)
{
	return dense_out(&halfvec_element_type, fcinfo);
}

Datum
halfvec_typmod_in(PG_FUNCTION_ARGS)
{
	return dense_typmod_in(&halfvec_element_type, fcinfo);
}

Datum
halfvec_recv(PG_FUNCTION_ARGS)
{
	return dense_recv(&halfvec_element_type, fcinfo);
}

Datum
halfvec_send(PG_FUNCTION_ARGS)
{
	return dense_send(&halfvec_element_type, fcinfo);
}

/* Distances */

PG_FUNCTION_INFO_V1(halfvec_l2_distance);
PG_FUNCTION_INFO_V1(halfvec_l2_squared_distance);
PG_FUNCTION_INFO_V1(halfvec_inner_product);
PG_FUNCTION_INFO_V1(halfvec_negative_inner_product);
PG_FUNCTION_INFO_V1(halfvec_cosine_distance);
PG_FUNCTION_INFO_V1(halfvec_spherical_distance);
PG_FUNCTION_INFO_V1(halfvec_l1_distance);

Datum
halfvec_l2_distance(PG_FUNCTION_ARGS)
{
	return dense_l2_distance(&halfvec_element_type, fcinfo);
}

Datum
halfvec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	return dense_l2_squared_distance(&halfvec_element_type, fcinfo);
}

Datum
halfvec_inner_product(PG_FUNCTION_ARGS)
{
	return dense_inner_product(&halfvec_element_type, fcinfo);
}

Datum
halfvec_negative_inner_product(PG_FUNCTION_ARGS)
{
	return dense_negative_inner_product(&halfvec_element_type, fcinfo);
}

Datum
halfvec_cosine_distance(PG_FUNCTION_ARGS)
{
	return dense_cosine_distance(&halfvec_element_type, fcinfo);
}

Datum
halfvec_spherical_distance(PG_FUNCTION_ARGS)
{
	return dense_spherical_distance(&halfvec_element_type, fcinfo);
}

Datum
halfvec_l1_distance(PG_FUNCTION_ARGS)
{
	return dense_l1_distance(&halfvec_element_type, fcinfo);
}

/* Size, sums and products by element, parts and concatenations */

PG_FUNCTION_INFO_V1(halfvec_vector_dims);
PG_FUNCTION_INFO_V1(halfvec_l2_norm);
PG_FUNCTION_INFO_V1(halfvec_l2_normalize);
PG_FUNCTION_INFO_V1(halfvec_add);
PG_FUNCTION_INFO_V1(halfvec_sub);
PG_FUNCTION_INFO_V1(halfvec_mul);
PG_FUNCTION_INFO_V1(halfvec_concat);
PG_FUNCTION_INFO_V1(halfvec_subvector);
PG_FUNCTION_INFO_V1(halfvec_binary_quantize);

Datum
halfvec_vector_dims(PG_FUNCTION_ARGS)
{
	return dense_dims(&halfvec_element_type, fcinfo);
}

Datum
halfvec_l2_norm(PG_FUNCTION_ARGS)
{
	return dense_norm(&halfvec_element_type, fcinfo);
}

Datum
halfvec_l2_normalize(PG_FUNCTION_ARGS)
{
	return dense_normalize(&halfvec_element_type, fcinfo);
}

Datum
halfvec_add(PG_FUNCTION_ARGS)
{
	return dense_add(&halfvec_element_type, fcinfo);
}

Datum
halfvec_sub(PG_FUNCTION_ARGS)
{
	return dense_subtract(&halfvec_element_type, fcinfo);
}

Datum
halfvec_mul(PG_FUNCTION_ARGS)
{
	return dense_multiply(&halfvec_element_type, fcinfo);
}

Datum
halfvec_concat(PG_FUNCTION_ARGS)
{
	return dense_concat(&halfvec_element_type, fcinfo);
}

Datum
halfvec_subvector(PG_FUNCTION_ARGS)
{
	return dense_subvector(&halfvec_element_type, fcinfo);
}

Datum
halfvec_binary_quantize(PG_FUNCTION_ARGS)
{
	return dense_binary_quantize(&halfvec_element_type, fcinfo);
}

/* Order */

PG_FUNCTION_INFO_V1(halfvec_lt);
PG_FUNCTION_INFO_V1(halfvec_le);
PG_FUNCTION_INFO_V1(halfvec_eq);
PG_FUNCTION_INFO_V1(halfvec_ne);
PG_FUNCTION_INFO_V1(halfvec_ge);
PG_FUNCTION_INFO_V1(halfvec_gt);
PG_FUNCTION_INFO_V1(halfvec_cmp);

Datum
halfvec_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) < 0);
}

Datum
halfvec_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) <= 0);
}

Datum
halfvec_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) == 0);
}

Datum
halfvec_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) != 0);
}

Datum
halfvec_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) >= 0);
}

Datum
halfvec_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dense_compare(&halfvec_element_type, fcinfo) > 0);
}

Datum
halfvec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_compare(&halfvec_element_type, fcinfo));
}

/* Casts */

PG_FUNCTION_INFO_V1(halfvec);
PG_FUNCTION_INFO_V1(array_to_halfvec);
PG_FUNCTION_INFO_V1(halfvec_to_float4);
PG_FUNCTION_INFO_V1(vector_to_halfvec);
PG_FUNCTION_INFO_V1(halfvec_to_vector);

Datum
halfvec(PG_FUNCTION_ARGS)
{
	return dense_cast_typmod(&halfvec_element_type, fcinfo);
}

Datum
array_to_halfvec(PG_FUNCTION_ARGS)
{
	return dense_cast_from_array(&halfvec_element_type, fcinfo);
}

Datum
halfvec_to_float4(PG_FUNCTION_ARGS)
{
	return dense_cast_to_float4(&halfvec_element_type, fcinfo);
}

Datum
vector_to_halfvec(PG_FUNCTION_ARGS)
{
	return dense_cast_dense(&vector_element_type, &halfvec_element_type, fcinfo);
}

Datum
halfvec_to_vector(PG_FUNCTION_ARGS)
{
	return dense_cast_dense(&halfvec_element_type, &vector_element_type, fcinfo);
}

/* The aggregate avg */

PG_FUNCTION_INFO_V1(halfvec_accum);
PG_FUNCTION_INFO_V1(halfvec_avg);

Datum
halfvec_accum(PG_FUNCTION_ARGS)
{
	return dense_accum(&halfvec_element_type, fcinfo, "halfvec_accum");
}

Datum
halfvec_avg(PG_FUNCTION_ARGS)
{
	return dense_avg(&halfvec_element_type, fcinfo, "halfvec_avg");
}
