/*
 * index/index_scan.c
 *		Beginning, rescan and end of an index scan; its reader and its query.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "commands/defrem.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "index/index_scan.h"
#include "index/options.h"
#include "storage/warmup.h"

IndexScanDesc
index_scan_begin(Relation index, int key_count, int order_by_count, VectorScan *state)
{
	IndexScanDesc scan = RelationGetIndexScan(index, key_count, order_by_count);

	index_type_get(index, &state->type);
	state->search_context =
		AllocSetContextCreate(CurrentMemoryContext, "vectorstore search", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = state;
	return scan;
}

void
index_scan_rescan(IndexScanDesc scan, ScanKey keys, ScanKey order_bys)
{
	VectorScan *state = scan->opaque;

	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (order_bys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, order_bys, scan->numberOfOrderBys * sizeof(ScanKeyData));

	MemoryContextReset(state->search_context);
	state->searched = false;
	state->vector = NULL;
}

bool
index_scan_begins(IndexScanDesc scan, ScanDirection direction)
{
	VectorScan *state = scan->opaque;

	/* The executor does not ask for it, since the methods are not amcanbackward. */
	if (!ScanDirectionIsForward(direction))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("%s indexes do not support backward scans",
							   get_am_name(scan->indexRelation->rd_rel->relam))));
	if (state->searched)
		return false;
	if (scan->numberOfOrderBys == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot scan %s index without order",
							   get_am_name(scan->indexRelation->rd_rel->relam))));
	vs_count_index_search(scan);
	state->searched = true;
	return true;
}

/* NULL, and the zero vector under cosine, give some order: all rows are alike. */
static void
form_query(IndexScanDesc scan)
{
	VectorScan *state = scan->opaque;
	ScanKey order_by = &scan->orderByData[0];

	const VectorTypeRoutine *routine = state->type.vector_type;
	bool is_null = (order_by->sk_flags & SK_ISNULL) != 0;

	if (routine->form_query != NULL && !is_null)
	{
		MemoryContext outer = MemoryContextSwitchTo(state->search_context);

		state->vector =
			routine->form_query(order_by->sk_argument, state->type.dimensions,
								state->type.metric == DISTANCE_COSINE, &state->type.query_size);
		MemoryContextSwitchTo(outer);
		return;
	}

	state->vector = MemoryContextAllocZero(state->search_context, state->type.vector_size);
	if (!is_null)
		(void) index_type_form_vector(&state->type, order_by->sk_argument, state->vector);
	else if (routine->varying)
		((VaryingVector *) state->vector)->size = sizeof(VaryingVector);
}

bool
index_scan_open(IndexScanDesc scan)
{
	VectorScan *state = scan->opaque;
	Relation index = scan->indexRelation;
	bool is_new = state->reader == NULL;

	if (is_new)
	{
		MemoryContext outer = MemoryContextSwitchTo(MemoryContextGetParent(state->search_context));

		state->reader = storage_reader_begin(index, index_storage_option(index), scan->xs_snapshot);
		MemoryContextSwitchTo(outer);
		warmup_on_first_use(index, state->reader, index_warmup_option(index));
	}
	else
		storage_reader_refresh(state->reader);
	form_query(scan);
	return is_new;
}

void
index_scan_end(IndexScanDesc scan)
{
	VectorScan *state = scan->opaque;

	if (state->reader != NULL)
		storage_reader_end(state->reader);
	MemoryContextDelete(state->search_context);
	pfree(state);
	scan->opaque = NULL;
}
