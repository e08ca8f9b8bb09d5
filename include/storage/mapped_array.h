/*
 * storage/mapped_array.h
 *		Addresses of an array's slots in the map, by arithmetic alone.
 *
 * For a reader whose index is settled whole, and an array whose slots stand whole
 * on their pages: then an address needs no look at stamps and no segment to be
 * mapped, and can be had in the midst of a mapped-read section, where the slot
 * itself is read.  Everything else goes through storage_fetch().
 */
#ifndef STORAGE_MAPPED_ARRAY_H
#define STORAGE_MAPPED_ARRAY_H

#include "storage/vector_store.h"

typedef struct MappedArray
{
	const PageArrayMeta *array;
	FileMap *map;
	uint64 reciprocal; /* of slots_per_page, times 2^64, rounded up */
	uint32 limit;	   /* ordinals from here on have no address */
} MappedArray;

/* False where addresses can't be had so; valid until the reader is refreshed. */
extern bool
mapped_array_begin(StorageReader *reader, PageArrayId array, uint32 limit, MappedArray *mapped);

/* The address of a slot below the limit. */
static inline const char *
mapped_array_slot(const MappedArray *mapped, uint32 ordinal)
{
	const PageArrayMeta *array = mapped->array;
	const PageRun *run = &array->runs[0];
	uint32 in_run;
	uint32 page;
	BlockNumber block;

	if (unlikely(array->run_count > 1 && ordinal >= array->runs[1].first_slot))
		run = page_array_find_run(array, ordinal);
	in_run = ordinal - run->first_slot;

	/* Exact for 32-bit numbers: the reciprocal errs by less than 2^-64, in_run is below 2^32. */
	page = (uint32) (((unsigned __int128) mapped->reciprocal * in_run) >> 64);
	block = storage_block_of_data_block(run->first_block + page);
	return mapped->map->segments[block / RELSEG_SIZE] + (size_t) (block % RELSEG_SIZE) * BLCKSZ +
		   STORAGE_PAYLOAD_OFFSET + (in_run - page * array->slots_per_page) * array->slot_size;
}

/*
 * The same for arrays whose slots may cross page ends: those are copied to `scratch` (slot_size bytes)
 * by mapped_array_whole_slot(), which reads the map, so it belongs into a mapped-read section.
 */
extern bool mapped_array_begin_packed(StorageReader *reader, PageArrayId array, uint32 limit,
									  MappedArray *mapped);

static inline const char *
mapped_array_page(const MappedArray *mapped, uint32 data_block)
{
	BlockNumber block = storage_block_of_data_block(data_block);

	return mapped->map->segments[block / RELSEG_SIZE] + (size_t) (block % RELSEG_SIZE) * BLCKSZ +
		   STORAGE_PAYLOAD_OFFSET;
}

static inline const char *
mapped_array_whole_slot(const MappedArray *mapped, uint32 ordinal, char *scratch)
{
	uint32 size = mapped->array->slot_size;
	SlotPlace place = page_array_place(mapped->array, ordinal);
	const char *from = mapped_array_page(mapped, place.data_block) + place.offset;
	uint32 length = place.first;

	if (likely(length == size))
		return from;
	for (uint32 done = 0;;)
	{
		memcpy(scratch + done, from, length);
		done += length;
		if (done == size)
			return scratch;
		from = mapped_array_page(mapped, ++place.data_block);
		length = Min(size - done, STORAGE_PAYLOAD_SIZE);
	}
}

/* Ask for all of a slot, in however many pieces. */
static inline void
mapped_array_touch(const MappedArray *mapped, uint32 ordinal)
{
	uint32 left = mapped->array->slot_size;
	SlotPlace place = page_array_place(mapped->array, ordinal);
	uint32 length = place.first;
	uint32 offset = place.offset;

	while (left > 0)
	{
		storage_touch(mapped_array_page(mapped, place.data_block) + offset, length);
		left -= length;
		place.data_block++;
		offset = 0;
		length = Min(left, STORAGE_PAYLOAD_SIZE);
	}
}

#endif
