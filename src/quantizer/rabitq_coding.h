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

/* A vector has at most so many dimensions: encoding has room for it on the stack. */
#define RABITQ_MAX_ROTATED 16384

/* The code of a rotated vector relative to a center */
typedef struct RabitqCoding
{
	double square;		  /* |r|^2 */
	double rescale;		  /* |r|^2 / <v, r>; 0 where r has no direction */
	double error;		  /* bound of the error of <r, Pq - Pc>, divided by |q - c| */
	double center_square; /* |Pc|^2 */
	double center_dot;	  /* <r, Pc> */
	double code_dot;	  /* <v, Pc> */
} RabitqCoding;

/*
 * Measure, and write the elements of u: `count` floats of a rotated vector, as many bytes. center may
 * be NULL.
 */
extern void rabitq_code(const float *vector, const float *center, uint32_t count, uint32_t bits,
						RabitqCoding *coding, uint8_t *elements);

/* The nearest finite float; 0 for NaN. */
extern float rabitq_finite_float(double value);

#endif /* VECTORSTORE_RABITQ_CODING_H */
