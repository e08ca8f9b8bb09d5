/*
 * index/kmeans_seeds.c
 *		k-means++ (Arthur and Vassilvitskii, SODA 2007) on some thousand vectors.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "index/kmeans_seeds.h"

/* A vector drawn with the probability of its weight; false where no weight is left. */
static bool
draw_weighted(const float *weights, uint32 count, pg_prng_state *random, uint32 *drawn)
{
	double sum = 0;
	double target;

	for (uint32 i = 0; i < count; i++)
		sum += weights[i];
	if (!(sum > 0))
		return false;
	if (!isfinite(sum))
	{
		*drawn = (uint32) pg_prng_uint64_range(random, 0, count - 1);
		return true;
	}
	target = pg_prng_double(random) * sum;
	*drawn = count;
	for (uint32 i = 0; i < count; i++)
	{
		if (weights[i] > 0)
		{
			*drawn = i;
			target -= weights[i];
			if (target < 0)
				break;
		}
	}
	return *drawn < count;
}

static uint32
choose_by_distance(const float *copies, const void **pointers, uint32 count, uint32 dimensions,
				   uint32 wanted, pg_prng_state *random, float *seeds)
{
	Size size = dimensions * sizeof(float);
	float *weights = palloc(count * sizeof(float));
	float *distances = palloc(count * sizeof(float));
	uint32 drawn = (uint32) pg_prng_uint64_range(random, 0, count - 1);
	uint32 chosen = 0;

	for (uint32 i = 0; i < count; i++)
		weights[i] = INFINITY;
	for (;;)
	{
		const float *latest = seeds + (Size) chosen * dimensions;

		CHECK_FOR_INTERRUPTS();
		memcpy(seeds + (Size) chosen++ * dimensions, copies + (Size) drawn * dimensions, size);
		if (chosen == wanted)
			break;
		distance_kernels->l2_squared_batch(latest, pointers, count, dimensions, distances);
		for (uint32 i = 0; i < count; i++)
			weights[i] = Min(weights[i], distances[i]);
		if (!draw_weighted(weights, count, random, &drawn))
			break;
	}
	pfree(distances);
	pfree(weights);
	return chosen;
}

uint32
kmeans_choose_seeds(const float *const *vectors, const float *scales, uint32 count,
					uint32 dimensions, uint32 wanted, uint64 seed, float *seeds)
{
	Size size = (Size) count * dimensions * sizeof(float);
	float *copies;
	const void **pointers;
	pg_prng_state random;
	uint32 chosen;

	wanted = Min(wanted, count);
	if (wanted == 0)
		return 0;
	copies = MemoryContextAllocHuge(CurrentMemoryContext, size);
	pointers = palloc(count * sizeof(void *));
	for (uint32 i = 0; i < count; i++)
	{
		float *copy = copies + (Size) i * dimensions;
		float scale = scales != NULL ? scales[i] : 1;

		for (uint32 d = 0; d < dimensions; d++)
			copy[d] = vectors[i][d] * scale;
		pointers[i] = copy;
	}

	pg_prng_seed(&random, seed);
	chosen = choose_by_distance(copies, pointers, count, dimensions, Min(wanted, KMEANS_SEEDS_MAX),
								&random, seeds);
	if (chosen == KMEANS_SEEDS_MAX && chosen < wanted)
	{
		for (; chosen < wanted; chosen++)
			memcpy(seeds + (Size) chosen * dimensions,
				   copies + (Size) ((uint64) chosen * count / wanted) * dimensions,
				   dimensions * sizeof(float));
	}
	pfree(pointers);
	pfree(copies);
	return chosen;
}
