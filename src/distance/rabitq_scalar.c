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
	.hadamard = hadamard,
	.scale_with_signs = scale_with_signs,
};
