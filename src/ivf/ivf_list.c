/*
 * ivf/ivf_list.c
 *		Distances to centroids, and extents copied out and checked.
 *
 * Centroids are compared in batches through the reader, like the vectors of a
 * search: every search ranks all of them, so this is on its hot path.  They are
 * written by the build and never changed.
 *
 * What stands in an extent is checked here once, for all who walk a list: its
 * ordinals and its successor exist, and it belongs to the list.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

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

/* Copy of a batch of centroids, in a section that may be left */
typedef struct CopySection
{
	const void **slots;
	uint32 count;
	uint32 dimensions;
	float *copies;
} CopySection;

static void
copy_batch(void *argument)
{
	const CopySection *section = argument;

	for (uint32 i = 0; i < section->count; i++)
		memcpy(section->copies + (Size) i * section->dimensions, section->slots[i],
			   section->dimensions * sizeof(float));
}

void
ivf_copy_centroids(StorageReader *reader, float *centroids)
{
	uint32 list_count = ivf_meta(reader->meta)->lists;
	uint32 ordinals[STORAGE_MAX_BATCH];
	const void *slots[STORAGE_MAX_BATCH];
	CopySection section = {.slots = slots, .dimensions = reader->meta->dimensions};

	for (uint32 first = 0; first < list_count; first += STORAGE_MAX_BATCH)
	{
		section.count = Min(list_count - first, STORAGE_MAX_BATCH);
		section.copies = centroids + (Size) first * section.dimensions;
		for (uint32 i = 0; i < section.count; i++)
			ordinals[i] = first + i;
		storage_read_batch(reader, IVF_CENTROIDS, ordinals, section.count, slots, copy_batch,
						   &section);
	}
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
	if (copy->list != list || (extent < ivf_meta(reader->meta)->lists && list != extent))
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

IvfExtent *
ivf_read_all_extents(StorageReader *reader, uint32 *count)
{
	const IvfMeta *meta = ivf_meta(reader->meta);
	uint32 extent_count = meta->extent_count;
	IvfExtent *extents = MemoryContextAllocExtended(
		CurrentMemoryContext, (Size) extent_count * sizeof(IvfExtent), MCXT_ALLOC_HUGE);

	for (uint32 at = 0; at < extent_count; at++)
	{
		CHECK_FOR_INTERRUPTS();
		buffer_pool_copy_slot(reader, IVF_EXTENTS, at, (char *) &extents[at]);
		if (extents[at].list >= meta->lists)
			report_corrupted(reader, at, "It belongs to a list that does not exist.");
		check_extent(reader, at, extents[at].list, &extents[at]);
	}
	*count = extent_count;
	return extents;
}

void
ivf_check_chain_length(StorageReader *reader, uint32 list, uint32 length)
{
	if (likely(length <= ivf_meta(reader->meta)->extent_count))
		return;
	refresh_counts(reader, list);
	if (length > ivf_meta(reader->meta)->extent_count)
		report_corrupted(reader, list, "The chain of extents that it begins goes round.");
}
