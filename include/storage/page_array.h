/*
 * storage/page_array.h
 *		Growable arrays of fixed-size slots over runs of data blocks.
 *
 * A slot is addressed by its ordinal.  Slots that fit a page with less than an
 * eighth of it lost stand whole on their pages, where they can be read in place;
 * larger ones are packed end to end over the pages' payloads and may cross page
 * ends, so that no more is lost at any number of dimensions.  Slots that are changed in place
 * (graph nodes) are never packed: one page lock covers one slot.
 */
#ifndef STORAGE_PAGE_ARRAY_H
#define STORAGE_PAGE_ARRAY_H

#include "storage/buf.h"
#include "storage/metapage.h"

/* Where a slot begins */
typedef struct SlotPlace
{
	uint32 data_block;
	uint32 offset; /* of the slot's first byte, within the payload */
	uint32 first;  /* bytes of the slot that lie on that block; the rest continues on the next */
} SlotPlace;

/* Geometry of a new array; `whole` = never packed (slot_size must fit a payload then). */
extern void page_array_init(PageArrayMeta *array, uint32 slot_size, bool whole);

/* Slots that `blocks` consecutive blocks of the array hold. */
extern uint32 page_array_slots_in_blocks(const PageArrayMeta *array, uint32 blocks);

/* Blocks that `slots` slots take. */
extern uint32 page_array_blocks_for_slots(const PageArrayMeta *array, uint32 slots);

/* Add a run to the metadata in memory (merged with the last one where they adjoin). */
extern void page_array_add_run(PageArrayMeta *array, uint32 first_block, uint32 block_count);

/* Blocks of the next run, by the growth rule (design, section 4). */
extern uint32 page_array_next_run_blocks(const PageArrayMeta *array);

extern const PageRun *page_array_find_run(const PageArrayMeta *array, uint32 ordinal);

/* The place of a slot; the ordinal must be below array->capacity. */
static inline SlotPlace
page_array_place(const PageArrayMeta *array, uint32 ordinal)
{
	const PageRun *run = &array->runs[0];
	SlotPlace place;
	uint32 in_run;

	if (array->run_count > 1 && ordinal >= array->runs[1].first_slot)
		run = page_array_find_run(array, ordinal);
	in_run = ordinal - run->first_slot;

	if (array->slots_per_page != 0)
	{
		uint32 page = in_run / array->slots_per_page;

		place.data_block = run->first_block + page;
		place.offset = (in_run - page * array->slots_per_page) * array->slot_size;
		place.first = array->slot_size;
	}
	else
	{
		uint64 byte = (uint64) in_run * array->slot_size;
		uint32 page = (uint32) (byte / STORAGE_PAYLOAD_SIZE);

		place.data_block = run->first_block + page;
		place.offset = (uint32) (byte - (uint64) page * STORAGE_PAYLOAD_SIZE);
		place.first = Min(array->slot_size, STORAGE_PAYLOAD_SIZE - place.offset);
	}
	return place;
}

/* Extend the file with zeroed blocks to at least `blocks`; under the relation extension lock. */
extern void storage_extend_file(Relation index, BlockNumber blocks);

/* Make the array's capacity at least `slots`, extending the file and WAL-logging the new run. */
extern void page_array_grow(Relation index, PageArrayId array, uint32 slots);

/*
 * The buffer of a block of an array, for a writer: pinned and locked exclusively, its page
 * initialised in memory by the writer if `*fresh`.  Blocks that a crash cut off the file's end
 * are added again when `may_extend`.
 */
extern Buffer page_array_lock_block(Relation index, PageArrayId array, uint32 data_block,
									bool may_extend, bool *fresh);

/*
 * Write one whole slot (that nobody can reach yet), page by page, each page one WAL record.
 */
extern void page_array_write_slot(Relation index, const IndexMeta *meta, PageArrayId array,
								  uint32 ordinal, const void *slot);

/*
 * Change some bits of a slot: those that are set in `mask` (slot_size bytes) become those of `slot`,
 * page by page, each page one WAL record.  Others may change other bits of it meanwhile.
 */
extern void page_array_merge_slot(Relation index, const IndexMeta *meta, PageArrayId array,
								  uint32 ordinal, const void *slot, const void *mask);

/*
 * Make sure that every page of these slots (below the array's capacity) is there: those never
 * written are initialised and logged.  For a method that reads slots before it has written them.
 */
extern void page_array_init_pages(Relation index, const IndexMeta *meta, PageArrayId array,
								  uint32 first, uint32 count);

/*
 * Iterates over the blocks of an array whose slots stand whole on their pages, up to the slot
 * `limit`: as far as the array went when the iteration began, since the metadata may take in new
 * slots meanwhile, in the middle of a page.
 */
typedef struct PageArrayBlocks
{
	const PageArrayMeta *array;
	uint32 limit;
	uint32 next_ordinal;
	/* the current block */
	uint32 data_block;
	uint32 first_ordinal;
	uint32 count; /* slots below the limit */
} PageArrayBlocks;

static inline PageArrayBlocks
page_array_blocks(const IndexMeta *meta, PageArrayId array, uint32 limit)
{
	return (PageArrayBlocks){.array = &meta->arrays[array], .limit = limit};
}

extern bool page_array_next_block(PageArrayBlocks *blocks);

/*
 * Copy a block's page (BLCKSZ bytes) under a share lock; false where it was never written, or was
 * and is lost: a crash may cut off the file's end, but nothing that was logged.
 */
extern bool page_array_copy_block(Relation index, PageArrayId array, uint32 data_block,
								  BufferAccessStrategy strategy, char *copy);

#endif
