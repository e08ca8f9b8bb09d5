/*
 * index/built_array.h
 *		Reading the slots of a page array that a build has just written, through
 *		the map of the index's own file.
 *
 * Such an array is one run of blocks that nobody changes any more, so a slot's
 * address is arithmetic alone: no reader, no settle map.  The segments are
 * mapped when the BuiltArray is made; reading a slot afterwards is pure loads,
 * for use inside mapped_read_call() alone.
 */
#ifndef INDEX_BUILT_ARRAY_H
#define INDEX_BUILT_ARRAY_H

#include "storage/file_map.h"
#include "storage/page_array.h"

typedef struct BuiltArray
{
	const FileMap *map;
	uint32 first_block; /* data block */
	uint32 slot_size;
	uint32 slots_per_page; /* 0 = packed */
	bool may_cross;		   /* some slots cross page ends and must be copied */
	const char *memory;	   /* slots lie here, end to end, and not in the file; NULL = they don't */
} BuiltArray;

/*
 * The map of the index's file, held until the current memory context is reset (after an ERROR
 * too).
 */
extern FileMap *built_array_map(Relation index);

/* Map the array's blocks.  `map` must be held as long as the BuiltArray is used. */
extern void built_array_init(BuiltArray *built, FileMap *map, const PageArrayMeta *array);

/* An array of the build alone, in memory. */
extern void built_array_init_in_memory(BuiltArray *built, const char *memory, uint32 slot_size);

static inline const char *
built_array_payload(const BuiltArray *built, uint32 page)
{
	BlockNumber block = storage_block_of_data_block(built->first_block + page);

	return built->map->segments[block / RELSEG_SIZE] + (size_t) (block % RELSEG_SIZE) * BLCKSZ +
		   STORAGE_PAYLOAD_OFFSET;
}

/* Copy a slot that crosses page ends. */
extern void built_array_copy_slot(const BuiltArray *built, uint32 page, uint32 offset, char *copy);

/* Address of a slot, or of its copy in `copy` (slot_size bytes) where it crosses a page's end. */
static inline const void *
built_array_slot(const BuiltArray *built, uint32 ordinal, void *copy)
{
	uint32 page;
	uint32 offset;

	if (built->memory != NULL)
		return built->memory + (size_t) ordinal * built->slot_size;
	if (built->slots_per_page != 0)
	{
		page = ordinal / built->slots_per_page;
		offset = (ordinal - page * built->slots_per_page) * built->slot_size;
	}
	else
	{
		uint64 byte = (uint64) ordinal * built->slot_size;

		page = (uint32) (byte / STORAGE_PAYLOAD_SIZE);
		offset = (uint32) (byte - (uint64) page * STORAGE_PAYLOAD_SIZE);
		if (offset + built->slot_size > STORAGE_PAYLOAD_SIZE)
		{
			built_array_copy_slot(built, page, offset, copy);
			return copy;
		}
	}
	return built_array_payload(built, page) + offset;
}

#endif
