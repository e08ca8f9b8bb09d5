/*
 * admin/index_recall.c
 *		vectorstore_recall(regclass, k, sample): what share of the true nearest
 *		neighbors an index finds.
 *
 * Queries are rows of the table, drawn at random; a row is not its own neighbor.
 * The distances of each one's k nearest others come from one scan of the table
 * for all queries together, then each query is answered by the index itself, with
 * the session's settings (hnsw.ef_search, ivf.probes and so on).  A row that the
 * index returns counts if it is no further than the k-th nearest, so that equally
 * near rows are all right.  Both looks use the distance function of the operator
 * class and one snapshot.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/relation.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "admin/own_index.h"
#include "catalog/index.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(vectorstore_recall);

#define MAX_NEIGHBORS 10000
#define MAX_SAMPLE	  100000

typedef struct RecallQuery
{
	Datum vector;
	ItemPointerData tid;
	double *nearest; /* distances of the nearest others so far, ascending; at most k */
	int count;
} RecallQuery;

typedef struct Recall
{
	Relation table;
	Relation index;
	Snapshot snapshot;
	int k;

	RecallQuery *queries;
	int query_count;
	int sample;	 /* queries wanted */
	double seen; /* rows seen by the sampling */
	FmgrInfo distance;
	Oid collation;

	IndexInfo *info; /* expressions and predicate, prepared in `executor` */
	EState *executor;
	ExprState *predicate;
	MemoryContext lasting;
} Recall;

/* The distance that the index orders by, as the executor would compute it. */
static double
distance_between(Recall *recall, Datum a, Datum b)
{
	return DatumGetFloat8(FunctionCall2Coll(&recall->distance, recall->collation, a, b));
}

/*
 * The indexed value of the row in a slot, detoasted, in the per-tuple context of the executor; false
 * where the index has no entry for it.
 */
static bool
form_value(Recall *recall, TupleTableSlot *slot, Datum *value)
{
	ExprContext *context = GetPerTupleExprContext(recall->executor);
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	MemoryContext outer;

	ResetExprContext(context);
	context->ecxt_scantuple = slot;
	if (recall->predicate != NULL && !ExecQual(recall->predicate, context))
		return false;
	outer = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
	FormIndexDatum(recall->info, slot, recall->executor, values, isnull);
	if (!isnull[0])
		*value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	MemoryContextSwitchTo(outer);

	/* What has no distance to itself (a zero vector under cosine) is not in the index. */
	return !isnull[0] && !isnan(distance_between(recall, *value, *value));
}

typedef void (*RecallVisit)(Recall *recall, Datum value, ItemPointer tid);

/* Show every row that the index should have to `visit`. */
static void
scan_table(Recall *recall, RecallVisit visit)
{
	TupleTableSlot *slot = table_slot_create(recall->table, NULL);
	TableScanDesc scan = vs_table_beginscan(recall->table, recall->snapshot);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		Datum value;

		CHECK_FOR_INTERRUPTS();
		if (form_value(recall, slot, &value))
			visit(recall, value, &slot->tts_tid);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* Reservoir sampling (Vitter, Random Sampling with a Reservoir, algorithm R). */
static void
sample_row(Recall *recall, Datum value, ItemPointer tid)
{
	RecallQuery *query;
	MemoryContext outer;
	uint64 at = (uint64) recall->seen++;

	if (recall->query_count < recall->sample)
		recall->query_count++;
	else
	{
		at = pg_prng_uint64_range(&pg_global_prng_state, 0, at);
		if (at >= (uint64) recall->sample)
			return;
		pfree(DatumGetPointer(recall->queries[at].vector));
	}
	query = &recall->queries[at];
	outer = MemoryContextSwitchTo(recall->lasting);
	query->vector = datumCopy(value, false, -1);
	MemoryContextSwitchTo(outer);
	query->tid = *tid;
}

static void
offer_neighbor(RecallQuery *query, int k, double distance)
{
	int at = query->count;

	if (query->count == k)
	{
		if (!(distance < query->nearest[k - 1]))
			return;
		at = k - 1;
	}
	else
		query->count++;
	for (; at > 0 && query->nearest[at - 1] > distance; at--)
		query->nearest[at] = query->nearest[at - 1];
	query->nearest[at] = distance;
}

static void
measure_row(Recall *recall, Datum value, ItemPointer tid)
{
	for (int i = 0; i < recall->query_count; i++)
	{
		RecallQuery *query = &recall->queries[i];
		double distance;

		if (ItemPointerEquals(&query->tid, tid))
			continue;
		distance = distance_between(recall, query->vector, value);
		if (!isnan(distance))
			offer_neighbor(query, recall->k, distance);
	}
}

/* How many of the first k rows that the index returns are among the nearest. */
static int
count_hits(Recall *recall, IndexScanDesc scan, TupleTableSlot *slot, Oid type, RecallQuery *query)
{
	ScanKeyData order;
	int returned = 0;
	int hits = 0;

	ScanKeyEntryInitialize(&order, SK_ORDER_BY, 1, 1, type, recall->collation,
						   recall->distance.fn_oid, query->vector);
	index_rescan(scan, NULL, 0, &order, 1);
	while (returned < query->count && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		Datum value;

		CHECK_FOR_INTERRUPTS();
		if (ItemPointerEquals(&slot->tts_tid, &query->tid))
			continue;
		returned++;
		if (form_value(recall, slot, &value) &&
			distance_between(recall, query->vector, value) <= query->nearest[query->count - 1])
			hits++;
	}
	return hits;
}

static void
search_index(Recall *recall, double *hits, double *expected)
{
	TupleTableSlot *slot = table_slot_create(recall->table, NULL);
	IndexScanDesc scan = vs_index_beginscan(recall->table, recall->index, recall->snapshot, 0, 1);

	for (int i = 0; i < recall->query_count; i++)
	{
		RecallQuery *query = &recall->queries[i];

		if (query->count == 0)
			continue;
		*hits += count_hits(recall, scan, slot, recall->index->rd_opcintype[0], query);
		*expected += query->count;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

static void
find_distance_function(Recall *recall)
{
	Oid type = recall->index->rd_opcintype[0];
	Oid operator_oid = get_opfamily_member(recall->index->rd_opfamily[0], type, type, 1);

	if (!OidIsValid(operator_oid))
		elog(ERROR, "operator class of index \"%s\" has no distance operator",
			 RelationGetRelationName(recall->index));
	fmgr_info(get_opcode(operator_oid), &recall->distance);
	recall->collation = recall->index->rd_indcollation[0];
}

/* Expressions of the index are the owner's code, not the caller's. */
static void
measure(Recall *recall, double *hits, double *expected)
{
	Oid user;
	int security_context;
	int nest_level;

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(recall->table->rd_rel->relowner,
						   security_context | SECURITY_RESTRICTED_OPERATION);
	nest_level = NewGUCNestLevel();
	vs_restrict_search_path();

	recall->executor = CreateExecutorState();
	recall->info = BuildIndexInfo(recall->index);
	recall->predicate = ExecPrepareQual(recall->info->ii_Predicate, recall->executor);
	scan_table(recall, sample_row);
	for (int i = 0; i < recall->query_count; i++)
		recall->queries[i].nearest = palloc((Size) recall->k * sizeof(double));
	if (recall->query_count > 0)
	{
		scan_table(recall, measure_row);
		search_index(recall, hits, expected);
	}
	FreeExecutorState(recall->executor);

	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, security_context);
}

static void
check_argument(const char *name, int value, int maximum)
{
	if (value < 1 || value > maximum)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be between 1 and %d", name, maximum)));
}

Datum
vectorstore_recall(PG_FUNCTION_ARGS)
{
	Recall recall = {.k = PG_GETARG_INT32(1), .sample = PG_GETARG_INT32(2)};
	double hits = 0;
	double expected = 0;

	check_argument("k", recall.k, MAX_NEIGHBORS);
	check_argument("sample", recall.sample, MAX_SAMPLE);
	recall.index =
		own_index_open(PG_GETARG_OID(0), TABLE_PRIVILEGE_SELECT, AccessShareLock, &recall.table);
	if (!recall.index->rd_index->indisvalid)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" is not valid", RelationGetRelationName(recall.index)),
						errhint("REINDEX it or drop it.")));
	if (check_enable_rls(RelationGetRelid(recall.table), InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("recall of an index cannot be measured under row-level security"),
						errdetail("Table \"%s\" has policies that apply to you.",
								  RelationGetRelationName(recall.table))));

	recall.snapshot = GetActiveSnapshot();
	recall.lasting = CurrentMemoryContext;
	recall.queries = palloc0((Size) recall.sample * sizeof(RecallQuery));
	find_distance_function(&recall);
	measure(&recall, &hits, &expected);

	relation_close(recall.index, NoLock);
	table_close(recall.table, NoLock);
	if (expected == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(hits / expected);
}
