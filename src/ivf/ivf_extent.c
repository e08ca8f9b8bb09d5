/*
 * ivf/ivf_extent.c
 *		Reading and changing the extents of lists.
 *
 * What stands in an extent is checked here once, for all who walk a list: its
 * ordinals and its successor exist, and it belongs to the list.  Hints in it may say
 * anything.
 */
#include "postgres.h"
#include "compat.h"

#include "ivf/ivf_list.h"
#include "miscadmin.h"
#include "storage/page_write.h"

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
	storage_reader_release_pins(reader);
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

LockedExtent
ivf_lock_extent(StorageReader *reader, uint32 extent)
{
	SlotPlace place = page_array_place(&reader->meta->arrays[IVF_EXTENTS], extent);
	LockedExtent locked = {.data_block = place.data_block, .offset = place.offset};
	bool fresh;

	locked.buffer =
		page_array_lock_block(reader->index, IVF_EXTENTS, place.data_block, false, &fresh);
	locked.extent =
		(const IvfExtent *) (storage_page_payload(BufferGetPage(locked.buffer)) + place.offset);
	return locked;
}

void
ivf_unlock_extent(StorageReader *reader, const LockedExtent *locked, const IvfExtent *changed)
{
	if (changed != NULL)
	{
		PageWrite write;
		Page page;

		page_write_begin(&write, reader->index);
		page = page_write_page(&write, locked->buffer, locked->data_block, false, IVF_EXTENTS);
		memcpy(storage_page_payload(page) + locked->offset, changed, sizeof(IvfExtent));
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(locked->buffer);
}

bool
ivf_link_extent(StorageReader *reader, uint32 last, uint32 extent)
{
	LockedExtent locked = ivf_lock_extent(reader, last);
	IvfExtent changed = *locked.extent;
	bool is_last = changed.next == INVALID_ORDINAL;

	changed.next = extent;
	ivf_unlock_extent(reader, &locked, is_last ? &changed : NULL);
	return is_last;
}
