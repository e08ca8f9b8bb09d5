/*
 * hnsw/hnsw_vacuum.c
 *		Removing dead rows, in four passes over the nodes' pages.
 *
 *		1. remove dead TIDs; a node left with none becomes DEAD
 *		2. wait for the inserts in flight, which may not have seen that
 *		3. repair (hnsw_repair.c): lists lose their DEAD neighbors and get live ones
 *		   from those neighbors' own lists; the entry point is replaced if DEAD
 *		4. put DEAD nodes on the free list
 *
 * An insert that begins after step 2 sees every DEAD state and links to none, so
 * after step 3 no edge leads to a DEAD node.  Every pass takes one page's lock at
 * a time.  Stopped anywhere, the index is valid: DEAD nodes without edges are
 * found again by the next vacuum, as are EMPTY and RESERVED ones that failed
 * inserts have left (EMPTY ones once their page was written).
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"
#include "miscadmin.h"

#include "hnsw/hnsw_vacuum.h"
#include "index/index_insert.h"
#include "index/index_vacuum.h"

HnswNode *
hnsw_node_in_page(HnswVacuum *vacuum, char *page, uint32 at)
{
	HnswNode *node = (HnswNode *) (storage_page_payload(page) +
								   at * vacuum->reader->meta->arrays[HNSW_NODES].slot_size);

	if (node->tid_count > HNSW_NODE_TIDS || node->count > 2 * vacuum->m ||
		node->level >= HNSW_MAX_LEVEL || node->state > HNSW_NODE_RESERVED)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains a corrupted node",
							   RelationGetRelationName(vacuum->index)),
						errhint("Please REINDEX it.")));
	return node;
}

/* Keep the TIDs that are not dead; returns how many are kept. */
static uint8
filter_tids(HnswVacuum *vacuum, HnswNode *node, const IndexDelete *work, uint64 *removed)
{
	ItemPointer tids = hnsw_node_tids(node, vacuum->m);
	uint8 kept = 0;

	for (uint8 i = 0; i < node->tid_count; i++)
	{
		if (work->callback(&tids[i], work->callback_state))
			(*removed)++;
		else
			tids[kept++] = tids[i];
	}
	return kept;
}

/* Pass 1 on one page: under its exclusive lock, since TIDs may be added meanwhile. */
static void
remove_tids(HnswVacuum *vacuum, const PageArrayBlocks *blocks, const IndexDelete *work)
{
	PGAlignedBlock copy;
	Buffer buffer;
	Page page;
	bool fresh;
	uint64 removed = 0;
	bool newly_dead = false;
	PageWrite write;

	buffer = page_array_lock_block(vacuum->index, HNSW_NODES, blocks->data_block, true, &fresh);
	if (fresh)
	{
		/* Handed out but never written: nothing on the page. */
		UnlockReleaseBuffer(buffer);
		return;
	}
	memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
	for (uint32 i = 0; i < blocks->count; i++)
	{
		HnswNode *node = hnsw_node_in_page(vacuum, copy.data, i);
		uint32 ordinal = blocks->first_ordinal + i;

		switch (node->state)
		{
			case HNSW_NODE_LIVE:
				node->tid_count = filter_tids(vacuum, node, work, &removed);
				work->stats->num_index_tuples += node->tid_count;
				/* Where a chain of equal vectors starts, the node stays to lead to it. */
				if (node->tid_count == 0 &&
					(node->next == INVALID_ORDINAL || (node->flags & HNSW_NODE_CONTINUATION) != 0))
				{
					node->state = HNSW_NODE_DEAD;
					newly_dead = true;
					ordinal_set_add(&vacuum->dead, ordinal);
				}
				if (hnsw_node_is_linkable(node, 0))
					ordinal_set_add(&vacuum->linkable, ordinal);
				break;
			case HNSW_NODE_DEAD:
				/* An earlier vacuum was stopped. */
				ordinal_set_add(&vacuum->dead, ordinal);
				break;
			case HNSW_NODE_EMPTY:
			case HNSW_NODE_RESERVED:
				/* Left behind, unless an insert in flight is about to write it. */
				ordinal_set_add(&vacuum->abandoned, ordinal);
				break;
			case HNSW_NODE_FREE:
				break;
		}
	}
	work->stats->tuples_removed += removed;
	if (removed > 0 || newly_dead)
	{
		page_write_begin(&write, vacuum->index);
		page = page_write_page(&write, buffer, blocks->data_block, false, HNSW_NODES);
		memcpy(storage_page_payload(page), storage_page_payload(copy.data), STORAGE_PAYLOAD_SIZE);
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
}

/* Pass 4 on one page: chain its freed nodes before the free list's head. */
static void
free_nodes(HnswVacuum *vacuum, const PageArrayBlocks *blocks)
{
	Buffer node_buffer;
	Buffer meta_buffer;
	PageWrite write;
	IndexMeta *meta;
	Page page;
	bool fresh;

	node_buffer =
		page_array_lock_block(vacuum->index, HNSW_NODES, blocks->data_block, true, &fresh);
	meta_buffer = storage_meta_read_buffer(vacuum->index, BUFFER_LOCK_EXCLUSIVE);
	page_write_begin(&write, vacuum->index);
	page = page_write_page(&write, node_buffer, blocks->data_block, fresh, HNSW_NODES);
	meta = page_write_metapage(&write, meta_buffer);
	for (uint32 i = 0; i < blocks->count; i++)
	{
		uint32 ordinal = blocks->first_ordinal + i;
		HnswNode *node = hnsw_node_in_page(vacuum, page, i);
		bool dead = node->state == HNSW_NODE_DEAD && ordinal_set_contains(&vacuum->dead, ordinal);
		bool abandoned = (node->state == HNSW_NODE_EMPTY || node->state == HNSW_NODE_RESERVED) &&
						 ordinal_set_contains(&vacuum->abandoned, ordinal);

		if (!dead && !abandoned)
			continue;
		node->state = HNSW_NODE_FREE;
		node->tid_count = 0;
		node->count = 0;
		node->flags = 0;
		node->next = meta->free_head;
		meta->free_head = ordinal;
		meta->free_count++;
	}
	page_write_finish(&write);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(node_buffer);
}

/* Does the page hold a node that this vacuum frees? */
static bool
has_marks(HnswVacuum *vacuum, const PageArrayBlocks *blocks)
{
	uint32 end = blocks->first_ordinal + blocks->count;

	return ordinal_set_next(&vacuum->dead, blocks->first_ordinal, end) < end ||
		   ordinal_set_next(&vacuum->abandoned, blocks->first_ordinal, end) < end;
}

static HnswVacuum *
vacuum_begin(IndexVacuumInfo *info)
{
	HnswVacuum *vacuum = palloc0(sizeof(HnswVacuum));
	IndexType type;

	vacuum->index = info->index;
	vacuum->strategy = info->strategy;
	vacuum->reader = storage_reader_begin(info->index, index_storage_option(info->index), NULL);
	storage_reader_set_advisory(vacuum->reader);
	index_type_get(info->index, &type);
	hnsw_meta_check(info->index, &type, vacuum->reader->meta);
	vacuum->m = hnsw_meta(vacuum->reader->meta)->m;
	ordinal_set_init(&vacuum->dead, vacuum->reader->meta->ordinal_count);
	ordinal_set_init(&vacuum->linkable, vacuum->reader->meta->ordinal_count);
	ordinal_set_init(&vacuum->abandoned, vacuum->reader->meta->ordinal_count);
	return vacuum;
}

static void
delete_rows(const IndexDelete *work)
{
	HnswVacuum *vacuum = vacuum_begin(work->info);
	PageArrayBlocks blocks;

	/* Pass 1 */
	blocks = hnsw_node_blocks(vacuum);
	while (page_array_next_block(&blocks))
	{
		vs_vacuum_delay_point();
		remove_tids(vacuum, &blocks, work);
	}

	if (vacuum->dead.count > 0 || vacuum->abandoned.count > 0)
	{
		/* 2: whoever inserts from now on sees what pass 1 has written. */
		index_insert_wait(vacuum->index);

		/* The nodes of those inserts too may have edges to dead ones. */
		storage_reader_refresh(vacuum->reader);

		/* Pass 3 */
		if (vacuum->dead.count > 0)
			hnsw_repair(vacuum);

		/* Pass 4 */
		blocks = hnsw_node_blocks(vacuum);
		while (page_array_next_block(&blocks))
		{
			if (!has_marks(vacuum, &blocks))
				continue;
			vs_vacuum_delay_point();
			free_nodes(vacuum, &blocks);
		}
	}
	storage_reader_end(vacuum->reader);
}

IndexBulkDeleteResult *
hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				 IndexBulkDeleteCallback callback, void *callback_state)
{
	return index_vacuum_delete(info, stats, callback, callback_state, delete_rows);
}

IndexBulkDeleteResult *
hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	return index_vacuum_finish(info, stats, HNSW_NODES, storage_meta_get(info->index)->free_count);
}
