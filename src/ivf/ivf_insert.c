/*
 * ivf/ivf_insert.c
 *		Inserting one row.
 *
 *		1. find the list of the nearest centroid
 *		2. take a slot in one of its extents: a FREE entry becomes RESERVED, or
 *		   else `used` goes up; where no extent has either, add one to the chain
 *		3. write vector and code
 *		4. make the entry LIVE, with the row's TID
 *
 * Each is a WAL record or several, and every state between two of them is valid: a
 * slot that was taken but not made LIVE is skipped by scans and freed by vacuum.
 *
 * Step 2 begins at the extent that the head's `tail` names: what is before it has
 * nothing left, as far as is known; vacuum sets it back to where it has freed
 * entries.  All that is said of FREE entries in an extent is a hint that may be wrong
 * either way: what counts is the state under the lock of the entry's page.
 *
 * What one statement's rows have in common is kept in ii_AmCache: copies of what the
 * index never changes, no buffer and no lock.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/lmgr.h"

#include "index/index_insert.h"
#include "index/index_meta.h"
#include "ivf/ivf_codes.h"
#include "ivf/ivf_list.h"
#include "storage/page_write.h"

/*
 * A new extent has the list's ordinals by this, within the limits.  One row's insert initialises all
 * pages of an extent, hence the limit in bytes of vectors.
 */
#define EXTENT_FRACTION		8
#define EXTENT_MAX_CAPACITY 4096
#define EXTENT_MAX_BYTES	(2 * 1024 * 1024)

StaticAssertDecl(EXTENT_MAX_CAPACITY % IVF_BLOCK == 0, "extents consist of whole blocks");

/* Kept from row to row of one statement, in ii_Context */
typedef struct IvfInsertCache
{
	bool has_parameters; /* those of the quantizer were read */
	bool has_centroids;	 /* so were the centroids, or there are more than work_mem */
	void *parameters;
	uint32 lists;
	float *centroids;
	const void **pointers; /* to each centroid */
	float *distances;	   /* scratch */
} IvfInsertCache;

typedef struct IvfInsert
{
	Relation index;
	const IndexType *type;
	StorageReader *reader;
	IvfInsertCache *cache;
	uint32 list;
} IvfInsert;

/* Copy the centroids, if they don't take more than work_mem. */
static void
load_centroids(IvfInsertCache *cache, StorageReader *reader)
{
	uint32 dimensions = reader->meta->dimensions;
	uint32 lists = ivf_meta(reader->meta)->lists;
	Size bytes = (Size) lists * dimensions * sizeof(float);
	float *centroids;

	if (bytes > (Size) work_mem * 1024)
		return;
	centroids = MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_HUGE);
	ivf_copy_centroids(reader, centroids);
	cache->pointers = palloc(lists * sizeof(void *));
	cache->distances = palloc(lists * sizeof(float));
	for (uint32 i = 0; i < lists; i++)
		cache->pointers[i] = centroids + (Size) i * dimensions;
	cache->lists = lists;
	cache->centroids = centroids;
}

/*
 * What is read once a statement: parameters at its first row, centroids at its second, since most
 * statements have only one.
 */
static void
load_cache(IvfInsert *insert, MemoryContext context, bool first_row)
{
	IvfInsertCache *cache = insert->cache;
	MemoryContext outer = MemoryContextSwitchTo(context);

	if (!cache->has_parameters)
	{
		if (!ivf_has_blocks(insert->reader->meta))
			cache->parameters = index_read_parameters(insert->reader);
		cache->has_parameters = true;
	}
	if (!first_row && !cache->has_centroids)
	{
		load_centroids(cache, insert->reader);
		cache->has_centroids = true;
	}
	MemoryContextSwitchTo(outer);
}

/* Step 1 */
static uint32
find_list(IvfInsert *insert, const float *vector)
{
	IvfInsertCache *cache = insert->cache;
	DistanceMetric metric = ivf_centroid_metric(insert->type->metric);
	float best = INFINITY;
	uint32 nearest = 0;

	if (cache->centroids == NULL)
		return ivf_nearest_list(insert->reader, vector);

	distance_batch_function(metric)(vector, cache->pointers, cache->lists, insert->type->dimensions,
									cache->distances);
	for (uint32 i = 0; i < cache->lists; i++)
	{
		if (cache->distances[i] < best)
		{
			best = cache->distances[i];
			nearest = i;
		}
	}
	return nearest;
}

/* Take the next slot that was never used. */
static bool
take_new_slot(IvfInsert *insert, uint32 number, uint32 *ordinal)
{
	LockedExtent locked = ivf_lock_extent(insert->reader, number);
	IvfExtent extent = *locked.extent;
	bool has_room = extent.used < extent.capacity;

	if (has_room)
		*ordinal = extent.first + extent.used++;
	ivf_unlock_extent(insert->reader, &locked, has_room ? &extent : NULL);
	return has_room;
}

/*
 * Make the first FREE entry of [from, end) RESERVED, looking at the entries of one page; `*next` is
 * where the next page's begin.
 */
static bool
reserve_in_page(IvfInsert *insert, uint32 from, uint32 end, uint32 *ordinal, uint32 *next)
{
	const PageArrayMeta *array = &insert->reader->meta->arrays[IVF_ENTRIES];
	SlotPlace place = page_array_place(array, from);
	uint32 in_page = array->slots_per_page - place.offset / sizeof(IvfEntry);
	uint32 count = Min(in_page, end - from);
	uint32 at = 0;
	bool fresh;
	Buffer buffer =
		page_array_lock_block(insert->index, IVF_ENTRIES, place.data_block, false, &fresh);
	const IvfEntry *entries =
		(const IvfEntry *) (storage_page_payload(BufferGetPage(buffer)) + place.offset);

	while (at < count && entries[at].state != IVF_ENTRY_FREE)
		at++;
	if (at < count)
	{
		PageWrite write;
		Page page;

		page_write_begin(&write, insert->index);
		page = page_write_page(&write, buffer, place.data_block, false, IVF_ENTRIES);
		((IvfEntry *) (storage_page_payload(page) + place.offset))[at].state = IVF_ENTRY_RESERVED;
		page_write_finish(&write);
		*ordinal = from + at;
	}
	UnlockReleaseBuffer(buffer);
	*next = from + count;
	return at < count;
}

/* Take a FREE entry, and set the extent's hints right. */
static bool
take_freed_slot(IvfInsert *insert, uint32 number, const IvfExtent *seen, uint32 *ordinal)
{
	uint32 end = seen->first + seen->used;
	uint32 at =
		seen->free_from >= seen->first && seen->free_from < end ? seen->free_from : seen->first;
	bool found = false;
	LockedExtent locked;
	IvfExtent extent;
	bool unchanged;

	while (!found && at < end)
	{
		CHECK_FOR_INTERRUPTS();
		found = reserve_in_page(insert, at, end, ordinal, &at);
	}

	/* Where somebody else has changed the hints since they were read, theirs are the newer ones. */
	locked = ivf_lock_extent(insert->reader, number);
	extent = *locked.extent;
	unchanged = extent.free_from == seen->free_from && extent.free_count == seen->free_count;
	if (!found && unchanged)
		extent.free_count = 0;
	if (found && extent.free_count > 0)
		extent.free_count--;
	if (found && extent.free_from == seen->free_from)
		extent.free_from = *ordinal + 1;
	ivf_unlock_extent(insert->reader, &locked, found || unchanged ? &extent : NULL);
	return found;
}

/* Ordinals for the list's next extent: a fraction of those it has. */
static uint32
choose_capacity(IvfInsert *insert)
{
	uint64 ordinals = 0;
	uint32 length = 0;
	uint32 limit;
	uint32 capacity;
	IvfExtent extent;

	for (uint32 at = insert->list; at != INVALID_ORDINAL; at = extent.next)
	{
		CHECK_FOR_INTERRUPTS();
		ivf_check_chain_length(insert->reader, insert->list, ++length);
		ivf_read_extent_current(insert->reader, at, insert->list, &extent);
		ordinals += extent.capacity;
	}
	limit = Min(EXTENT_MAX_BYTES / insert->type->vector_size, EXTENT_MAX_CAPACITY);
	limit = Max(limit / IVF_BLOCK, 1) * IVF_BLOCK;
	capacity = (uint32) Min(ordinals / EXTENT_FRACTION, limit);
	return (uint32) TYPEALIGN(IVF_BLOCK, Max(capacity, 1));
}

/* Room for these slots, and pages: a scan reads an extent's slots before they are written. */
static void
prepare_slots(IvfInsert *insert, PageArrayId array, uint32 first, uint32 count)
{
	Relation index = insert->index;
	const IndexMeta *meta = storage_meta_get(index);

	if (meta->arrays[array].slot_size == 0)
		return;
	if (meta->arrays[array].capacity < first + count)
		page_array_grow(index, array, first + count);
	storage_meta_copy(insert->reader->meta, storage_meta_get(index));
	page_array_init_pages(index, insert->reader->meta, array, first, count);
}

/*
 * Hand out ordinals and a slot of IVF_EXTENTS: an extent that no chain leads to yet.  The caller
 * holds the lock for it, so nobody else changes these counts.
 */
static uint32
hand_out_extent(IvfInsert *insert, uint32 capacity)
{
	Relation index = insert->index;
	IndexMeta *meta = insert->reader->meta;
	uint32 first;
	uint32 number;
	IvfExtent extent;
	SlotPlace place;
	Buffer buffer;
	Buffer meta_buffer;
	PageWrite write;
	IndexMeta *changed;
	Page page;
	bool fresh;

	storage_meta_copy(meta, storage_meta_get(index));
	first = meta->ordinal_count;
	number = ivf_meta(meta)->extent_count;
	if ((uint64) first + capacity > MAX_ORDINAL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" has reached the maximum number of entries",
							   RelationGetRelationName(index)),
						errhint("REINDEX it.")));
	prepare_slots(insert, PAGE_ARRAY_VECTORS, first, capacity);
	if (ivf_has_blocks(meta))
		prepare_slots(insert, PAGE_ARRAY_CODES, first / IVF_BLOCK, capacity / IVF_BLOCK);
	else
		prepare_slots(insert, PAGE_ARRAY_CODES, first, capacity);
	prepare_slots(insert, IVF_ENTRIES, first, capacity);
	prepare_slots(insert, IVF_EXTENTS, number, 1);

	extent = (IvfExtent){
		.list = insert->list,
		.first = first,
		.capacity = capacity,
		.next = INVALID_ORDINAL,
		.free_from = first,
		.tail = INVALID_ORDINAL,
	};
	place = page_array_place(&meta->arrays[IVF_EXTENTS], number);
	buffer = page_array_lock_block(index, IVF_EXTENTS, place.data_block, false, &fresh);
	meta_buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
	page_write_begin(&write, index);
	page = page_write_page(&write, buffer, place.data_block, false, IVF_EXTENTS);
	memcpy(storage_page_payload(page) + place.offset, &extent, sizeof(IvfExtent));
	changed = page_write_metapage(&write, meta_buffer);
	changed->ordinal_count += capacity;
	ivf_meta(changed)->extent_count++;
	page_write_finish(&write);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
	return number;
}

/* Add an extent behind `last`, unless somebody else has meanwhile. */
static void
add_extent(IvfInsert *insert, uint32 last)
{
	uint32 capacity = choose_capacity(insert);
	IvfExtent extent;

	LockPage(insert->index, IVF_EXTEND_LOCK_PAGE, ExclusiveLock);
	ivf_read_extent_current(insert->reader, last, insert->list, &extent);
	if (extent.next == INVALID_ORDINAL)
		(void) ivf_link_extent(insert->reader, last, hand_out_extent(insert, capacity));
	UnlockPage(insert->index, IVF_EXTEND_LOCK_PAGE, ExclusiveLock);
}

/* Remember where the search for a slot ended; somebody else's newer hint stays. */
static void
set_tail(IvfInsert *insert, uint32 seen, uint32 tail)
{
	LockedExtent locked = ivf_lock_extent(insert->reader, insert->list);
	IvfExtent head = *locked.extent;
	bool unchanged = head.tail == seen;

	head.tail = tail;
	ivf_unlock_extent(insert->reader, &locked, unchanged ? &head : NULL);
}

/* The extent to begin with: the tail that the head names, if it is one of the list's. */
static uint32
choose_start(IvfInsert *insert, uint32 tail)
{
	IvfExtent extent;

	if (tail >= ivf_meta(insert->reader->meta)->extent_count)
		return insert->list;
	buffer_pool_copy_slot(insert->reader, IVF_EXTENTS, tail, (char *) &extent);
	return extent.list == insert->list ? tail : insert->list;
}

/* Step 2; returns the state in which the entry of the slot must be until it is made LIVE. */
static IvfEntryState
take_slot(IvfInsert *insert, uint32 *ordinal)
{
	IvfEntryState state;
	uint32 length = 0;
	uint32 tail;
	uint32 at;
	IvfExtent extent;

	ivf_read_extent_current(insert->reader, insert->list, insert->list, &extent);
	tail = extent.tail;
	at = choose_start(insert, tail);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ivf_read_extent_current(insert->reader, at, insert->list, &extent);
		if (extent.free_count > 0 && take_freed_slot(insert, at, &extent, ordinal))
		{
			state = IVF_ENTRY_RESERVED;
			break;
		}
		if (extent.used < extent.capacity && take_new_slot(insert, at, ordinal))
		{
			state = IVF_ENTRY_EMPTY;
			break;
		}
		if (extent.next != INVALID_ORDINAL)
		{
			ivf_check_chain_length(insert->reader, insert->list, ++length);
			at = extent.next;
		}
		else
			add_extent(insert, at);
	}
	if (at != tail)
		set_tail(insert, tail, at);
	return state;
}

/* Step 3; `floats` is the vector in float32. */
static void
write_vector(IvfInsert *insert, uint32 ordinal, const void *vector, const float *floats)
{
	IvfInsertCache *cache = insert->cache;
	const IndexMeta *meta = insert->reader->meta;
	IvfEncoder encoder;
	float *centroid;

	if (!ivf_has_blocks(meta))
	{
		index_write_vector(insert->reader, insert->type, cache->parameters, ordinal, vector);
		return;
	}
	centroid = palloc(insert->type->dimensions * sizeof(float));
	if (cache->centroids != NULL)
		memcpy(centroid, cache->pointers[insert->list], insert->type->dimensions * sizeof(float));
	else
		storage_copy_slot(insert->reader, IVF_CENTROIDS, insert->list, centroid);
	ivf_encoder_init(&encoder, meta);
	ivf_encoder_set_list(&encoder, centroid);
	page_array_write_slot(insert->index, meta, PAGE_ARRAY_VECTORS, ordinal, vector);
	ivf_encoder_write(&encoder, insert->index, meta, ordinal, floats);
}

/* Step 4 */
static void
write_entry(IvfInsert *insert, uint32 ordinal, IvfEntryState expected, ItemPointer heap_tid)
{
	SlotPlace place = page_array_place(&insert->reader->meta->arrays[IVF_ENTRIES], ordinal);
	PageWrite write;
	IvfEntry *entry;
	Page page;
	bool fresh;
	Buffer buffer =
		page_array_lock_block(insert->index, IVF_ENTRIES, place.data_block, false, &fresh);

	page_write_begin(&write, insert->index);
	page = page_write_page(&write, buffer, place.data_block, false, IVF_ENTRIES);
	entry = (IvfEntry *) (storage_page_payload(page) + place.offset);

	/* Nobody else has this slot: anything but what it was left as would overwrite a row. */
	if (entry->state != expected)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains corrupted entry %u",
							   RelationGetRelationName(insert->index), ordinal),
						errdetail("It is in state %u, expected %u.", entry->state, expected),
						errhint("Please REINDEX it.")));
	entry->tid = *heap_tid;
	entry->state = IVF_ENTRY_LIVE;
	page_write_finish(&write);
	UnlockReleaseBuffer(buffer);
}

static void
insert_vector(const IndexInsertRow *row)
{
	Relation index = row->index;
	IndexInfo *index_info = row->index_info;
	IvfInsert insert = {.index = index, .type = &row->type, .cache = index_info->ii_AmCache};
	StorageKind storage = index_storage_option(index);
	float *floats = palloc(row->type.dimensions * sizeof(float));
	bool first_row = insert.cache == NULL;
	IvfEntryState state;
	uint32 ordinal = INVALID_ORDINAL;

	if (first_row)
	{
		insert.cache = MemoryContextAllocZero(index_info->ii_Context, sizeof(IvfInsertCache));
		index_info->ii_AmCache = insert.cache;
	}
	/* All that is left to read is extents, as they are now. */
	if (insert.cache->centroids != NULL)
		storage = STORAGE_BUFFER_POOL;
	insert.reader = storage_reader_begin(index, storage, NULL);
	ivf_meta_check(index, &row->type, insert.reader->meta);
	load_cache(&insert, index_info->ii_Context, first_row);

	index_type_to_floats(&row->type, row->vector, floats);
	insert.list = find_list(&insert, floats);
	state = take_slot(&insert, &ordinal);
	write_vector(&insert, ordinal, row->vector, floats);
	write_entry(&insert, ordinal, state, row->heap_tid);
	storage_reader_end(insert.reader);
}

bool
ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
		   IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info)
{
	index_insert_row(index, values, isnull, heap_tid, index_info, insert_vector);
	return false;
}
