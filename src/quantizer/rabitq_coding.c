/*
 * rabitq_coding.c
 *		Choosing the code of a residual, and measuring it.
 *
 * With 1 bit, v has the signs of r. With more, v = the levels of t r for the factor t that makes v
 * point as nearly as possible where r does: the largest <v, r>^2 / |v|^2 (extended RaBitQ, section
 * 3.2, finds it by going through all factors at which v changes). The elements of a rotated vector
 * are about normal, so the best factor is near that of the best uniform quantizer for them (Max,
 * 1960), and a few factors around it are tried.
 *
 * Products of floats are exact in double, and sums are taken in one order (distance/rabitq_kernels.h):
 * equal vectors have equal codes on all machines.
 */
#include <float.h>
#include <math.h>

#include "rabitq_coding.h"

/* Best step of 4, 16 and 256 levels for a normal distribution of deviation 1 */
static double
best_step(uint32_t bits)
{
	switch (bits)
	{
		case 2:
			return 0.9957;
		case 4:
			return 0.3352;
		default:
			return 0.0308;
	}
}

float
rabitq_finite_float(double value)
{
	if (value > FLT_MAX)
		return FLT_MAX;
	if (value < -FLT_MAX)
		return -FLT_MAX;
	return value == value ? (float) value : 0.0f;
}

/* The factor of levels; gives <v, r> and |v|^2. */
static float
choose_factor(const float *vector, const float *center, uint32_t count, uint32_t bits,
			  double square, double *dot, double *code_square)
{
	static const double parts[RABITQ_TRIALS] = {0.85, 0.95, 1.06, 1.2};
	double deviation = sqrt(square / count);
	float top_level = (float) ((1u << (bits - 1)) - 1);
	float factors[RABITQ_TRIALS];
	double dots[RABITQ_TRIALS];
	double squares[RABITQ_TRIALS];
	uint32_t best = 0;

	for (uint32_t trial = 0; trial < RABITQ_TRIALS; trial++)
		factors[trial] = rabitq_finite_float(parts[trial] / (best_step(bits) * deviation));
	rabitq_kernels->code_trials(vector, center, count, factors, top_level, dots, squares);
	for (uint32_t trial = 1; trial < RABITQ_TRIALS; trial++)
	{
		if (dots[trial] * dots[trial] * squares[best] > dots[best] * dots[best] * squares[trial])
			best = trial;
	}
	*dot = dots[best];
	*code_square = squares[best];
	return factors[best];
}

void
rabitq_code(const float *vector, const float *center, uint32_t count, uint32_t bits,
			RabitqCoding *coding, uint8_t *elements)
{
	float top_level = (float) ((1u << (bits - 1)) - 1);
	float factor = 0.0f;
	RabitqMoments moments;
	double dot;
	double code_square;
	double off;

	rabitq_kernels->code_moments(vector, center, count, &moments);
	*coding = (RabitqCoding){
		.square = moments.square,
		.center_square = moments.center_square,
		.center_dot = moments.center_dot,
	};
	if (!(moments.magnitude > 0.0 && moments.magnitude <= FLT_MAX && moments.square > DBL_MIN))
	{
		/* The center itself, or nothing that has a direction in floats. */
		coding->error = sqrt(moments.square);
		if (!(coding->error <= FLT_MAX))
			coding->error = FLT_MAX;
		(void) rabitq_kernels->code_elements(vector, center, count, 0.0f, top_level, elements);
		return;
	}
	if (bits == 1)
	{
		dot = 0.5 * moments.magnitude;
		code_square = 0.25 * count;
	}
	else
		factor = choose_factor(vector, center, count, bits, moments.square, &dot, &code_square);

	coding->rescale = moments.square / dot;
	/* |r| times the tangent of the angle between v and r, on 1.9 deviations of a random direction */
	off = moments.square * code_square / (dot * dot) - 1.0;
	coding->error =
		RABITQ_ERROR_WIDTH * sqrt(moments.square * (off > 0.0 ? off : 0.0) / (count - 1));
	coding->code_dot =
		rabitq_kernels->code_elements(vector, center, count, factor, top_level, elements);
}
