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

#include "access/relscan.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_search.h"
#include "storage/warmup.h"

typedef struct HnswScan
{
	IndexType type;
	StorageReader *reader;
	MemoryContext search_context; /* reset by a rescan */
	bool searched;

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
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	HnswScan *state = palloc0(sizeof(HnswScan));

	index_type_get(index, &state->type);
	state->search_context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw search", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = state;
	return scan;
}

void
hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	HnswScan *state = scan->opaque;

	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));

	MemoryContextReset(state->search_context);
	state->searched = false;
	state->result_count = state->next_result = 0;
	state->tid_count = state->next_tid = 0;
}

/* The query as float32; NULL, and the zero vector under cosine, give some order: all are alike. */
static float *
form_query(IndexScanDesc scan)
{
	HnswScan *state = scan->opaque;
	ScanKey order_by = &scan->orderByData[0];
	float *vector = palloc0(state->type.dimensions * sizeof(float));

	if (!(order_by->sk_flags & SK_ISNULL) &&
		!index_type_form_vector(&state->type, order_by->sk_argument, vector))
		memset(vector, 0, state->type.dimensions * sizeof(float));
	return vector;
}

static void
search_index(IndexScanDesc scan)
{
	HnswScan *state = scan->opaque;
	Relation index = scan->indexRelation;
	MemoryContext outer;
	HnswSearch search;
	uint32 ef = (uint32) hnsw_ef_search_setting();

	if (state->reader == NULL)
	{
		outer = MemoryContextSwitchTo(MemoryContextGetParent(state->search_context));
		state->reader = storage_reader_begin(index, index_storage_option(index), scan->xs_snapshot);
		MemoryContextSwitchTo(outer);
		hnsw_meta_check(index, &state->type, state->reader->meta);
		warmup_on_first_use(index, state->reader, index_warmup_option(index));
	}
	else
		storage_reader_refresh(state->reader);

	outer = MemoryContextSwitchTo(state->search_context);
	hnsw_search_begin(&search, state->reader, state->type.metric, form_query(scan), ef, true);
	if (hnsw_search_descend(&search, 0))
	{
		hnsw_search_level(&search, 0, ef);
		hnsw_search_rerank(&search);
	}
	state->results = search.results;
	state->result_count = search.result_count;
	storage_reader_release_pins(state->reader);
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

		hnsw_read_node_whole(state->reader, ordinal, &slot);
		storage_reader_release_pins(state->reader);
		if (slot.node.state != HNSW_NODE_LIVE || slot.node.tid_count == 0)
			continue;
		state->tid_count = slot.node.tid_count;
		state->next_tid = 0;
		memcpy(state->tids, hnsw_node_tids(&slot.node, hnsw_meta(state->reader->meta)->m),
			   state->tid_count * sizeof(ItemPointerData));
		return true;
	}
	return false;
}

bool
hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	HnswScan *state = scan->opaque;

	/* The executor does not ask for it, since the method is not amcanbackward. */
	if (!ScanDirectionIsForward(direction))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("hnsw indexes do not support backward scans")));

	if (!state->searched)
	{
		if (scan->numberOfOrderBys == 0)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("cannot scan hnsw index without order")));
		vs_count_index_search(scan);
		search_index(scan);
		state->searched = true;
	}

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

void
hnsw_end_scan(IndexScanDesc scan)
{
	HnswScan *state = scan->opaque;

	if (state->reader != NULL)
		storage_reader_end(state->reader);
	MemoryContextDelete(state->search_context);
	pfree(state);
	scan->opaque = NULL;
}
