/*
 * ivf/ivf_vacuum.c
 *		Removing dead rows.
 *
 *		1. entries of dead rows become FREE, page by page
 *		2. wait for the inserts in flight, if any slot is taken but not LIVE
 *		3. such slots become FREE if they still are as they were before the wait: no
 *		   insert is left that would make them LIVE.  Extents that were handed out
 *		   but are in no chain are linked
 *		4. extents are told how many FREE entries they have, and heads where to look
 *		   for the first
 *
 * Every step takes one page's lock at a time.  Stopped anywhere, the index is valid:
 * FREE entries that no hint tells of are counted again by the next vacuum.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

#include "index/index_insert.h"
#include "index/index_vacuum.h"
#include "index/ordinal_set.h"
#include "ivf/ivf_list.h"
#include "storage/page_write.h"

typedef struct IvfVacuum
{
	const IndexDelete *work;
	Relation index;
	StorageReader *reader;
	OrdinalSet free;	  /* FREE entries */
	OrdinalSet abandoned; /* neither LIVE nor FREE: taken and not written, or not handed out */
	uint32 extent_count;  /* when step 1 was done */
	IvfExtent *extents;
} IvfVacuum;

static void
check_entry(IvfVacuum *vacuum, uint32 ordinal, const IvfEntry *entry)
{
	if (entry->state > IVF_ENTRY_RESERVED ||
		(entry->state == IVF_ENTRY_LIVE && !ItemPointerIsValid(&entry->tid)))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains corrupted entry %u",
							   RelationGetRelationName(vacuum->index), ordinal),
						errhint("Please REINDEX it.")));
}

/*
 * Make entries of one page FREE: those of `which` in [first, end), if they are in one of the states
 * that a bit of `states` stands for.  `which` has at least one there.
 */
static void
free_entries(IvfVacuum *vacuum, const OrdinalSet *which, uint32 first, uint32 end, uint32 states)
{
	SlotPlace place = page_array_place(&vacuum->reader->meta->arrays[IVF_ENTRIES], first);
	PageWrite write;
	IvfEntry *entries;
	Page page;
	uint32 freed = 0;
	bool fresh;
	Buffer buffer =
		page_array_lock_block(vacuum->index, IVF_ENTRIES, place.data_block, false, &fresh);

	page_write_begin(&write, vacuum->index);
	page = page_write_page(&write, buffer, place.data_block, false, IVF_ENTRIES);
	entries = (IvfEntry *) (storage_page_payload(page) + place.offset);
	for (uint32 at = ordinal_set_next(which, first, end); at < end;
		 at = ordinal_set_next(which, at + 1, end))
	{
		IvfEntry *entry = &entries[at - first];

		if ((states & (1 << entry->state)) == 0)
			continue;
		ItemPointerSetInvalid(&entry->tid);
		entry->state = IVF_ENTRY_FREE;
		ordinal_set_add(&vacuum->free, at);
		freed++;
	}
	if (freed > 0)
		page_write_finish(&write);
	else
		page_write_abort(&write);
	UnlockReleaseBuffer(buffer);
}

/*
 * Step 1 on one page.  The rows are asked about on a copy of it: an entry that is LIVE changes in no
 * way but by a vacuum, and there is only this one.
 */
static void
remove_rows(IvfVacuum *vacuum, const PageArrayBlocks *blocks, OrdinalSet *dead)
{
	const IndexDelete *work = vacuum->work;
	PGAlignedBlock copy;
	const IvfEntry *entries = (const IvfEntry *) storage_page_payload(copy.data);
	uint32 end = blocks->first_ordinal + blocks->count;
	uint32 removed = 0;

	if (!page_array_copy_block(vacuum->index, IVF_ENTRIES, blocks->data_block, work->info->strategy,
							   copy.data))
		return;
	for (uint32 i = 0; i < blocks->count; i++)
	{
		uint32 ordinal = blocks->first_ordinal + i;
		IvfEntry entry = entries[i];

		check_entry(vacuum, ordinal, &entry);
		switch ((IvfEntryState) entry.state)
		{
			case IVF_ENTRY_LIVE:
				if (work->callback(&entry.tid, work->callback_state))
				{
					ordinal_set_add(dead, ordinal);
					removed++;
				}
				else
					work->stats->num_index_tuples++;
				break;
			case IVF_ENTRY_FREE:
				ordinal_set_add(&vacuum->free, ordinal);
				break;
			case IVF_ENTRY_EMPTY:
			case IVF_ENTRY_RESERVED:
				ordinal_set_add(&vacuum->abandoned, ordinal);
				break;
		}
	}
	if (removed > 0)
		free_entries(vacuum, dead, blocks->first_ordinal, end, 1 << IVF_ENTRY_LIVE);
	work->stats->tuples_removed += removed;
}

/* The extents that a chain leads to, of those in `extents`; ERROR where two do. */
static void
find_linked(IvfVacuum *vacuum, const IvfExtent *extents, OrdinalSet *linked)
{
	ordinal_set_init(linked, vacuum->extent_count);
	for (uint32 list = 0; list < ivf_meta(vacuum->reader->meta)->lists; list++)
	{
		/* What was added since is at the end. */
		for (uint32 at = list; at < vacuum->extent_count; at = extents[at].next)
		{
			if (!ordinal_set_add(linked, at) || extents[at].list != list)
				ereport(ERROR,
						(errcode(ERRCODE_INDEX_CORRUPTED),
						 errmsg("index \"%s\" contains corrupted extent %u",
								RelationGetRelationName(vacuum->index), at),
						 errdetail("It is in the chain of another list, or twice in its own."),
						 errhint("Please REINDEX it.")));
		}
	}
}

/* Whether step 3 has something to do: a slot in use that is not LIVE, or an extent in no chain. */
static bool
has_remains(IvfVacuum *vacuum)
{
	OrdinalSet linked;

	find_linked(vacuum, vacuum->extents, &linked);
	if (linked.count < vacuum->extent_count)
		return true;
	for (uint32 i = 0; i < vacuum->extent_count; i++)
	{
		uint32 first = vacuum->extents[i].first;
		uint32 end = first + vacuum->extents[i].used;

		if (ordinal_set_next(&vacuum->abandoned, first, end) < end)
			return true;
	}
	return false;
}

/* Step 3: slots of an extent that were in use before the wait. */
static void
free_abandoned(IvfVacuum *vacuum, const IvfExtent *extent)
{
	const PageArrayMeta *array = &vacuum->reader->meta->arrays[IVF_ENTRIES];
	uint32 end = extent->first + extent->used;
	uint32 at = ordinal_set_next(&vacuum->abandoned, extent->first, end);

	while (at < end)
	{
		SlotPlace place = page_array_place(array, at);
		uint32 page_end = at + array->slots_per_page - place.offset / (uint32) sizeof(IvfEntry);

		vs_vacuum_delay_point();
		page_end = Min(page_end, end);
		free_entries(vacuum, &vacuum->abandoned, at, page_end,
					 1 << IVF_ENTRY_EMPTY | 1 << IVF_ENTRY_RESERVED);
		at = ordinal_set_next(&vacuum->abandoned, page_end, end);
	}
}

/* Step 3: put an extent at the end of its list's chain. */
static void
link_extent(IvfVacuum *vacuum, uint32 extent, uint32 list)
{
	StorageReader *reader = vacuum->reader;
	uint32 length = 0;
	uint32 at = list;
	IvfExtent copy;

	LockPage(vacuum->index, IVF_EXTEND_LOCK_PAGE, ExclusiveLock);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ivf_check_chain_length(reader, list, ++length);
		ivf_read_extent_current(reader, at, list, &copy);
		if (copy.next == INVALID_ORDINAL)
			break;
		at = copy.next;
	}
	(void) ivf_link_extent(reader, at, extent);
	UnlockPage(vacuum->index, IVF_EXTEND_LOCK_PAGE, ExclusiveLock);
}

static void
collect_remains(IvfVacuum *vacuum)
{
	OrdinalSet linked;
	IvfExtent *extents;
	uint32 count;

	for (uint32 i = 0; i < vacuum->extent_count; i++)
		free_abandoned(vacuum, &vacuum->extents[i]);

	/* Those who added these extents are gone, so what is in no chain now is nobody's to link. */
	extents = ivf_read_all_extents(vacuum->reader, &count);
	find_linked(vacuum, extents, &linked);
	for (uint32 i = 0; i < vacuum->extent_count; i++)
	{
		if (!ordinal_set_contains(&linked, i))
			link_extent(vacuum, i, extents[i].list);
	}
	pfree(vacuum->extents);
	vacuum->extents = extents;
}

/* What step 4 wants an extent's hints to be */
static void
choose_hints(IvfVacuum *vacuum)
{
	for (uint32 i = 0; i < vacuum->extent_count; i++)
	{
		IvfExtent *extent = &vacuum->extents[i];
		uint32 end = extent->first + extent->used;

		extent->free_count = ordinal_set_count_range(&vacuum->free, extent->first, end);
		if (extent->free_count > 0)
			extent->free_from = ordinal_set_next(&vacuum->free, extent->first, end);
	}
	for (uint32 list = 0; list < ivf_meta(vacuum->reader->meta)->lists; list++)
	{
		IvfExtent *head = &vacuum->extents[list];
		uint32 at = list;
		const IvfExtent *extent = head;

		while (extent->free_count == 0 && extent->used == extent->capacity &&
			   extent->next < vacuum->extent_count)
		{
			at = extent->next;
			extent = &vacuum->extents[at];
		}
		head->tail = at;
	}
}

static bool
hints_differ(const IvfExtent *a, const IvfExtent *b, bool is_head)
{
	return a->free_count != b->free_count || (a->free_count > 0 && a->free_from != b->free_from) ||
		   (is_head && a->tail != b->tail);
}

/* Step 4 on one page of extents: written where a hint differs. */
static void
write_hints(IvfVacuum *vacuum, const PageArrayBlocks *blocks)
{
	uint32 lists = ivf_meta(vacuum->reader->meta)->lists;
	PageWrite write;
	IvfExtent *extents;
	Page page;
	bool differ = false;
	bool fresh;
	Buffer buffer =
		page_array_lock_block(vacuum->index, IVF_EXTENTS, blocks->data_block, false, &fresh);

	page_write_begin(&write, vacuum->index);
	page = page_write_page(&write, buffer, blocks->data_block, false, IVF_EXTENTS);
	extents = (IvfExtent *) storage_page_payload(page);
	for (uint32 i = 0; i < blocks->count; i++)
	{
		const IvfExtent *wanted = &vacuum->extents[blocks->first_ordinal + i];
		bool is_head = blocks->first_ordinal + i < lists;

		if (!hints_differ(&extents[i], wanted, is_head))
			continue;
		extents[i].free_count = wanted->free_count;
		extents[i].free_from = wanted->free_from;
		if (is_head)
			extents[i].tail = wanted->tail;
		differ = true;
	}
	if (differ)
		page_write_finish(&write);
	else
		page_write_abort(&write);
	UnlockReleaseBuffer(buffer);
}

static IvfVacuum *
vacuum_begin(const IndexDelete *work)
{
	IvfVacuum *vacuum = palloc0(sizeof(IvfVacuum));
	IndexType type;

	vacuum->work = work;
	vacuum->index = work->info->index;
	vacuum->reader = storage_reader_begin(vacuum->index, STORAGE_BUFFER_POOL, NULL);
	index_type_get(vacuum->index, &type);
	ivf_meta_check(vacuum->index, &type, vacuum->reader->meta);
	ordinal_set_init(&vacuum->free, vacuum->reader->meta->ordinal_count);
	ordinal_set_init(&vacuum->abandoned, vacuum->reader->meta->ordinal_count);
	return vacuum;
}

static void
delete_rows(const IndexDelete *work)
{
	IvfVacuum *vacuum = vacuum_begin(work);
	const IndexMeta *meta = vacuum->reader->meta;
	OrdinalSet dead;
	PageArrayBlocks blocks;

	/* Step 1 */
	ordinal_set_init(&dead, meta->ordinal_count);
	blocks = page_array_blocks(meta, IVF_ENTRIES, meta->ordinal_count);
	while (page_array_next_block(&blocks))
	{
		vs_vacuum_delay_point();
		remove_rows(vacuum, &blocks, &dead);
	}

	/* Before the wait: what is handed out from now on may be in use by inserts after it. */
	vacuum->extents = ivf_read_all_extents(vacuum->reader, &vacuum->extent_count);
	if (has_remains(vacuum))
	{
		index_insert_wait(vacuum->index);
		collect_remains(vacuum);
	}

	/* Step 4 */
	choose_hints(vacuum);
	blocks = page_array_blocks(meta, IVF_EXTENTS, vacuum->extent_count);
	while (page_array_next_block(&blocks))
	{
		vs_vacuum_delay_point();
		write_hints(vacuum, &blocks);
	}
	storage_reader_end(vacuum->reader);
}

IndexBulkDeleteResult *
ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	return index_vacuum_delete(info, stats, callback, callback_state, delete_rows);
}

IndexBulkDeleteResult *
ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	IvfEntryCounts counts;

	if (info->analyze_only)
		return stats;
	ivf_count_entries(info->index, &counts);
	return index_vacuum_finish(info, stats, IVF_ENTRIES, counts.freed);
}
