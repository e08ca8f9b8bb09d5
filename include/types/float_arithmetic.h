/*
 * types/float_arithmetic.h
 *		Element-wise arithmetic on arrays of float4, with the range checks of SQL.
 *
 * An infinite result is an overflow ERROR, a product that vanishes an underflow ERROR, as for
 * float4 itself.  The operands are finite.  result may be one of the operands.
 */
#ifndef TYPES_FLOAT_ARITHMETIC_H
#define TYPES_FLOAT_ARITHMETIC_H

extern void float_add(const float4 *a, const float4 *b, float4 *result, int count);
extern void float_subtract(const float4 *a, const float4 *b, float4 *result, int count);
extern void float_multiply(const float4 *a, const float4 *b, float4 *result, int count);

/* The Euclidean length, in double precision: the square of a float4 doesn't overflow there. */
extern double float_norm(const float4 *values, int count);

/* values divided by their Euclidean length; zeros stay zeros. */
extern void float_normalize(const float4 *values, float4 *result, int count);

#endif /* TYPES_FLOAT_ARITHMETIC_H */
