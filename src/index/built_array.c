/*
 * index/built_array.c
 *		Mapping of a freshly written page array; slots that cross page ends.
 */
#include "postgres.h"
#include "compat.h"

#include "utils/memutils.h"

#include "index/built_array.h"

static void
release_map(void *map)
{
	file_map_release(map);
}

FileMap *
built_array_map(Relation index)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));
	FileMap *map = file_map_acquire(index);

	callback->func = release_map;
	callback->arg = map;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return map;
}

void
built_array_init(BuiltArray *built, FileMap *map, const PageArrayMeta *array)
{
	Assert(array->run_count <= 1);
	built->map = map;
	built->memory = NULL;
	built->slot_size = array->slot_size;
	built->slots_per_page = array->slots_per_page;
	built->may_cross = array->slots_per_page == 0 && STORAGE_PAYLOAD_SIZE % array->slot_size != 0;
	built->first_block = 0;
	if (array->run_count == 1)
	{
		const PageRun *run = &array->runs[0];
		BlockNumber first = storage_block_of_data_block(run->first_block);
		BlockNumber last = storage_block_of_data_block(run->first_block + run->block_count - 1);

		built->first_block = run->first_block;
		for (uint32 segment = first / RELSEG_SIZE; segment <= last / RELSEG_SIZE; segment++)
			(void) file_map_page(map, segment * RELSEG_SIZE);
	}
}

void
built_array_init_in_memory(BuiltArray *built, const char *memory, uint32 slot_size)
{
	memset(built, 0, sizeof(BuiltArray));
	built->memory = memory;
	built->slot_size = slot_size;
}

void
built_array_copy_slot(const BuiltArray *built, uint32 page, uint32 offset, char *copy)
{
	uint32 left = built->slot_size;

	while (left > 0)
	{
		uint32 piece = Min(left, (uint32) STORAGE_PAYLOAD_SIZE - offset);

		memcpy(copy, built_array_payload(built, page) + offset, piece);
		copy += piece;
		left -= piece;
		offset = 0;
		page++;
	}
}
