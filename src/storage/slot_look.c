/*
 * storage/slot_look.c
 *		Addresses of slots in the map and in shared buffers, of a batch of both kinds.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/slot_look.h"

bool
slot_look_is_allowed(const StorageReader *reader, PageArrayId array)
{
	return (reader->peeks || !reader->live) && !reader->copy_out && reader->page_count == NULL &&
		   reader->meta->arrays[array].slots_per_page > 0 && pin_cache_may_look(reader->pins);
}

/* Is the slot to be read through the map? */
static inline bool
is_mapped(StorageReader *reader, uint32 ordinal, uint32 data_block)
{
	return reader->map != NULL && ordinal < reader->mapped_limit &&
		   settle_view_is_settled(&reader->settle, data_block);
}

void
slot_look_batch(StorageReader *reader, PageArrayId array_id, const uint32 *ordinals, uint32 count,
				const void **slots, SlotLooks *looks)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	uint32 blocks[STORAGE_MAX_BATCH];
	uint32 offsets[STORAGE_MAX_BATCH];
	uint32 at[STORAGE_MAX_BATCH];

	Assert(count <= STORAGE_MAX_BATCH);
	looks->count = 0;
	for (uint32 i = 0; i < count; i++)
	{
		SlotPlace place = page_array_place(array, ordinals[i]);

		if (is_mapped(reader, ordinals[i], place.data_block))
			slots[i] = file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
					   STORAGE_PAYLOAD_OFFSET + place.offset;
		else
		{
			blocks[looks->count] = place.data_block;
			offsets[looks->count] = place.offset;
			at[looks->count++] = i;
		}
	}
	if (looks->count == 0)
		return;
	/* cppcheck-suppress uninitvar */
	pin_cache_look_batch(reader->pins, array_id, blocks, looks->count, looks->looks);
	for (uint32 i = 0; i < looks->count; i++)
		slots[at[i]] = storage_page_payload(BufferGetPage(looks->looks[i].buffer)) + offsets[i];
}

void
slot_look_read(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
			   const void **slots, MappedReadSection section, void *argument)
{
	SlotLooks looks;

	if (!reader->cold && slot_look_is_allowed(reader, array))
	{
		slot_look_batch(reader, array, ordinals, count, slots, &looks);
		storage_reader_run(reader, section, argument);
		if (likely(slot_looks_held(reader, &looks)))
			return;
	}
	storage_read_batch(reader, array, ordinals, count, slots, section, argument);
}

bool
slot_look_copy(StorageReader *reader, PageArrayId array, uint32 ordinal, uint32 bytes, void *copy)
{
	SlotLooks looks;
	const void *slot;

	slot_look_batch(reader, array, &ordinal, 1, &slot, &looks);
	if (looks.count == 0)
		mapped_read_copy(copy, slot, bytes);
	else
		memcpy(copy, slot, bytes);
	return slot_looks_held(reader, &looks);
}

void
slot_look_touch(StorageReader *reader, PageArrayId array_id, uint32 ordinal, uint32 bytes)
{
	SlotPlace place = page_array_place(&reader->meta->arrays[array_id], ordinal);

	if (is_mapped(reader, ordinal, place.data_block))
		storage_touch(file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
						  STORAGE_PAYLOAD_OFFSET + place.offset,
					  bytes);
	else
	{
		Buffer buffer = pin_cache_recent(reader->pins, place.data_block);

		if (!BufferIsValid(buffer))
			return;
		pin_cache_touch_header(buffer);
		storage_touch(storage_page_payload(BufferGetPage(buffer)) + place.offset, bytes);
	}
}
