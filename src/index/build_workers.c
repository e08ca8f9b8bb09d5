/*
 * index/build_workers.c
 *		The plumbing of parallel index builds.
 *
 * A build's locks are held by the leader; those that a worker takes are the same
 * ones, in its lock group, and conflict with nothing.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "index/build_workers.h"

#define KEY_START  UINT64CONST(0x5653000000000001)
#define KEY_QUERY  UINT64CONST(0x5653000000000002)
#define KEY_PIECES UINT64CONST(0x5653000000000100)

typedef struct WorkerStart
{
	Oid heap;
	Oid index;
	bool is_concurrent;
} WorkerStart;

int
build_workers_count(Relation heap, double units, double units_per_worker)
{
	int workers = RelationGetParallelWorkers(heap, -1);

	if (!IsUnderPostmaster || IsInParallelMode() || RelationUsesLocalBuffers(heap))
		return 0;
	if (workers < 0)
		workers = (int) Min(units / units_per_worker, (double) INT_MAX);
	return Min(workers, max_parallel_maintenance_workers);
}

bool
build_workers_may_scan(Relation index)
{
	/* Only what the planner would look at in a query without subqueries and parameters */
	PlannerInfo *root = makeNode(PlannerInfo);

	root->parse = makeNode(Query);
	root->glob = makeNode(PlannerGlobal);
	root->query_level = 1;
	return is_parallel_safe(root, (Node *) RelationGetIndexExpressions(index)) &&
		   is_parallel_safe(root, (Node *) RelationGetIndexPredicate(index));
}

static void
estimate(ParallelContext *context, Size size)
{
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_keys(&context->estimator, 1);
}

static void *
allocate(ParallelContext *context, uint64 key, Size size, const void *content)
{
	void *memory = shm_toc_allocate(context->toc, size);

	if (content != NULL)
		memcpy(memory, content, size);
	else
		memset(memory, 0, size);
	shm_toc_insert(context->toc, key, memory);
	return memory;
}

ParallelContext *
build_workers_prepare(Relation heap, Relation index, IndexInfo *index_info, const char *main_name,
					  int workers, BuildPiece *pieces, int count)
{
	Size query_size = debug_query_string != NULL ? strlen(debug_query_string) + 1 : 0;
	WorkerStart start = {.heap = RelationGetRelid(heap),
						 .index = RelationGetRelid(index),
						 .is_concurrent = index_info->ii_Concurrent};
	ParallelContext *context;

	EnterParallelMode();
	context = CreateParallelContext("vectorstore", main_name, workers);
	estimate(context, sizeof(WorkerStart));
	if (query_size > 0)
		estimate(context, query_size);
	for (int i = 0; i < count; i++)
	{
		if (pieces[i].size > 0)
			estimate(context, pieces[i].size);
	}
	InitializeParallelDSM(context);

	(void) allocate(context, KEY_START, sizeof(WorkerStart), &start);
	if (query_size > 0)
		(void) allocate(context, KEY_QUERY, query_size, debug_query_string);
	for (int i = 0; i < count; i++)
	{
		pieces[i].address = NULL;
		if (pieces[i].size > 0)
			pieces[i].address =
				allocate(context, KEY_PIECES + i, pieces[i].size, pieces[i].content);
	}
	return context;
}

Snapshot
build_workers_begin_scan(const IndexInfo *index_info)
{
	return index_info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
}

void
build_workers_finish_scan(ParallelContext *context, Snapshot snapshot)
{
	build_workers_finish(context);
	if (IsMVCCSnapshot(snapshot))
		UnregisterSnapshot(snapshot);
}

void
build_workers_finish(ParallelContext *context)
{
	WaitForParallelWorkersToFinish(context);
	DestroyParallelContext(context);
	ExitParallelMode();
}

void
build_worker_begin(BuildWorker *worker, shm_toc *toc)
{
	const WorkerStart *start = shm_toc_lookup(toc, KEY_START, false);

	worker->toc = toc;
	worker->is_concurrent = start->is_concurrent;
	worker->heap_lock = start->is_concurrent ? ShareUpdateExclusiveLock : ShareLock;
	worker->index_lock = start->is_concurrent ? RowExclusiveLock : AccessExclusiveLock;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	worker->heap = table_open(start->heap, worker->heap_lock);
	worker->index = index_open(start->index, worker->index_lock);

	worker->context =
		AllocSetContextCreate(CurrentMemoryContext, "index build worker", ALLOCSET_DEFAULT_SIZES);
	worker->old_context = MemoryContextSwitchTo(worker->context);
}

void *
build_worker_piece(const BuildWorker *worker, int n)
{
	return shm_toc_lookup(worker->toc, KEY_PIECES + n, true);
}

void
build_worker_end(BuildWorker *worker)
{
	MemoryContextSwitchTo(worker->old_context);
	MemoryContextDelete(worker->context);
	index_close(worker->index, worker->index_lock);
	table_close(worker->heap, worker->heap_lock);
}
