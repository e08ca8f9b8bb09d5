/*
 * rabitq_coding.c
 *		Choosing the code of a residual, and measuring it.
 *
 * With 1 bit, v has the signs of r. With more, v = the levels of t r for the factor t that makes v
 * point as nearly as possible where r does: the largest <v, r>^2 / |v|^2 (extended RaBitQ, section
 * 3.2, finds it by going through all factors at which v changes). The elements of a rotated vector
 * are about normal, so the best factor is near that of the best uniform quantizer for them (Max,
 * 1960), and a few factors around it are tried; what is lost against the best of all is below a
 * hundredth of the error from 64 dimensions on.
 *
 * Products of floats are exact in double, and sums are taken in LANES partial sums in one order:
 * equal vectors have equal codes whatever instructions the compiler chose.
 */
#include <float.h>
#include <math.h>

#include "rabitq_coding.h"

#define LANES  8
#define TRIALS 4

/* Best step of 2, 4, 16 and 256 levels for a normal distribution of deviation 1 (1 bit: not used) */
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

static inline float
residual(const RabitqCoding *coding, uint32_t i)
{
	return coding->center == NULL ? coding->vector[i] : coding->vector[i] - coding->center[i];
}

static double
join_lanes(const double *sums)
{
	return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
		   ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* The level of an element's magnitude. NaN is the highest. */
static inline float
level_of(float magnitude, float levels_per_unit, float top_level)
{
	float level = magnitude * levels_per_unit;

	level = level < top_level ? level : top_level;
	return (float) (int32_t) level;
}

/* What does not depend on levels; returns the sum of |r[i]|. */
static double
measure_residual(RabitqCoding *coding)
{
	double squares[LANES] = {0};
	double magnitudes[LANES] = {0};
	double center_squares[LANES] = {0};
	double center_dots[LANES] = {0};

	for (uint32_t i = 0; i < coding->count; i += LANES)
	{
		for (uint32_t lane = 0; lane < LANES; lane++)
		{
			double r = residual(coding, i + lane);

			squares[lane] += r * r;
			magnitudes[lane] += fabs(r);
		}
		if (coding->center == NULL)
			continue;
		for (uint32_t lane = 0; lane < LANES; lane++)
		{
			double r = residual(coding, i + lane);
			double c = coding->center[i + lane];

			center_squares[lane] += c * c;
			center_dots[lane] += r * c;
		}
	}
	coding->square = join_lanes(squares);
	coding->center_square = join_lanes(center_squares);
	coding->center_dot = join_lanes(center_dots);
	return join_lanes(magnitudes);
}

/* <v, r> and |v|^2 for several factors */
typedef struct Trials
{
	double dot[TRIALS];
	double square[TRIALS];
} Trials;

static void
try_factors(const RabitqCoding *coding, const float *factors, Trials *trials)
{
	for (uint32_t trial = 0; trial < TRIALS; trial++)
	{
		double dots[LANES] = {0};
		double squares[LANES] = {0};

		for (uint32_t i = 0; i < coding->count; i += LANES)
		{
			for (uint32_t lane = 0; lane < LANES; lane++)
			{
				float magnitude = fabsf(residual(coding, i + lane));
				float level = level_of(magnitude, factors[trial], coding->top_level) + 0.5f;

				dots[lane] += (double) level * (double) magnitude;
				squares[lane] += (double) level * (double) level;
			}
		}
		trials->dot[trial] = join_lanes(dots);
		trials->square[trial] = join_lanes(squares);
	}
}

/* Choose the factor; gives <v, r> and |v|^2. */
static void
choose_levels(RabitqCoding *coding, double *dot, double *square)
{
	static const double parts[TRIALS] = {0.85, 0.95, 1.06, 1.2};
	double deviation = sqrt(coding->square / coding->count);
	float factors[TRIALS];
	Trials trials;
	uint32_t best = 0;

	for (uint32_t trial = 0; trial < TRIALS; trial++)
		factors[trial] = rabitq_finite_float(parts[trial] / (best_step(coding->bits) * deviation));
	try_factors(coding, factors, &trials);
	for (uint32_t trial = 1; trial < TRIALS; trial++)
	{
		if (trials.dot[trial] * trials.dot[trial] * trials.square[best] >
			trials.dot[best] * trials.dot[best] * trials.square[trial])
			best = trial;
	}
	coding->levels_per_unit = factors[best];
	*dot = trials.dot[best];
	*square = trials.square[best];
}

static double
measure_code_dot(const RabitqCoding *coding)
{
	double dots[LANES] = {0};

	for (uint32_t i = 0; i < coding->count; i += LANES)
	{
		for (uint32_t lane = 0; lane < LANES; lane++)
		{
			float r = residual(coding, i + lane);
			float level = level_of(fabsf(r), coding->levels_per_unit, coding->top_level) + 0.5f;

			dots[lane] +=
				(r > 0.0f ? 1.0 : -1.0) * (double) level * (double) coding->center[i + lane];
		}
	}
	return join_lanes(dots);
}

void
rabitq_coding_begin(RabitqCoding *coding, uint32_t count, uint32_t bits, const float *vector,
					const float *center)
{
	double magnitudes;
	double dot;
	double square;
	double off;

	coding->vector = vector;
	coding->center = center;
	coding->count = count;
	coding->bits = bits;
	coding->levels_per_unit = 0.0f;
	coding->top_level = (float) ((1u << (bits - 1)) - 1);
	coding->rescale = coding->error = coding->code_dot = 0.0;

	magnitudes = measure_residual(coding);
	if (!(magnitudes > 0.0 && magnitudes <= FLT_MAX && coding->square > DBL_MIN))
	{
		/* The center itself, or nothing that has a direction in floats. */
		coding->error = sqrt(coding->square);
		if (!(coding->error <= FLT_MAX))
			coding->error = FLT_MAX;
		return;
	}
	if (bits == 1)
	{
		dot = 0.5 * magnitudes;
		square = 0.25 * count;
	}
	else
		choose_levels(coding, &dot, &square);

	coding->rescale = coding->square / dot;
	/* |r| times the tangent of the angle between v and r, on 1.9 deviations of a random direction */
	off = coding->square * square / (dot * dot) - 1.0;
	coding->error =
		RABITQ_ERROR_WIDTH * sqrt(coding->square * (off > 0.0 ? off : 0.0) / (count - 1));
	if (center != NULL)
		coding->code_dot = measure_code_dot(coding);
}

void
rabitq_coding_elements(const RabitqCoding *coding, uint32_t first, uint8_t *elements)
{
	int32_t middle = 1 << (coding->bits - 1);

	for (uint32_t i = 0; i < RABITQ_ROTATED_PADDING; i++)
	{
		float r = residual(coding, first + i);
		int32_t level = (int32_t) level_of(fabsf(r), coding->levels_per_unit, coding->top_level);

		elements[i] = (uint8_t) (r > 0.0f ? middle + level : middle - 1 - level);
	}
}
