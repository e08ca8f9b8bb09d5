/*
 * index/centroids.c
 *		Lloyd's k-means, started by k-means++ (Arthur and Vassilvitskii, SODA 2007).
 *
 * A centroid that no vector is nearest to is moved to the vector that is
 * furthest from its own centroid.  Rounds end early when hardly a vector changes
 * its centroid.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "index/centroids.h"

/* Vectors between two checks for interrupts */
#define INTERRUPT_INTERVAL 256
/* Rounds end when less than one vector in this many has moved */
#define SETTLED_FRACTION 200

void
centroids_init(Centroids *centroids, uint32 count, uint32 dimensions)
{
	Size bytes = (Size) count * dimensions * sizeof(float);

	centroids->dimensions = dimensions;
	centroids->count = count;
	centroids->vectors = MemoryContextAllocExtended(CurrentMemoryContext, Max(bytes, 1),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	centroids->pointers = palloc(Max(count, 1) * sizeof(void *));
	centroids->distances = palloc(Max(count, 1) * sizeof(float));
	for (uint32 i = 0; i < count; i++)
		centroids->pointers[i] = centroids_get(centroids, i);
}

void
centroids_free(Centroids *centroids)
{
	pfree(centroids->vectors);
	pfree(centroids->pointers);
	pfree(centroids->distances);
	centroids->count = 0;
}

uint32
centroids_nearest(const Centroids *centroids, const float *vector, float *distance)
{
	uint32 nearest = 0;

	distance_kernels->l2_squared_batch(vector, centroids->pointers, centroids->count,
									   centroids->dimensions, centroids->distances);
	for (uint32 i = 1; i < centroids->count; i++)
	{
		if (centroids->distances[i] < centroids->distances[nearest])
			nearest = i;
	}
	if (distance != NULL)
		*distance = centroids->distances[nearest];
	return nearest;
}

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

/* k-means++: each next centroid is a vector drawn by its squared distance to the nearest so far. */
static void
choose_start(const float *const *vectors, uint32 count, pg_prng_state *random, Centroids *centroids)
{
	Size size = centroids->dimensions * sizeof(float);
	float *weights = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(float));
	uint32 drawn = (uint32) pg_prng_uint64_range(random, 0, count - 1);
	uint32 chosen = 0;

	for (uint32 i = 0; i < count; i++)
		weights[i] = INFINITY;
	for (;;)
	{
		const float *centroid = centroids_get(centroids, chosen);

		memcpy(centroids_get(centroids, chosen++), vectors[drawn], size);
		if (chosen == centroids->count)
			break;
		for (uint32 i = 0; i < count; i++)
		{
			float distance =
				distance_kernels->l2_squared(vectors[i], centroid, centroids->dimensions);

			weights[i] = Min(weights[i], distance);
			if (i % INTERRUPT_INTERVAL == 0)
				CHECK_FOR_INTERRUPTS();
		}
		if (!draw_weighted(weights, count, random, &drawn))
			break;
	}
	centroids->count = chosen;
	pfree(weights);
}

/* Assign each vector to its nearest centroid; returns how many moved. */
static uint32
assign(const float *const *vectors, uint32 count, const Centroids *centroids, uint32 *assignments,
	   float *distances)
{
	uint32 moved = 0;

	for (uint32 i = 0; i < count; i++)
	{
		uint32 nearest = centroids_nearest(centroids, vectors[i], &distances[i]);

		moved += nearest != assignments[i];
		assignments[i] = nearest;
		if (i % INTERRUPT_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return moved;
}

/* Move centroids to the means of their vectors. */
static void
update(const float *const *vectors, uint32 count, Centroids *centroids, const uint32 *assignments,
	   float *distances, double *sums, uint32 *members)
{
	uint32 dimensions = centroids->dimensions;

	memset(sums, 0, (Size) centroids->count * dimensions * sizeof(double));
	memset(members, 0, centroids->count * sizeof(uint32));
	for (uint32 i = 0; i < count; i++)
	{
		double *sum = sums + (Size) assignments[i] * dimensions;

		for (uint32 d = 0; d < dimensions; d++)
			sum[d] += vectors[i][d];
		members[assignments[i]]++;
		if (i % INTERRUPT_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (uint32 c = 0; c < centroids->count; c++)
	{
		float *centroid = centroids_get(centroids, c);
		const double *sum = sums + (Size) c * dimensions;

		if (members[c] > 0)
		{
			for (uint32 d = 0; d < dimensions; d++)
				centroid[d] = (float) (sum[d] / members[c]);
		}
		else
		{
			uint32 furthest = 0;

			for (uint32 i = 1; i < count; i++)
			{
				if (distances[i] > distances[furthest])
					furthest = i;
			}
			memcpy(centroid, vectors[furthest], dimensions * sizeof(float));
			distances[furthest] = 0;
		}
	}
}

void
centroids_train(const float *const *vectors, uint32 count, uint32 dimensions, uint32 k,
				uint32 iterations, uint64 seed, Centroids *centroids, uint32 *assignments)
{
	pg_prng_state random;
	float *distances = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(float));
	double *sums;
	uint32 *members;

	Assert(count > 0 && k > 0);
	pg_prng_seed(&random, seed);
	centroids_init(centroids, Min(k, count), dimensions);
	choose_start(vectors, count, &random, centroids);

	sums = MemoryContextAllocHuge(CurrentMemoryContext,
								  (Size) centroids->count * dimensions * sizeof(double));
	members = palloc(centroids->count * sizeof(uint32));
	for (uint32 i = 0; i < count; i++)
		assignments[i] = centroids->count;
	for (uint32 round = 0;; round++)
	{
		uint32 moved = assign(vectors, count, centroids, assignments, distances);

		if (round == iterations || moved <= count / SETTLED_FRACTION)
			break;
		update(vectors, count, centroids, assignments, distances, sums, members);
	}
	pfree(members);
	pfree(sums);
	pfree(distances);
}
