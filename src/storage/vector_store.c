/*
 * storage/vector_store.c
 *		Readers: the choice of the store, and what both stores share.
 *
 * A reader owns its copy of the metadata, since rd_amcache may go with any
 * invalidation.  Pins belong to the resource owner, maps to file_map.c; a reader
 * that is left by an error loses the first there and gives the second back by
 * the reset callback of its memory context.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/buffer_peek.h"
#include "storage/cold_read.h"
#include "storage/page_count.h"
#include "storage/pin_cache.h"
#include "storage/vector_store.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

const VectorStoreRoutine *
vector_store_routine(StorageKind kind)
{
	switch (kind)
	{
		case STORAGE_BUFFER_POOL:
			return &buffer_pool_store;
		case STORAGE_MMAP:
			return &mmap_store;
	}
	elog(ERROR, "unrecognized storage kind %d", (int) kind);
}

StorageKind
storage_effective_kind(Relation index, StorageKind wanted, Snapshot snapshot, const char **reason)
{
	if (wanted != STORAGE_MMAP)
		*reason = "storage option";
	else if (RelationUsesLocalBuffers(index))
		*reason = "temporary index";
	else if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		*reason = "unlogged index";
	else if (!RelationNeedsWAL(index))
		*reason = "index created in this transaction with wal_level = minimal";
	else if (snapshot != NULL && !IsMVCCSnapshot(snapshot))
		*reason = "scan without an MVCC snapshot";
	else if (vs_direct_io_for_data_files())
		*reason = "direct I/O for data files";
	else
	{
		*reason = "storage option";
		return STORAGE_MMAP;
	}
	return STORAGE_BUFFER_POOL;
}

/* Runs when the reader's memory goes, in whichever way. */
static void
release_map(void *argument)
{
	StorageReader *reader = argument;

	if (reader->map != NULL)
		file_map_release(reader->map);
	reader->map = NULL;
}

/*
 * Ordinals are handed out before their slots are written: those that inserts in flight may have, one
 * a backend, count as new.
 */
static void
set_mapped_limit(StorageReader *reader)
{
	uint32 count = reader->meta->ordinal_count;

	reader->mapped_limit = PG_UINT32_MAX;
	if (reader->live)
		reader->mapped_limit = count > (uint32) MaxBackends ? count - (uint32) MaxBackends : 0;
}

StorageReader *
storage_reader_begin(Relation index, StorageKind wanted, Snapshot snapshot)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vectorstore reader", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	StorageReader *reader = palloc0(sizeof(StorageReader));
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));
	uint32 limit = pin_cache_limit(index);
	const IndexMeta *meta;

	reader->index = index;
	reader->context = context;
	callback->func = release_map;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(context, callback);

	meta = storage_meta_get(index);
	if (wanted == STORAGE_MMAP && !settle_locator_matches(index, meta))
	{
		settle_adopt_file(index);
		meta = storage_meta_get(index);
	}
	reader->meta = palloc(sizeof(IndexMeta));
	storage_meta_copy(reader->meta, meta);

	reader->pins = pin_cache_create(index, limit);
	reader->live = snapshot == NULL;
	set_mapped_limit(reader);
	reader->copy_out = RecoveryInProgress() || limit < 2 * STORAGE_MAX_BATCH;
	reader->store =
		vector_store_routine(storage_effective_kind(index, wanted, snapshot, &reader->reason));
	reader->store->begin(reader);
	cold_read_begin(reader);
	page_count_begin(reader);

	MemoryContextSwitchTo(outer);
	return reader;
}

void
storage_reader_set_advisory(StorageReader *reader)
{
	reader->peeks = buffer_peek_is_allowed(reader);
}

void
storage_reader_slot_written(StorageReader *reader, PageArrayId array_id, uint32 ordinal)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);
	uint32 last = place.data_block + (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

	for (uint32 block = place.data_block; reader->map != NULL && block <= last; block++)
		settle_view_forget(&reader->settle, block);
}

void
storage_reader_refresh(StorageReader *reader)
{
	MemoryContext outer = MemoryContextSwitchTo(reader->context);

	page_count_report(reader);
	storage_reader_release_pins(reader);
	storage_meta_copy(reader->meta, storage_meta_get(reader->index));
	set_mapped_limit(reader);
	if (reader->map != NULL)
		settle_view_refresh(&reader->settle, reader->meta);
	MemoryContextSwitchTo(outer);
}

void
storage_reader_learn_growth(StorageReader *reader)
{
	/* Groups that are new to the settle view count as not settled, and mapped_limit stays. */
	storage_meta_copy(reader->meta, storage_meta_get(reader->index));
}

void
storage_reader_release_pins(StorageReader *reader)
{
	/* But for the one pin of the settle view, which the next look would take again. */
	pin_cache_release(reader->pins);
}

void
storage_reader_end(StorageReader *reader)
{
	page_count_report(reader);
	storage_reader_release_pins(reader);
	reader->store->end(reader);
	MemoryContextDelete(reader->context);
}

char *
storage_reader_scratch(StorageReader *reader, Size size)
{
	if (reader->scratch_size < size)
	{
		if (reader->scratch != NULL)
			pfree(reader->scratch);
		reader->scratch = NULL;
		reader->scratch_size = 0;
		reader->scratch = MemoryContextAllocExtended(reader->context, size, MCXT_ALLOC_HUGE);
		reader->scratch_size = size;
	}
	return reader->scratch;
}

void
storage_reader_check_ordinal_slow(StorageReader *reader, uint32 ordinal)
{
	storage_meta_copy(reader->meta, storage_meta_get(reader->index));
	if (ordinal >= reader->meta->ordinal_count)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains a reference to nonexistent node %u",
							   RelationGetRelationName(reader->index), ordinal),
						errhint("Please REINDEX it.")));
}

void
storage_fetch_run_singly(StorageReader *reader, PageArrayId array, uint32 first, uint32 count,
						 const void **slots)
{
	uint32 ordinals[STORAGE_MAX_BATCH];

	Assert(count <= STORAGE_MAX_BATCH);
	for (uint32 i = 0; i < count; i++)
		ordinals[i] = first + i;
	reader->store->fetch(reader, array, ordinals, count, slots);
}

/* Copy through the map, if the slot is whole on a settled page; false otherwise. */
static bool
copy_mapped(StorageReader *reader, const PageArrayMeta *array, uint32 ordinal, SlotPlace place,
			uint32 size, void *slot)
{
	const char *from;

	if (place.first < array->slot_size || ordinal >= reader->mapped_limit ||
		!settle_view_is_settled(&reader->settle, place.data_block))
		return false;
	if (reader->cold)
		file_map_prefetch(reader->map, storage_block_of_data_block(place.data_block),
						  STORAGE_PAYLOAD_OFFSET + place.offset, size);
	from = file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
		   STORAGE_PAYLOAD_OFFSET + place.offset;
	mapped_read_copy(slot, from, size);
	return true;
}

/* Copy the head of a slot that is whole on one page without a pin; false otherwise. */
static bool
copy_peeking(StorageReader *reader, PageArrayId array_id, SlotPlace place, uint32 size, void *slot)
{
	return reader->peeks && place.first == reader->meta->arrays[array_id].slot_size &&
		   buffer_peek_copy(reader, array_id, place.data_block, place.offset, size, slot);
}

void
storage_copy_head(StorageReader *reader, PageArrayId array_id, uint32 ordinal, uint32 size,
				  void *slot)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);

	if (unlikely(reader->page_count != NULL))
		storage_note_slots(reader, array_id, &ordinal, 1);
	if ((reader->map == NULL || !copy_mapped(reader, array, ordinal, place, size, slot)) &&
		!copy_peeking(reader, array_id, place, size, slot))
		buffer_pool_copy_head(reader, array_id, ordinal, size, slot);
}

void
storage_copy_slot(StorageReader *reader, PageArrayId array_id, uint32 ordinal, void *slot)
{
	storage_copy_head(reader, array_id, ordinal, reader->meta->arrays[array_id].slot_size, slot);
}

void
storage_copy_head_whole(StorageReader *reader, PageArrayId array_id, uint32 ordinal, uint32 size,
						void *slot)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);

	if (unlikely(reader->page_count != NULL))
		storage_note_slots(reader, array_id, &ordinal, 1);
	if (reader->map == NULL || !copy_mapped(reader, array, ordinal, place, size, slot) ||
		!settle_view_is_settled_now(&reader->settle, place.data_block))
		buffer_pool_copy_head(reader, array_id, ordinal, size, slot);
}

void
storage_copy_slot_whole(StorageReader *reader, PageArrayId array_id, uint32 ordinal, void *slot)
{
	storage_copy_head_whole(reader, array_id, ordinal, reader->meta->arrays[array_id].slot_size,
							slot);
}
