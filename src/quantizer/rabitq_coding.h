/*
 * rabitq_coding.h
 *		How a residual becomes a code: the numbers that blocks and dense codes are made from.
 */
#ifndef VECTORSTORE_RABITQ_CODING_H
#define VECTORSTORE_RABITQ_CODING_H

#include <stdint.h>

#include "quantizer/rabitq.h"

/* Half the width of the error bound in standard deviations (Gao and Long, section 5.2.2). */
#define RABITQ_ERROR_WIDTH 1.9

/*
 * The code of a rotated vector relative to a center. Element i of v is that of the level of
 * r[i] = vector[i] - center[i]: its sign, and (rounded down) |r[i]| * levels_per_unit, at most
 * 2^(bits - 1) - 1, plus a half.
 */
typedef struct RabitqCoding
{
	const float *vector;
	const float *center; /* NULL = the origin */
	uint32_t count;		 /* floats of a rotated vector */
	uint32_t bits;
	float levels_per_unit; /* 0 = all elements of v are a half of either sign */
	float top_level;

	double square;		  /* |r|^2 */
	double rescale;		  /* |r|^2 / <v, r>; 0 where r has no direction */
	double error;		  /* bound of the error of <r, Pq - Pc>, divided by |q - c| */
	double center_square; /* |Pc|^2 */
	double center_dot;	  /* <r, Pc> */
	double code_dot;	  /* <v, Pc> */
} RabitqCoding;

extern void rabitq_coding_begin(RabitqCoding *coding, uint32_t count, uint32_t bits,
								const float *vector, const float *center);

/* The elements of u from `first` on, RABITQ_ROTATED_PADDING of them. */
extern void rabitq_coding_elements(const RabitqCoding *coding, uint32_t first, uint8_t *elements);

/* The nearest finite float; 0 for NaN. */
extern float rabitq_finite_float(double value);

#endif /* VECTORSTORE_RABITQ_CODING_H */
