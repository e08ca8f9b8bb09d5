/*
 * storage/buffer_pool.c
 *		The vector store that reads slots through shared buffers.
 *
 * A fetched slot is an address in a pinned page.  On a primary a pin is enough
 * for vectors and codes: a slot does not change until it is reused, and a change
 * of its neighbors on the page rewrites its bytes with the same bytes.  In
 * recovery, where replay may rebuild a whole page under a pin, and where the
 * reader may hold few pins, slots are copied out under a share lock; so are slots
 * of arrays that are packed over page ends.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/buffer_peek.h"
#include "storage/pin_cache.h"
#include "storage/vector_store.h"

static void
buffer_pool_begin(StorageReader *reader)
{
	/* The reader's pins are all it needs. */
	reader->guarded = false;
}

static void
buffer_pool_end(StorageReader *reader)
{
}

void
buffer_pool_copy_head(StorageReader *reader, PageArrayId array_id, uint32 ordinal, uint32 size,
					  char *slot)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);
	uint32 data_block = place.data_block;
	uint32 offset = place.offset;
	uint32 length = Min(place.first, size);
	uint32 done = 0;

	while (done < size)
	{
		Buffer buffer = pin_cache_get(reader->pins, array_id, data_block);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(slot + done, storage_page_payload(BufferGetPage(buffer)) + offset, length);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		done += length;
		data_block++;
		offset = 0;
		length = Min(size - done, STORAGE_PAYLOAD_SIZE);
	}
}

void
buffer_pool_copy_slot(StorageReader *reader, PageArrayId array_id, uint32 ordinal, char *slot)
{
	buffer_pool_copy_head(reader, array_id, ordinal, reader->meta->arrays[array_id].slot_size,
						  slot);
}

/* Slots that are whole on their pages, as addresses in pinned pages */
static void
fetch_pinned(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
			 const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 blocks[STORAGE_MAX_BATCH] = {0};
	Buffer buffers[STORAGE_MAX_BATCH];
	uint32 offsets[STORAGE_MAX_BATCH];

	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);

		blocks[i] = place.data_block;
		offsets[i] = place.offset;
	}
	pin_cache_get_batch(reader->pins, array_id, blocks, count, buffers);
	for (uint32 i = 0; i < count; i++)
		slots[i] = storage_page_payload(BufferGetPage(buffers[i])) + offsets[i];
}

/* The same as copies made without pins, where that can be. */
static void
fetch_peeking(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
			  const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 slot_stride = MAXALIGN(array->slot_size);
	char *scratch = storage_reader_scratch(reader, (Size) slot_stride * count);
	SlotPlace places[STORAGE_MAX_BATCH];
	uint32 missed[STORAGE_MAX_BATCH];
	uint32 missed_at[STORAGE_MAX_BATCH];
	const void *missed_slots[STORAGE_MAX_BATCH];
	uint32 missed_count = 0;

	for (uint32 i = 0; i < count; i++)
	{
		places[i] = page_array_place(array, ordinals[i]);
		buffer_peek_prefetch_descriptor(reader, places[i].data_block);
	}
	for (uint32 i = 0; i < count; i++)
		buffer_peek_prefetch_slot(reader, places[i].data_block, places[i].offset, array->slot_size);
	for (uint32 i = 0; i < count; i++)
	{
		char *copy = scratch + (Size) slot_stride * i;

		slots[i] = copy;
		if (buffer_peek_copy(reader, array_id, places[i].data_block, places[i].offset,
							 array->slot_size, copy))
			continue;
		missed[missed_count] = ordinals[i];
		missed_at[missed_count++] = i;
	}
	if (missed_count == 0)
		return;
	fetch_pinned(reader, array_id, missed, missed_count, missed_slots);
	for (uint32 i = 0; i < missed_count; i++)
		slots[missed_at[i]] = missed_slots[i];
}

static void
buffer_pool_fetch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
				  const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 slot_stride = MAXALIGN(array->slot_size);

	Assert(count <= STORAGE_MAX_BATCH);
	if (array->slots_per_page == 0 || reader->copy_out)
	{
		char *scratch = storage_reader_scratch(reader, (Size) slot_stride * count);

		for (uint32 i = 0; i < count; i++)
		{
			char *copy = scratch + (Size) slot_stride * i;

			buffer_pool_copy_slot(reader, array_id, ordinals[i], copy);
			slots[i] = copy;
		}
	}
	else if (reader->peeks)
		fetch_peeking(reader, array_id, ordinals, count, slots);
	else
		fetch_pinned(reader, array_id, ordinals, count, slots);
}

static void
buffer_pool_fetch_run(StorageReader *reader, PageArrayId array_id, uint32 first, uint32 count,
					  const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 blocks[STORAGE_MAX_BATCH] = {0};
	uint32 starts[STORAGE_MAX_BATCH + 1]; /* of the slots on each page */
	uint32 offsets[STORAGE_MAX_BATCH];
	Buffer buffers[STORAGE_MAX_BATCH];
	uint32 pages = 0;

	Assert(count <= STORAGE_MAX_BATCH);
	if (array->slots_per_page == 0 || reader->copy_out)
	{
		storage_fetch_run_singly(reader, array_id, first, count, slots);
		return;
	}
	for (uint32 done = 0; done < count; pages++)
	{
		SlotPlace place = page_array_place(array, first + done);

		blocks[pages] = place.data_block;
		offsets[pages] = place.offset;
		starts[pages] = done;
		done += array->slots_per_page - place.offset / array->slot_size;
	}
	starts[pages] = count;
	pin_cache_get_batch(reader->pins, array_id, blocks, pages, buffers);
	for (uint32 page = 0; page < pages; page++)
	{
		const char *slot = storage_page_payload(BufferGetPage(buffers[page])) + offsets[page];

		for (uint32 i = starts[page]; i < starts[page + 1]; i++)
		{
			slots[i] = slot;
			slot += array->slot_size;
		}
	}
}

static void
buffer_pool_prefetch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals,
					 uint32 count)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];

	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);
		uint32 bytes = place.offset + array->slot_size;

		for (uint32 page = 0; page * STORAGE_PAYLOAD_SIZE < bytes; page++)
			PrefetchBuffer(reader->index, MAIN_FORKNUM,
						   storage_block_of_data_block(place.data_block + page));
	}
}

const VectorStoreRoutine buffer_pool_store = {
	.kind = STORAGE_BUFFER_POOL,
	.name = "buffer_pool",
	.begin = buffer_pool_begin,
	.end = buffer_pool_end,
	.fetch = buffer_pool_fetch,
	.fetch_run = buffer_pool_fetch_run,
	.prefetch = buffer_pool_prefetch,
};
