/*
 * index/centroids.c
 *		A few centroids, and the nearest of them to one vector.
 */
#include "postgres.h"
#include "compat.h"

#include "utils/memutils.h"

#include "distance/distance.h"
#include "index/centroids.h"

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
