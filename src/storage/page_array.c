/*
 * storage/page_array.c
 *		Geometry and growth of page arrays, and writes of whole slots.
 *
 * Growth: the file is extended with zeroed blocks first, settle map pages among
 * them are logged, then one metapage record adds the run.  A crash in between
 * leaves blocks that no run names; the next growth takes them, since it counts
 * from data_block_count and not from the file's length.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "storage/page_array.h"
#include "storage/page_write.h"
#include "storage/pin_cache.h"

/* Most blocks of a run while an array has few runs: 64 MB */
#define RUN_MAX_BLOCKS (64 * 1024 * 1024 / BLCKSZ)
/* From this number of runs on they grow faster: by a quarter, and the limit doubles with every third
 * run.  So an array that began empty reaches the largest relation with fewer than 100 runs. */
#define RUNS_GROW_FASTER_AFTER 40
/* Slots are numbered with 32 bits */
#define MAX_SLOTS ((uint64) MAX_ORDINAL - 65536)

void
page_array_init(PageArrayMeta *array, uint32 slot_size, bool whole)
{
	uint32 per_page = STORAGE_PAYLOAD_SIZE / slot_size;
	uint32 lost = STORAGE_PAYLOAD_SIZE - per_page * slot_size;

	Assert(slot_size > 0);
	Assert(!whole || per_page > 0);
	memset(array, 0, sizeof(PageArrayMeta));
	array->slot_size = slot_size;
	array->slots_per_page =
		whole || (per_page > 0 && lost < STORAGE_PAYLOAD_SIZE / 8) ? per_page : 0;
}

uint32
page_array_slots_in_blocks(const PageArrayMeta *array, uint32 blocks)
{
	if (array->slots_per_page != 0)
		return blocks * array->slots_per_page;
	return (uint32) ((uint64) blocks * STORAGE_PAYLOAD_SIZE / array->slot_size);
}

uint32
page_array_blocks_for_slots(const PageArrayMeta *array, uint32 slots)
{
	if (array->slots_per_page != 0)
		return (uint32) (((uint64) slots + array->slots_per_page - 1) / array->slots_per_page);
	return (uint32) (((uint64) slots * array->slot_size + STORAGE_PAYLOAD_SIZE - 1) /
					 STORAGE_PAYLOAD_SIZE);
}

void
page_array_add_run(PageArrayMeta *array, uint32 first_block, uint32 block_count)
{
	PageRun *last = array->run_count > 0 ? &array->runs[array->run_count - 1] : NULL;

	if (last != NULL && last->first_block + last->block_count == first_block)
		last->block_count += block_count;
	else
	{
		last = &array->runs[array->run_count++];
		last->first_slot = array->capacity;
		last->first_block = first_block;
		last->block_count = block_count;
	}
	array->capacity = last->first_slot + page_array_slots_in_blocks(array, last->block_count);
}

uint32
page_array_next_run_blocks(const PageArrayMeta *array)
{
	uint64 blocks = 0;
	uint64 limit = RUN_MAX_BLOCKS;
	uint64 next;

	for (uint32 i = 0; i < array->run_count; i++)
		blocks += array->runs[i].block_count;
	if (array->run_count > RUNS_GROW_FASTER_AFTER)
		limit <<= (array->run_count - RUNS_GROW_FASTER_AFTER) / 3;

	/* A quarter while the array is small, so that few runs lead to where an eighth is much. */
	next = blocks < 1024 || array->run_count > RUNS_GROW_FASTER_AFTER ? blocks / 4 : blocks / 8;
	next = Max(Min(next, limit), 1);

	/* No more than the ordinals that there can be */
	return (uint32) Min(next, page_array_blocks_for_slots(array, MAX_SLOTS - array->capacity) + 1);
}

const PageRun *
page_array_find_run(const PageArrayMeta *array, uint32 ordinal)
{
	uint32 low = 0;
	uint32 high = array->run_count;

	Assert(ordinal < array->capacity);
	while (high - low > 1)
	{
		uint32 middle = (low + high) / 2;

		if (array->runs[middle].first_slot <= ordinal)
			low = middle;
		else
			high = middle;
	}
	return &array->runs[low];
}

void
storage_extend_file(Relation index, BlockNumber blocks)
{
	PGIOAlignedBlock zeroes;
	BlockNumber have = RelationGetNumberOfBlocks(index);

	memset(zeroes.data, 0, BLCKSZ);
	for (; have < blocks; have++)
	{
		CHECK_FOR_INTERRUPTS();
		vs_smgr_extend(RelationGetSmgr(index), MAIN_FORKNUM, have, zeroes.data, false);
	}
}

void
page_array_grow(Relation index, PageArrayId array_id, uint32 slots)
{
	LockRelationForExtension(index, ExclusiveLock);
	for (;;)
	{
		const IndexMeta *meta = storage_meta_get(index);
		const PageArrayMeta *array = &meta->arrays[array_id];
		uint32 first = meta->data_block_count;
		uint32 blocks;
		uint32 data_block;
		PageWrite write;
		Buffer buffer;
		IndexMeta *changed;

		if (array->capacity >= slots)
			break;

		/* A slot of several pages needs at least as many. */
		blocks = Max(page_array_next_run_blocks(array), page_array_blocks_for_slots(array, 1));
		if (array->run_count >= PAGE_ARRAY_MAX_RUNS || slots > MAX_SLOTS ||
			(uint64) first + blocks > STORAGE_MAX_DATA_BLOCKS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("index \"%s\" cannot grow further", RelationGetRelationName(index)),
					 errhint("REINDEX it.")));

		storage_extend_file(index, storage_block_of_data_block(first + blocks - 1) + 1);

		for (data_block = first; data_block < first + blocks;
			 data_block += SETTLE_BLOCKS_PER_MAP - data_block % SETTLE_BLOCKS_PER_MAP)
			page_write_new_settle_map(index, storage_settle_map_block(data_block));

		buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
		page_write_begin(&write, index);
		changed = page_write_metapage(&write, buffer);
		Assert(changed->data_block_count == first);
		page_array_add_run(&changed->arrays[array_id], first, blocks);
		changed->data_block_count = first + blocks;
		changed->layout_version++;
		page_write_finish(&write);
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(index, ExclusiveLock);
}

/*
 * Is the file known to be longer than this?  It never gets shorter, so what the storage manager saw last
 * will do for a yes.
 */
static bool
has_block(Relation index, BlockNumber block)
{
	BlockNumber seen = RelationGetSmgr(index)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (seen != InvalidBlockNumber && block < seen) || block < RelationGetNumberOfBlocks(index);
}

Buffer
page_array_lock_block(Relation index, PageArrayId array, uint32 data_block, bool may_extend,
					  bool *fresh)
{
	BlockNumber block = storage_block_of_data_block(data_block);
	Buffer buffer;
	Page page;

	/*
	 * The extension of the file was not logged: after a crash of the machine it may be shorter
	 * than its runs.  Blocks that were ever written have come back through WAL.
	 */
	if (may_extend && !has_block(index, block))
	{
		LockRelationForExtension(index, ExclusiveLock);
		storage_extend_file(index, block + 1);
		UnlockRelationForExtension(index, ExclusiveLock);
	}

	buffer = pin_cache_read_buffer(index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	*fresh = may_extend && PageIsNew(page);
	if (!*fresh)
		storage_page_check(index, page, block, STORAGE_PAGE_ARRAY, array);
	return buffer;
}

/* Write the bits of a slot that are set in `mask`, all where it is NULL. */
static void
write_slot(Relation index, const IndexMeta *meta, PageArrayId array_id, uint32 ordinal,
		   const char *slot, const char *mask)
{
	const PageArrayMeta *array = &meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);
	uint32 data_block = place.data_block;
	uint32 offset = place.offset;
	uint32 written = 0;

	while (written < array->slot_size)
	{
		uint32 length = Min(array->slot_size - written, STORAGE_PAYLOAD_SIZE - offset);
		PageWrite write;
		bool fresh;
		Buffer buffer = page_array_lock_block(index, array_id, data_block, true, &fresh);
		char *to;

		page_write_begin(&write, index);
		if (fresh)
			to = storage_page_payload(page_write_page(&write, buffer, data_block, true, array_id)) +
				 offset;
		else
			to = page_write_part(&write, buffer, data_block, offset, length);
		if (mask == NULL)
			memcpy(to, slot + written, length);
		else
		{
			for (uint32 i = 0; i < length; i++)
				to[i] =
					(char) ((to[i] & ~mask[written + i]) | (slot[written + i] & mask[written + i]));
		}
		page_write_finish(&write);
		UnlockReleaseBuffer(buffer);

		written += length;
		data_block++;
		offset = 0;
	}
}

void
page_array_write_slot(Relation index, const IndexMeta *meta, PageArrayId array_id, uint32 ordinal,
					  const void *slot)
{
	write_slot(index, meta, array_id, ordinal, slot, NULL);
}

void
page_array_merge_slot(Relation index, const IndexMeta *meta, PageArrayId array_id, uint32 ordinal,
					  const void *slot, const void *mask)
{
	write_slot(index, meta, array_id, ordinal, slot, mask);
}

void
page_array_init_pages(Relation index, const IndexMeta *meta, PageArrayId array_id, uint32 first,
					  uint32 count)
{
	const PageArrayMeta *array = &meta->arrays[array_id];
	uint32 done = (uint32) -1; /* the last block that was looked at */

	for (uint32 ordinal = first; ordinal < first + count; ordinal++)
	{
		SlotPlace place = page_array_place(array, ordinal);
		uint32 end =
			place.data_block + (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

		for (uint32 block = place.data_block; block <= end; block++)
		{
			PageWrite write;
			bool fresh;
			Buffer buffer;

			if (block == done)
				continue;
			CHECK_FOR_INTERRUPTS();
			buffer = page_array_lock_block(index, array_id, block, true, &fresh);
			if (fresh)
			{
				page_write_begin(&write, index);
				page_write_page(&write, buffer, block, true, array_id);
				page_write_finish(&write);
			}
			UnlockReleaseBuffer(buffer);
			done = block;
		}
	}
}

bool
page_array_next_block(PageArrayBlocks *blocks)
{
	const PageArrayMeta *array = blocks->array;

	if (blocks->next_ordinal >= blocks->limit)
		return false;
	blocks->first_ordinal = blocks->next_ordinal;
	blocks->data_block = page_array_place(array, blocks->first_ordinal).data_block;
	blocks->count = Min(array->slots_per_page, blocks->limit - blocks->first_ordinal);
	blocks->next_ordinal += blocks->count;
	return true;
}

bool
page_array_copy_block(Relation index, PageArrayId array, uint32 data_block,
					  BufferAccessStrategy strategy, char *copy)
{
	BlockNumber block = storage_block_of_data_block(data_block);
	Buffer buffer;
	bool is_new;

	if (block >= RelationGetNumberOfBlocks(index))
		return false;
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	is_new = PageIsNew(BufferGetPage(buffer));
	if (!is_new)
	{
		storage_page_check(index, BufferGetPage(buffer), block, STORAGE_PAGE_ARRAY, array);
		memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	}
	UnlockReleaseBuffer(buffer);
	return !is_new;
}
