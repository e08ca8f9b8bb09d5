/*
 * hnsw/hnsw_scan.c
 *		Index scans: ORDER BY embedding <-> query.
 *
 * The first amgettuple of a (re)scan searches the graph with hnsw.ef_search,
 * and keeps the result; rows are handed out by exact distances, which are made as far
 * as rows are asked for (hnsw_rerank.h).  Such a batch has the rows of hnsw.ef_search nodes, and is all that a
 * scan returns unless hnsw.iterative_scan is on.
 *
 * An iterative scan that is asked for more goes on from the nearest nodes that the
 * batches before met and left out, to the next batch, in which no node is twice:
 * the visited set is that of the whole scan.  When it has met
 * hnsw.max_scan_tuples nodes, or its memory is used up, it looks at no further
 * neighbors but still gives what it has met, nearest first.  A batch is in order;
 * from one batch to the next a row may be nearer than the last one of the batch
 * before.  relaxed_order gives it all the same.  strict_order leaves it out, and to
 * have fewer such rows it keeps the furthest ones of what it has found back, until
 * the next batch is there.
 *
 * A node's TIDs are read when it is its turn.  Vacuum moves TIDs of rows that the
 * snapshot sees, so they are copied whole (hnsw_read_node_whole).
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_rerank.h"
#include "index/index_scan.h"

typedef struct HnswScan
{
	VectorScan common;

	/* Settings, as of the search */
	uint32 ef;
	IterativeScan iterative;
	uint64 max_met;
	Size max_memory;

	HnswSearch search; /* its results are the batch */
	HnswRerank rerank; /* gives them one by one, but in strict_order */
	uint32 next_result;

	/* strict_order: nodes kept back from the batches so far, a heap, nearest first */
	Candidate *pending;
	uint32 pending_count;
	uint32 pending_capacity;
	uint64 given_count;	 /* nodes that have had their turn */
	float last_distance; /* of the last of them */

	ItemPointerData tids[HNSW_NODE_TIDS]; /* of that node */
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

	/* Its memory is gone. */
	memset(&state->search, 0, sizeof(HnswSearch));
	memset(&state->rerank, 0, sizeof(HnswRerank));
	state->pending = NULL;
	state->pending_count = state->pending_capacity = 0;
	state->next_result = 0;
	state->tid_count = state->next_tid = 0;
}

/*
 * Exact distances: as rows are taken, or of the whole batch at once in strict_order, which keeps the
 * furthest back.
 */
static void
rerank_batch(HnswScan *state)
{
	if (state->iterative == ITERATIVE_SCAN_STRICT)
		hnsw_search_rerank(&state->search);
	else
		hnsw_rerank_begin(&state->rerank, &state->search);
}

static void
search_index(IndexScanDesc scan)
{
	HnswScan *state = scan->opaque;
	VectorScan *common = &state->common;
	HnswSearch *search = &state->search;
	MemoryContext outer;

	state->ef = (uint32) hnsw_ef_search_setting();
	state->iterative = hnsw_iterative_scan_setting();
	state->max_met = (uint64) hnsw_max_scan_tuples_setting();
	state->max_memory = hnsw_scan_memory_setting();
	state->given_count = 0;
	state->last_distance = -INFINITY;

	if (index_scan_open(scan))
		hnsw_meta_check(scan->indexRelation, &common->type, common->reader->meta);

	outer = MemoryContextSwitchTo(common->search_context);
	hnsw_search_begin(search, common->reader, &common->type, common->vector, state->ef, true);
	search->keep_discarded = state->iterative != ITERATIVE_SCAN_OFF;
	hnsw_search_widen(search);
	if (hnsw_search_descend(search, 0))
		hnsw_search_level(search, 0, state->ef);
	rerank_batch(state);
	storage_reader_release_pins(common->reader);
	MemoryContextSwitchTo(outer);
}

/*
 * Whether another batch may look at further neighbors.  What a search keeps grows by doubling, so
 * it may be twice as large afterwards.
 */
static bool
may_go_on(const HnswScan *state)
{
	return state->search.met_count < state->max_met &&
		   MemoryContextMemAllocated(state->common.search_context, true) <= state->max_memory / 2;
}

static bool
next_batch(HnswScan *state)
{
	HnswSearch *search = &state->search;
	MemoryContext outer = MemoryContextSwitchTo(state->common.search_context);

	/* All nodes of a batch may be without rows. */
	search->result_count = state->next_result = 0;
	while (search->result_count == 0 && search->discarded_count > 0)
	{
		if (may_go_on(state))
			hnsw_search_resume(search, state->ef);
		else
			hnsw_search_take_discarded(search, state->ef);
	}
	rerank_batch(state);
	storage_reader_release_pins(state->common.reader);
	MemoryContextSwitchTo(outer);
	return search->result_count > 0;
}

/* Add the batch to the nodes that are kept back. */
static void
keep_back_batch(HnswScan *state)
{
	uint32 count = state->search.result_count - state->next_result;

	if (state->pending_count + count > state->pending_capacity)
	{
		Size capacity = 2 * ((Size) state->pending_count + count);

		if (state->pending == NULL)
			state->pending =
				MemoryContextAlloc(state->common.search_context, capacity * sizeof(Candidate));
		else
			state->pending = repalloc_huge(state->pending, capacity * sizeof(Candidate));
		state->pending_capacity = (uint32) capacity;
	}
	while (state->next_result < state->search.result_count)
		nearest_heap_push(state->pending, &state->pending_count,
						  state->search.results[state->next_result++]);
}

/*
 * How many nodes strict_order keeps back while more may come: the further out a search has gone, the
 * more does it find late.  Over sift with a condition that one row of a hundred passes (LIMIT 10,
 * ef_search 40), recall is 0.81 with none kept back, 0.96 so, and 0.99 without any order.
 */
static uint64
kept_back(const HnswScan *state)
{
	return (state->ef + state->given_count) / 4;
}

static bool
next_in_order(HnswScan *state, Candidate *next)
{
	bool more = true;

	for (;;)
	{
		keep_back_batch(state);
		while (state->pending_count > 0 && (!more || state->pending_count > kept_back(state)))
		{
			*next = nearest_heap_pop(state->pending, &state->pending_count);
			if (next->distance >= state->last_distance)
				return true;
		}
		if (!more)
			return false;
		CHECK_FOR_INTERRUPTS();
		more = next_batch(state);
	}
}

static bool
next_candidate(HnswScan *state, Candidate *next)
{
	if (state->iterative == ITERATIVE_SCAN_STRICT)
		return next_in_order(state, next);
	while (!hnsw_rerank_next(&state->rerank, next))
	{
		if (!next_batch(state))
			return false;
	}
	return true;
}

/* Take the TIDs of the next node that has any. */
static bool
next_node(HnswScan *state)
{
	StorageReader *reader = state->common.reader;
	Candidate result;
	HnswSlot slot;

	while (next_candidate(state, &result))
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_whole(reader, result.ordinal, &slot);
		storage_reader_release_pins(reader);
		if (slot.node.state != HNSW_NODE_LIVE || slot.node.tid_count == 0)
			continue;
		state->last_distance = result.distance;
		state->given_count++;
		state->tid_count = slot.node.tid_count;
		state->next_tid = 0;
		memcpy(state->tids, hnsw_node_tids(&slot.node, hnsw_meta(reader->meta)->m),
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
