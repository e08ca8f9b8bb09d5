/*
 * storage/mmap.c
 *		The vector store that reads settled slots through a memory map of the
 *		index's own file, and the others through shared buffers.
 *
 * Why a mapped slot may be read at all is told in src/README.md ("Settled
 * groups").  What a reader may meet there is an older version of a slot, or a
 * mixture of two while the page is being written; both concern rows that its
 * snapshot does not see.  Fetched addresses are read inside storage_reader_run()
 * alone; so are the copies of slots that cross page ends, here.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/vector_store.h"

/* Slots of a batch that cross page ends: copied together in one mapped-read section. */
typedef struct PieceCopy
{
	const char *from;
	char *to;
	uint32 length;
} PieceCopy;

typedef struct CopySection
{
	const PieceCopy *pieces;
	uint32 count;
} CopySection;

static void
copy_pieces(void *argument)
{
	const CopySection *section = argument;

	for (uint32 i = 0; i < section->count; i++)
		memcpy(section->pieces[i].to, section->pieces[i].from, section->pieces[i].length);
}

static void
mmap_begin(StorageReader *reader)
{
	reader->map = file_map_acquire(reader->index);
	reader->guarded = true;
	settle_view_begin(&reader->settle, reader->index, reader->meta, reader->live);
}

static void
mmap_end(StorageReader *reader)
{
	settle_view_end(&reader->settle);
	file_map_release(reader->map);
	reader->map = NULL;
}

/* Whether all pages that the slot lies on are settled. */
static bool
is_slot_settled(StorageReader *reader, const PageArrayMeta *array, SlotPlace place)
{
	uint32 last = place.data_block + (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

	for (uint32 block = place.data_block; block <= last; block++)
	{
		if (!settle_view_is_settled(&reader->settle, block))
			return false;
	}
	return true;
}

/* Copy a slot that crosses page ends out of the map. */
static void
copy_mapped_slot(StorageReader *reader, const PageArrayMeta *array, SlotPlace place, char *to)
{
	PieceCopy pieces[BLCKSZ / 64];
	CopySection section = {.pieces = pieces, .count = 0};
	uint32 data_block = place.data_block;
	uint32 offset = place.offset;
	uint32 length = place.first;
	uint32 done = 0;

	while (done < array->slot_size)
	{
		PieceCopy *piece = &pieces[section.count++];

		piece->from = file_map_page(reader->map, storage_block_of_data_block(data_block)) +
					  STORAGE_PAYLOAD_OFFSET + offset;
		piece->to = to + done;
		piece->length = length;
		done += length;
		data_block++;
		offset = 0;
		length = Min(array->slot_size - done, STORAGE_PAYLOAD_SIZE);
		if (section.count == lengthof(pieces))
		{
			mapped_read_call(copy_pieces, &section);
			section.count = 0;
		}
	}
	mapped_read_call(copy_pieces, &section);
}

/* Bytes of a slot that crosses page ends to ask for ahead of its copy; the processor follows up. */
#define TOUCHED_BYTES 512

/* Copies are made one by one: their cache misses overlap only if all are asked for before. */
static void
touch_packed(StorageReader *reader, const PageArrayMeta *array, const uint32 *ordinals,
			 uint32 count)
{
	if (!reader->settle.everything_settled)
		return;
	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);
		const char *page =
			file_map_page(reader->map, storage_block_of_data_block(place.data_block));

		storage_touch(page + STORAGE_PAYLOAD_OFFSET + place.offset,
					  Min(place.first, TOUCHED_BYTES));
	}
}

static void
mmap_fetch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
		   const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 slot_stride = MAXALIGN(array->slot_size);
	uint32 unsettled[STORAGE_MAX_BATCH];
	uint32 unsettled_at[STORAGE_MAX_BATCH];
	const void *unsettled_slots[STORAGE_MAX_BATCH];
	uint32 unsettled_count = 0;
	char *scratch = NULL;

	Assert(count <= STORAGE_MAX_BATCH);

	if (array->slots_per_page == 0)
	{
		scratch = storage_reader_scratch(reader, (Size) slot_stride * count);
		touch_packed(reader, array, ordinals, count);
	}

	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);

		if (likely(place.first == array->slot_size))
		{
			if (likely(settle_view_is_settled(&reader->settle, place.data_block) &&
					   ordinals[i] < reader->mapped_limit))
			{
				slots[i] =
					file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
					STORAGE_PAYLOAD_OFFSET + place.offset;
				continue;
			}
		}
		else if (is_slot_settled(reader, array, place) && ordinals[i] < reader->mapped_limit)
		{
			copy_mapped_slot(reader, array, place, scratch + (Size) slot_stride * i);
			slots[i] = scratch + (Size) slot_stride * i;
			continue;
		}
		unsettled[unsettled_count] = ordinals[i];
		unsettled_at[unsettled_count++] = i;
	}

	if (unsettled_count == 0)
		return;
	if (scratch != NULL)
	{
		/* Packed slots share the batch's scratch, mapped or not. */
		for (uint32 i = 0; i < unsettled_count; i++)
		{
			char *copy = scratch + (Size) slot_stride * unsettled_at[i];

			buffer_pool_copy_slot(reader, array_id, unsettled[i], copy);
			slots[unsettled_at[i]] = copy;
		}
		return;
	}
	buffer_pool_store.fetch(reader, array_id, unsettled, unsettled_count, unsettled_slots);
	for (uint32 i = 0; i < unsettled_count; i++)
		slots[unsettled_at[i]] = unsettled_slots[i];
}

static void
mmap_fetch_run(StorageReader *reader, PageArrayId array_id, uint32 first, uint32 count,
			   const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 done = 0;

	if (array->slots_per_page == 0)
	{
		storage_fetch_run_singly(reader, array_id, first, count, slots);
		return;
	}
	while (done < count)
	{
		SlotPlace place = page_array_place(array, first + done);
		uint32 on_page = array->slots_per_page - place.offset / array->slot_size;
		const char *slot;

		if (!settle_view_is_settled(&reader->settle, place.data_block) ||
			first + count > reader->mapped_limit)
		{
			/* The rest of the batch in one call: pins of two calls might not live together. */
			storage_fetch_run_singly(reader, array_id, first + done, count - done, slots + done);
			return;
		}
		slot = file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
			   STORAGE_PAYLOAD_OFFSET + place.offset;
		on_page = Min(on_page, count - done);
		for (uint32 i = 0; i < on_page; i++)
			slots[done + i] = slot + (Size) i * array->slot_size;
		done += on_page;
	}
}

static void
mmap_prefetch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];

	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);
		BlockNumber first = storage_block_of_data_block(place.data_block);
		uint32 page_ends = (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

		/* A settle map page in between is one page too few or too many: a hint is a hint. */
		if (settle_view_is_settled(&reader->settle, place.data_block))
			file_map_prefetch(reader->map, first, STORAGE_PAYLOAD_OFFSET + place.offset,
							  array->slot_size +
								  (Size) page_ends * (BLCKSZ - STORAGE_PAYLOAD_SIZE));
		else
			buffer_pool_store.prefetch(reader, array_id, &ordinals[i], 1);
	}
}

const VectorStoreRoutine mmap_store = {
	.kind = STORAGE_MMAP,
	.name = "mmap",
	.begin = mmap_begin,
	.end = mmap_end,
	.fetch = mmap_fetch,
	.fetch_run = mmap_fetch_run,
	.prefetch = mmap_prefetch,
};
