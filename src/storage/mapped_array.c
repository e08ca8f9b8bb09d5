/*
 * storage/mapped_array.c
 *		Whether an array's slots have addresses by arithmetic alone; maps what is
 *		needed for that.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/mapped_array.h"

/* Have the segments of a range of blocks mapped; false where the file ends before. */
static bool
map_blocks(StorageReader *reader, BlockNumber first, BlockNumber last)
{
	FileMap *map = reader->map;

	for (uint32 segment = first / RELSEG_SIZE; segment <= last / RELSEG_SIZE; segment++)
	{
		if (likely((int) segment < map->segment_count && map->segments[segment] != NULL))
			continue;
		if (last >= RelationGetNumberOfBlocks(reader->index))
			return false;
		(void) file_map_segment(map, segment);
	}
	return true;
}

bool
mapped_array_begin(StorageReader *reader, PageArrayId array_id, uint32 limit, MappedArray *mapped)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];

	if (array->slots_per_page < 2 || !mapped_array_begin_packed(reader, array_id, limit, mapped))
		return false;
	mapped->reciprocal = ~UINT64CONST(0) / array->slots_per_page + 1;
	return true;
}

bool
mapped_array_begin_packed(StorageReader *reader, PageArrayId array_id, uint32 limit,
						  MappedArray *mapped)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];

	if (reader->map == NULL || reader->page_count != NULL || !reader->settle.everything_settled)
		return false;
	mapped->array = array;
	mapped->map = reader->map;
	mapped->reciprocal = 0;
	mapped->limit = Min(limit, array->capacity);

	for (uint32 i = 0; i < array->run_count && array->runs[i].first_slot < mapped->limit; i++)
	{
		uint32 end = i + 1 < array->run_count ? array->runs[i + 1].first_slot : array->capacity;
		SlotPlace place = page_array_place(array, Min(end, mapped->limit) - 1);
		uint32 last =
			place.data_block + (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

		if (!map_blocks(reader, storage_block_of_data_block(array->runs[i].first_block),
						storage_block_of_data_block(last)))
			return false;
	}
	return true;
}
