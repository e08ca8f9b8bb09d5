/*
 * ivf/ivf_list.c
 *		Distances to centroids, and extents copied out and checked.
 *
 * Centroids are compared in batches through the reader, like the vectors of a
 * search: every search ranks all of them, so this is on its hot path.  They are
 * written by the build and never changed.
 *
 * What stands in an extent is checked here once, for all who walk a list: its
 * ordinals and its successor exist, and it belongs to the list.  That a chain ends
 * is for the walker to see to, who meets no more than extent_count extents.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "ivf/ivf_list.h"

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

pg_attribute_noreturn() static void report_corrupted(StorageReader *reader, uint32 extent,
													 const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" contains corrupted extent %u",
						   RelationGetRelationName(reader->index), extent),
					errdetail_internal("%s", detail), errhint("Please REINDEX it.")));
}

/* Are the counts of the metapage, as the reader knows them, enough for what stands in an extent? */
static bool
is_within_counts(const IndexMeta *meta, const IvfExtent *extent)
{
	return (uint64) extent->first + extent->capacity <= meta->ordinal_count &&
		   (extent->next == INVALID_ORDINAL || extent->next < ivf_meta(meta)->extent_count);
}

/* Look at the metapage again: an insert may have added what the reader doesn't know. */
static void
refresh_counts(StorageReader *reader, uint32 extent)
{
	const IndexMeta *meta = reader->meta;

	storage_meta_copy(reader->meta, storage_meta_get(reader->index));
	if (ivf_meta(meta)->extent_count > meta->arrays[IVF_EXTENTS].capacity ||
		meta->ordinal_count > meta->arrays[IVF_ENTRIES].capacity)
		report_corrupted(reader, extent, "A page array is shorter than the metapage's counts.");
}

static void
check_extent_number(StorageReader *reader, uint32 extent)
{
	if (likely(extent < ivf_meta(reader->meta)->extent_count))
		return;
	refresh_counts(reader, extent);
	if (extent >= ivf_meta(reader->meta)->extent_count)
		report_corrupted(reader, extent, "It does not exist.");
}

static void
check_extent(StorageReader *reader, uint32 extent, uint32 list, const IvfExtent *copy)
{
	if (copy->list != list)
		report_corrupted(reader, extent, "It belongs to another list.");
	if (copy->used > copy->capacity)
		report_corrupted(reader, extent, "More of its slots are in use than it has.");
	if (copy->capacity > 0 && (copy->first % IVF_BLOCK != 0 || copy->capacity % IVF_BLOCK != 0))
		report_corrupted(reader, extent, "It does not consist of whole blocks.");
	if (likely(is_within_counts(reader->meta, copy)))
		return;
	refresh_counts(reader, extent);
	if (!is_within_counts(reader->meta, copy))
		report_corrupted(reader, extent, "It leads to slots or extents that do not exist.");
}

void
ivf_read_extent(StorageReader *reader, uint32 extent, uint32 list, IvfExtent *copy)
{
	check_extent_number(reader, extent);
	storage_copy_slot_whole(reader, IVF_EXTENTS, extent, copy);
	check_extent(reader, extent, list, copy);
}

void
ivf_read_extent_current(StorageReader *reader, uint32 extent, uint32 list, IvfExtent *copy)
{
	check_extent_number(reader, extent);
	buffer_pool_copy_slot(reader, IVF_EXTENTS, extent, (char *) copy);
	check_extent(reader, extent, list, copy);
}
