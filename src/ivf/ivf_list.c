/*
 * ivf/ivf_list.c
 *		Distances to centroids.
 *
 * Centroids are compared in batches through the reader, like the vectors of a
 * search: every search ranks all of them, so this is on its hot path.  They are
 * written by the build and never changed.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "ivf/ivf_list.h"
#include "miscadmin.h"

/* Distances of a batch of centroids, in a section that may be left */
typedef struct CentroidSection
{
	DistanceBatch measure;
	const float *vector;
	const void **slots;
	uint32 count;
	uint32 dimensions;
	float *distances;
} CentroidSection;

DistanceMetric
ivf_centroid_metric(DistanceMetric metric)
{
	if (metric == DISTANCE_COSINE || metric == DISTANCE_INNER_PRODUCT)
		return DISTANCE_INNER_PRODUCT;
	return DISTANCE_L2;
}

static void
measure_centroids(void *argument)
{
	const CentroidSection *section = argument;

	section->measure(section->vector, section->slots, section->count, section->dimensions,
					 section->distances);
}

/*
 * Distances to the centroids of lists [first, first + count), count <= STORAGE_MAX_BATCH; NaN
 * (corrupt or overflowing data) sorts last.
 */
static void
measure_batch(StorageReader *reader, const float *vector, uint32 first, uint32 count,
			  float *distances)
{
	const IndexMeta *meta = reader->meta;
	const void *slots[STORAGE_MAX_BATCH];
	CentroidSection section = {
		.measure = distance_batch_function(ivf_centroid_metric((DistanceMetric) meta->metric)),
		.vector = vector,
		.slots = slots,
		.count = count,
		.dimensions = meta->dimensions,
		.distances = distances,
	};

	/* Centroids of many lists are as large as an index, and may have to come from the disk. */
	CHECK_FOR_INTERRUPTS();
	storage_read_run(reader, IVF_CENTROIDS, first, count, slots, measure_centroids, &section);
	for (uint32 i = 0; i < count; i++)
	{
		if (unlikely(isnan(distances[i])))
			distances[i] = INFINITY;
	}
}

void
ivf_rank_lists(StorageReader *reader, const float *vector, Candidate *lists)
{
	uint32 list_count = ivf_meta(reader->meta)->lists;
	float distances[STORAGE_MAX_BATCH];

	for (uint32 first = 0; first < list_count; first += STORAGE_MAX_BATCH)
	{
		uint32 count = Min(list_count - first, STORAGE_MAX_BATCH);

		measure_batch(reader, vector, first, count, distances);
		for (uint32 i = 0; i < count; i++)
			lists[first + i] = (Candidate){.distance = distances[i], .ordinal = first + i};
	}
}

uint32
ivf_nearest_list(StorageReader *reader, const float *vector)
{
	uint32 list_count = ivf_meta(reader->meta)->lists;
	float distances[STORAGE_MAX_BATCH];
	float best = INFINITY;
	uint32 nearest = 0;

	for (uint32 first = 0; first < list_count; first += STORAGE_MAX_BATCH)
	{
		uint32 count = Min(list_count - first, STORAGE_MAX_BATCH);

		measure_batch(reader, vector, first, count, distances);
		for (uint32 i = 0; i < count; i++)
		{
			if (distances[i] < best)
			{
				best = distances[i];
				nearest = first + i;
			}
		}
	}
	return nearest;
}

void
ivf_copy_centroids(StorageReader *reader, float *centroids)
{
	uint32 list_count = ivf_meta(reader->meta)->lists;
	uint32 dimensions = reader->meta->dimensions;
	uint32 ordinals[STORAGE_MAX_BATCH];
	uint32 count;

	for (uint32 first = 0; first < list_count; first += count)
	{
		CHECK_FOR_INTERRUPTS();
		count = Min(list_count - first, STORAGE_MAX_BATCH);
		for (uint32 i = 0; i < count; i++)
			ordinals[i] = first + i;
		storage_read_copies(reader, IVF_CENTROIDS, ordinals, count, dimensions * sizeof(float),
							(char *) (centroids + (Size) first * dimensions));
	}
}
