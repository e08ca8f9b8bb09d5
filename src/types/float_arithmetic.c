/*
 * types/float_arithmetic.c
 *		Element-wise arithmetic on arrays of float4.
 *
 * The checks are loops of their own, behind the arithmetic, so that a compiler can vectorize
 * both.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "types/float_arithmetic.h"
#include "utils/float.h"

static void
check_overflow(float4 least_overflow, const float4 *values, int count)
{
	bool overflow = false;

	for (int i = 0; i < count; i++)
		overflow |= fabsf(values[i]) >= least_overflow;
	if (unlikely(overflow))
		float_overflow_error();
}

/* The least magnitude that the type can't hold. */
static float4
overflow_of(const ElementType *type)
{
	return type->overflow > 0 ? type->overflow : get_float4_infinity();
}

void
float_add(const ElementType *type, const float4 *a, const float4 *b, float4 *result, int count)
{
	for (int i = 0; i < count; i++)
		result[i] = a[i] + b[i];
	check_overflow(overflow_of(type), result, count);
}

void
float_subtract(const ElementType *type, const float4 *a, const float4 *b, float4 *result, int count)
{
	for (int i = 0; i < count; i++)
		result[i] = a[i] - b[i];
	check_overflow(overflow_of(type), result, count);
}

void
float_multiply(const ElementType *type, const float4 *a, const float4 *b, float4 *result, int count)
{
	float4 least_overflow = overflow_of(type);
	bool out_of_range = false;

	for (int i = 0; i < count; i++)
	{
		float4 product = a[i] * b[i];

		out_of_range |= fabsf(product) >= least_overflow;
		out_of_range |= fabsf(product) <= type->underflow && a[i] != 0 && b[i] != 0;
		result[i] = product;
	}
	if (likely(!out_of_range))
		return;

	/* The first one decides which error it is. */
	for (int i = 0; i < count; i++)
	{
		if (fabsf(result[i]) >= least_overflow)
			float_overflow_error();
		if (fabsf(result[i]) <= type->underflow && a[i] != 0 && b[i] != 0)
			float_underflow_error();
	}
}

double
float_norm(const float4 *values, int count)
{
	double sum = 0;

	for (int i = 0; i < count; i++)
		sum += (double) values[i] * (double) values[i];
	return sqrt(sum);
}

void
float_normalize(const float4 *values, float4 *result, int count)
{
	double norm = float_norm(values, count);

	/* Only zeros have no length: the square of the smallest float4 is still a double. */
	if (norm == 0)
	{
		memset(result, 0, sizeof(float4) * count);
		return;
	}

	for (int i = 0; i < count; i++)
		result[i] = (float4) (values[i] / norm);
	check_overflow(get_float4_infinity(), result, count);
}
