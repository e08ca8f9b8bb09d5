/*
 * types/float_arithmetic.h
 *		Element-wise arithmetic on arrays of float4, with the range checks of SQL.
 *
 * A result that the type can't hold is an overflow ERROR, a product that vanishes in it an
 * underflow ERROR, as for float4 itself.  The operands are elements of the type, hence finite.
 * result is none of the operands.
 */
#ifndef TYPES_FLOAT_ARITHMETIC_H
#define TYPES_FLOAT_ARITHMETIC_H

#include "types/element_type.h"

extern void
float_add(const ElementType *type, const float4 *a, const float4 *b, float4 *result, int count);
extern void float_subtract(const ElementType *type, const float4 *a, const float4 *b,
						   float4 *result, int count);
extern void float_multiply(const ElementType *type, const float4 *a, const float4 *b,
						   float4 *result, int count);

/* The Euclidean length, in double precision: the square of a float4 doesn't overflow there. */
extern double float_norm(const float4 *values, int count);

/* values divided by their Euclidean length; zeros stay zeros. */
extern void float_normalize(const float4 *values, float4 *result, int count);

/* A cosine that rounding has left slightly outside of its range; NaN stays NaN. */
static inline double
float_clamp_cosine(double cosine)
{
	if (cosine > 1)
		return 1;
	if (cosine < -1)
		return -1;
	return cosine;
}

#endif /* TYPES_FLOAT_ARITHMETIC_H */
