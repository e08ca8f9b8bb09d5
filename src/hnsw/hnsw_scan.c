/*
 * hnsw/hnsw_scan.c
 *		Index scans: ORDER BY embedding <-> query.
 *
 * The first amgettuple of a (re)scan searches the graph with hnsw.ef_search,
 * re-ranks with exact distances and keeps the result; later calls hand out its
 * heap TIDs.  A scan returns at most hnsw.ef_search nodes' rows.  The reader
 * begins after the scan's snapshot was taken (the settle protocol needs that)
 * and lives until the scan ends; between calls neither pin nor lock is held.
 *
 * A node's TIDs are read when it is its turn.  Vacuum moves TIDs of rows that the
 * snapshot sees, so they are copied whole (hnsw_read_node_whole).
 */
#include "postgres.h"
#include "compat.h"

#include "utils/memutils.h"

#include "hnsw/hnsw_search.h"
#include "index/index_scan.h"

typedef struct HnswScan
{
	VectorScan common;
	Candidate *results;
	uint32 result_count;
	uint32 next_result;
	ItemPointerData tids[HNSW_NODE_TIDS]; /* of the node whose turn it is */
	uint32 tid_count;
	uint32 next_tid;
} HnswScan;

IndexScanDesc
hnsw_begin_scan(Relation index, int nkeys, int norderbys)
{
	HnswScan *state = palloc0(sizeof(HnswScan));

	return index_scan_begin(index, nkeys, norderbys, &state->common);
}

void
hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	HnswScan *state = scan->opaque;

	index_scan_rescan(scan, keys, orderbys);
	state->result_count = state->next_result = 0;
	state->tid_count = state->next_tid = 0;
}

static void
search_index(IndexScanDesc scan)
{
	HnswScan *state = scan->opaque;
	VectorScan *common = &state->common;
	MemoryContext outer;
	HnswSearch search;
	uint32 ef = (uint32) hnsw_ef_search_setting();

	if (index_scan_open(scan))
		hnsw_meta_check(scan->indexRelation, &common->type, common->reader->meta);

	outer = MemoryContextSwitchTo(common->search_context);
	hnsw_search_begin(&search, common->reader, common->vector, ef, true);
	if (hnsw_search_descend(&search, 0))
	{
		hnsw_search_level(&search, 0, ef);
		hnsw_search_rerank(&search);
	}
	state->results = search.results;
	state->result_count = search.result_count;
	storage_reader_release_pins(common->reader);
	MemoryContextSwitchTo(outer);
}

/* Take the TIDs of the next node that has any. */
static bool
next_node(HnswScan *state)
{
	HnswSlot slot;

	while (state->next_result < state->result_count)
	{
		uint32 ordinal = state->results[state->next_result++].ordinal;

		hnsw_read_node_whole(state->common.reader, ordinal, &slot);
		storage_reader_release_pins(state->common.reader);
		if (slot.node.state != HNSW_NODE_LIVE || slot.node.tid_count == 0)
			continue;
		state->tid_count = slot.node.tid_count;
		state->next_tid = 0;
		memcpy(state->tids, hnsw_node_tids(&slot.node, hnsw_meta(state->common.reader->meta)->m),
			   state->tid_count * sizeof(ItemPointerData));
		return true;
	}
	return false;
}

bool
hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	HnswScan *state = scan->opaque;

	if (index_scan_begins(scan, direction))
		search_index(scan);

	for (;;)
	{
		while (state->next_tid < state->tid_count)
		{
			ItemPointer tid = &state->tids[state->next_tid++];

			if (!ItemPointerIsValid(tid))
				continue;
			scan->xs_heaptid = *tid;
			scan->xs_recheck = false;
			scan->xs_recheckorderby = false;
			return true;
		}
		if (!next_node(state))
			return false;
	}
}
