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

static void
buffer_pool_fetch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
				  const void **slots)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 slot_stride = MAXALIGN(array->slot_size);
	uint32 blocks[STORAGE_MAX_BATCH] = {0};
	Buffer buffers[STORAGE_MAX_BATCH];
	uint32 offsets[STORAGE_MAX_BATCH];

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
		return;
	}

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
