/*
 * half.h
 *		IEEE 754 half precision (binary16): what its 16 bits mean, and both conversions in plain C.
 *
 * One bit of sign, 5 of exponent (15 stands for 2^0), 10 of fraction; exponent 0 is for zeros and
 * subnormals, 31 for infinities and NaN. Every half is a float32. Rounding is to the nearest half,
 * of two equally near ones to the even one, and beyond the largest (65504) to infinity; a NaN stays
 * one, quiet, with the leading bits of its payload. So do the instructions of F16C, AVX-512 and
 * NEON, bit for bit: these functions are the specification of the kernels' conversions.
 */
#ifndef VECTORSTORE_HALF_H
#define VECTORSTORE_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t Half;

#define HALF_OVERFLOW  65520.0f /* the least magnitude that rounds to infinity */
#define HALF_UNDERFLOW 0x1p-25f /* the greatest magnitude that rounds to zero */

/* Without branches, so that compilers make vector instructions of loops over it. */
static inline float
half_to_float(Half half)
{
	uint32_t sign = (uint32_t) (half & 0x8000) << 16;
	uint32_t magnitude = half & 0x7fff;
	uint32_t is_subnormal = -(uint32_t) (magnitude < 0x0400);
	uint32_t is_special = -(uint32_t) (magnitude >= 0x7c00); /* infinity or NaN */
	uint32_t is_nan = -(uint32_t) (magnitude > 0x7c00);
	uint32_t normal = (magnitude << 13) + ((127 - 15) << 23);
	uint32_t subnormal = (magnitude << 13) + ((127 - 14) << 23);
	uint32_t bits;
	float value;

	/* A subnormal is a fraction of 2^-14 without the leading one, which is taken away: exactly. */
	memcpy(&value, &subnormal, sizeof(value));
	value -= 0x1p-14f;
	memcpy(&subnormal, &value, sizeof(subnormal));

	bits = (subnormal & is_subnormal) | (normal & ~is_subnormal);
	bits |= (is_special & 0x7f800000) | (is_nan & 0x00400000) | sign;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline Half
half_from_float(float value)
{
	uint32_t bits;
	uint32_t magnitude;
	Half sign;

	memcpy(&bits, &value, sizeof(bits));
	sign = (Half) (bits >> 16 & 0x8000);
	magnitude = bits & 0x7fffffff;

	if (magnitude > 0x7f800000)
		return (Half) (sign | 0x7e00 | (magnitude >> 13 & 0x01ff));
	if (magnitude >= 0x47800000) /* 2^16 */
		return sign | 0x7c00;
	if (magnitude < 0x38800000) /* 2^-14: a subnormal or zero */
	{
		float sum;
		uint32_t sum_bits;

		/* The last bit of a float from 0.5 to 1 is worth 2^-24, a subnormal's unit. */
		memcpy(&sum, &magnitude, sizeof(sum));
		sum += 0.5f;
		memcpy(&sum_bits, &sum, sizeof(sum_bits));
		return (Half) (sign | (sum_bits - 0x3f000000));
	}

	/* A carry out of the fraction raises the exponent, as it should: up to infinity. */
	magnitude -= (127 - 15) << 23;
	magnitude += 0x0fff + (magnitude >> 13 & 1);
	return (Half) (sign | magnitude >> 13);
}

#endif /* VECTORSTORE_HALF_H */
