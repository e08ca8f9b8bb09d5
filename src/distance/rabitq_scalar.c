/*
 * rabitq_scalar.c
 *		The RaBitQ kernels in plain C: the specification of the others.
 */
#include <math.h>

#include "rabitq_sets.h"

static inline uint32_t
lookup_of(const RabitqLookup *lookup, uint32_t group, uint32_t nibble)
{
	const uint8_t *table = lookup->tables + (size_t) group * RABITQ_GROUP_BYTES;
	uint32_t value = table[nibble];

	if (lookup->wide)
		value |= (uint32_t) table[(size_t) lookup->groups * RABITQ_GROUP_BYTES + nibble] << 8;
	return value;
}

static void
block_sums(const RabitqLookup *lookup, const RabitqBlock *block, int32_t *sums)
{
	const uint8_t *codes = block->codes;
	uint32_t totals[RABITQ_BLOCK] = {0};

	for (uint32_t plane = 0; plane < lookup->planes; plane++)
	{
		for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
			totals[lane] *= 2;
		for (uint32_t group = 0; group < lookup->groups; group++)
		{
			for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
			{
				uint8_t byte = codes[2 * (lane % 8) + lane / 8 % 2];

				totals[lane] += lookup_of(lookup, group, lane < 16 ? byte & 0x0f : byte >> 4);
			}
			codes += RABITQ_GROUP_BYTES;
		}
	}
	for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
		sums[lane] = (int32_t) totals[lane];
}

static void
block_distances(const RabitqLookup *lookup, const RabitqBlock *block, float center_distance,
				float center_norm, float *distances, float *lower_bounds)
{
	int32_t sums[RABITQ_BLOCK];

	block_sums(lookup, block, sums);
	for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
	{
		float value = lookup->scale * (float) sums[lane] + lookup->bias;
		float distance = center_distance + block->add[lane] + block->rescale[lane] * value;

		/* A comparison with NaN is false. */
		distances[lane] = distance < INFINITY ? distance : INFINITY;
		if (lower_bounds != NULL)
		{
			float lower =
				distance - block->error[lane] * center_norm + block->rescale[lane] * lookup->error;

			lower_bounds[lane] = lower > -INFINITY ? lower : -INFINITY;
		}
	}
}

static void
dot_batch(uint32_t bits, const int8_t *query, const void *const *codes, uint32_t count,
		  uint32_t dimensions, int32_t *dots)
{
	for (uint32_t i = 0; i < count; i++)
	{
		const uint8_t *values = ((const RabitqCode *) codes[i])->values;
		int32_t dot = 0;

		for (uint32_t j = 0; j < dimensions; j++)
		{
			RabitqPlace place = rabitq_place(bits, dimensions, j);

			dot += query[j] * (values[place.byte] >> place.shift & ((1 << bits) - 1));
		}
		dots[i] = dot;
	}
}

static void
dots_1(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(1, query, codes, count, dimensions, dots);
}

static void
dots_2(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(2, query, codes, count, dimensions, dots);
}

static void
dots_4(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(4, query, codes, count, dimensions, dots);
}

/* r[i] */
static inline float
residual(const float *vector, const float *center, uint32_t i)
{
	return center == NULL ? vector[i] : vector[i] - center[i];
}

/* The level of a magnitude. NaN is the highest. */
static inline float
level_of(float magnitude, float factor, float top_level)
{
	float level = magnitude * factor;

	level = level < top_level ? level : top_level;
	return (float) (int32_t) level;
}

static void
code_moments(const float *vector, const float *center, uint32_t count, RabitqMoments *moments)
{
	double squares[RABITQ_LANES] = {0};
	double magnitudes[RABITQ_LANES] = {0};
	double center_squares[RABITQ_LANES] = {0};
	double center_dots[RABITQ_LANES] = {0};

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t lane = i % RABITQ_LANES;
		double r = residual(vector, center, i);
		double c = center == NULL ? 0.0 : center[i];

		squares[lane] += r * r;
		magnitudes[lane] += fabs(r);
		center_squares[lane] += c * c;
		center_dots[lane] += r * c;
	}
	moments->square = rabitq_join_lanes(squares);
	moments->magnitude = rabitq_join_lanes(magnitudes);
	moments->center_square = rabitq_join_lanes(center_squares);
	moments->center_dot = center == NULL ? 0.0 : rabitq_join_lanes(center_dots);
}

static void
code_trials(const float *vector, const float *center, uint32_t count, const float *factors,
			float top_level, double *dots, double *squares)
{
	for (uint32_t trial = 0; trial < RABITQ_TRIALS; trial++)
	{
		double dot_sums[RABITQ_LANES] = {0};
		double square_sums[RABITQ_LANES] = {0};

		for (uint32_t i = 0; i < count; i++)
		{
			double magnitude = fabsf(residual(vector, center, i));
			double v = level_of((float) magnitude, factors[trial], top_level) + 0.5f;

			dot_sums[i % RABITQ_LANES] += v * magnitude;
			square_sums[i % RABITQ_LANES] += v * v;
		}
		dots[trial] = rabitq_join_lanes(dot_sums);
		squares[trial] = rabitq_join_lanes(square_sums);
	}
}

static double
code_elements(const float *vector, const float *center, uint32_t count, float factor,
			  float top_level, uint8_t *elements)
{
	double dots[RABITQ_LANES] = {0};
	int32_t middle = (int32_t) top_level + 1;

	for (uint32_t i = 0; i < count; i++)
	{
		float r = residual(vector, center, i);
		int32_t level = (int32_t) level_of(fabsf(r), factor, top_level);

		level = r > 0.0f ? level : -1 - level;
		elements[i] = (uint8_t) (middle + level);
		if (center != NULL)
			dots[i % RABITQ_LANES] += ((double) level + 0.5) * (double) center[i];
	}
	return rabitq_join_lanes(dots);
}

/* The 16 sums of a group's elements, and the least of them. */
static float
group_sums(const float *elements, float *sums)
{
	float least = 0.0f;

	sums[0] = 0.0f;
	for (uint32_t i = 0; i < RABITQ_GROUP; i++)
	{
		uint32_t with = 1u << i;

		for (uint32_t j = 0; j < with; j++)
			sums[with + j] = sums[j] + elements[i];
		least += elements[i] < 0.0f ? elements[i] : 0.0f;
	}
	return least;
}

static void
fill_look_ups(const float *query, uint32_t groups, float steps_per_unit, uint32_t top_look_up,
			  uint8_t *tables, uint8_t *high_tables)
{
	for (uint32_t group = 0; group < groups; group++)
	{
		float sums[RABITQ_GROUP_BYTES];
		float least = group_sums(query + (size_t) group * RABITQ_GROUP, sums);

		for (uint32_t i = 0; i < RABITQ_GROUP_BYTES; i++)
		{
			size_t at = (size_t) group * RABITQ_GROUP_BYTES + i;
			float steps = (sums[i] - least) * steps_per_unit + 0.5f;
			uint32_t value;

			/* Rounding may leave a little more than the range, or less than nothing. */
			steps = steps < (float) top_look_up ? steps : (float) top_look_up;
			value = steps > 0.0f ? (uint32_t) steps : 0;
			tables[at] = (uint8_t) value;
			if (high_tables != NULL)
				high_tables[at] = (uint8_t) (value >> 8);
		}
	}
}

static void
hadamard(float *values, uint32_t n)
{
	for (uint32_t half = 1; half < n; half *= 2)
	{
		for (uint32_t i = 0; i < n; i += 2 * half)
		{
			for (uint32_t j = i; j < i + half; j++)
			{
				float a = values[j];
				float b = values[j + half];

				values[j] = a + b;
				values[j + half] = a - b;
			}
		}
	}
}

static void
scale_with_signs(float *values, uint32_t count, uint64_t signs, float factor)
{
	for (uint32_t i = 0; i < count; i++)
		values[i] *= (signs >> i & 1) != 0 ? -factor : factor;
}

const RabitqKernels rabitq_kernels_scalar = {
	.name = "scalar",
	.block_sums = block_sums,
	.block_distances = block_distances,
	.dots_1 = dots_1,
	.dots_2 = dots_2,
	.dots_4 = dots_4,
	.code_moments = code_moments,
	.code_trials = code_trials,
	.code_elements = code_elements,
	.fill_look_ups = fill_look_ups,
	.hadamard = hadamard,
	.scale_with_signs = scale_with_signs,
};
