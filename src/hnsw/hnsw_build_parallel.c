/*
 * hnsw/hnsw_build_parallel.c
 *		Parallel workers that insert nodes into the graph.
 *
 * The edges lie in shared memory or a mapped file, the vectors and codes in the
 * index's file, which every worker maps for itself: so what workers are given is
 * small, and they need neither the heap's rows nor a snapshot.  Positions of the
 * insertion order are claimed from a shared counter by leader and workers alike.
 *
 * The leader inserts the first nodes alone: as long as the graph is small,
 * insertions at the same time would miss one another too often.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/dsm.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"

/* Nodes that make one more worker worth its start */
#define NODES_PER_WORKER 10000
/* Rounds that the leader inserts alone: a few thousand nodes */
#define SERIAL_ROUNDS 2

#define KEY_STATE	   UINT64CONST(0x5653000000000001)
#define KEY_META	   UINT64CONST(0x5653000000000002)
#define KEY_PARAMETERS UINT64CONST(0x5653000000000003)
#define KEY_QUERY	   UINT64CONST(0x5653000000000004)

#define TRANCHE_NAME "VectorstoreHnswBuild"

typedef struct ParallelState
{
	Oid heap;
	Oid index;
	bool is_concurrent;
	uint32 node_count;
	uint32 upper_count;
	HnswEdgesPlace place;
	dsm_handle edges_segment;
	Size edges_size;
	char edges_path[MAXPGPATH];
	HnswBuildShared shared;
} ParallelState;

extern PGDLLEXPORT void hnsw_build_parallel_main(dsm_segment *segment, shm_toc *toc);

/* The tranche of our locks, of which the server needs one for its life. */
static int
lock_tranche(void)
{
	bool found;
	int tranche;
	int *shared;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("vectorstore hnsw build tranche", sizeof(int), &found);
	if (!found)
		*shared = vs_lwlock_new_tranche(TRANCHE_NAME);
	tranche = *shared;
	LWLockRelease(AddinShmemInitLock);

	vs_lwlock_register_tranche(tranche, TRANCHE_NAME);
	return tranche;
}

int
hnsw_build_count_workers(HnswBuild *build)
{
	int workers = RelationGetParallelWorkers(build->heap, -1);

	if (!IsUnderPostmaster || IsInParallelMode() || RelationUsesLocalBuffers(build->heap))
		return 0;
	if (workers < 0)
		workers = (int) Min(build->node_count / NODES_PER_WORKER, (uint32) INT_MAX);
	return Min(workers, max_parallel_maintenance_workers);
}

static void
report_progress(HnswBuildShared *shared)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) pg_atomic_read_u64(&shared->done));
}

static void
insert_serially(HnswBuild *build)
{
	HnswBuildShared *shared = palloc(sizeof(HnswBuildShared));
	HnswInserter *inserter;

	hnsw_build_shared_init(shared, 0);
	inserter = hnsw_inserter_create(&build->source, &build->edges, shared, false);
	hnsw_build_insert_rounds(inserter, &build->edges, shared, hnsw_build_rounds(build->node_count),
							 report_progress);
	build->entry = pg_atomic_read_u64(&shared->entry);
}

static void *
allocate_in_toc(ParallelContext *context, uint64 key, Size size)
{
	void *memory = shm_toc_allocate(context->toc, size);

	shm_toc_insert(context->toc, key, memory);
	return memory;
}

static void
estimate(ParallelContext *context, Size size)
{
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_keys(&context->estimator, 1);
}

/* Fill the segment that workers start from. */
static ParallelState *
share_state(HnswBuild *build, ParallelContext *context, Size parameters_size)
{
	const HnswEdgesMemory *memory = &build->edges_memory;
	ParallelState *state = allocate_in_toc(context, KEY_STATE, sizeof(ParallelState));
	char *query;

	memset(state, 0, sizeof(ParallelState));
	state->heap = RelationGetRelid(build->heap);
	state->index = RelationGetRelid(build->index);
	state->is_concurrent = build->index_info->ii_Concurrent;
	state->node_count = build->node_count;
	state->upper_count = build->upper_count;
	state->place = memory->place;
	state->edges_size = memory->size;
	if (memory->place == HNSW_EDGES_SHARED)
		state->edges_segment = dsm_segment_handle(memory->segment);
	else
		strlcpy(state->edges_path, FilePathName(memory->file), MAXPGPATH);
	hnsw_build_shared_init(&state->shared, lock_tranche());

	memcpy(allocate_in_toc(context, KEY_META, sizeof(IndexMeta)), build->meta, sizeof(IndexMeta));
	if (parameters_size > 0)
		memcpy(allocate_in_toc(context, KEY_PARAMETERS, parameters_size), build->parameters,
			   parameters_size);
	if (debug_query_string != NULL)
	{
		query = allocate_in_toc(context, KEY_QUERY, strlen(debug_query_string) + 1);
		strcpy(query, debug_query_string);
	}
	return state;
}

static void
insert_in_parallel(HnswBuild *build, int workers)
{
	Size parameters_size =
		build->parameters != NULL ? build->meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size : 0;
	ParallelContext *context;
	ParallelState *state;
	HnswInserter *inserter;

	EnterParallelMode();
	context = CreateParallelContext("vectorstore", "hnsw_build_parallel_main", workers);
	estimate(context, sizeof(ParallelState));
	estimate(context, sizeof(IndexMeta));
	if (parameters_size > 0)
		estimate(context, parameters_size);
	if (debug_query_string != NULL)
		estimate(context, strlen(debug_query_string) + 1);
	InitializeParallelDSM(context);

	/* Without a shared memory segment this is backend-local memory, and no worker is launched */
	state = share_state(build, context, parameters_size);
	inserter = hnsw_inserter_create(&build->source, &build->edges, &state->shared, true);
	hnsw_build_insert_rounds(inserter, &build->edges, &state->shared, SERIAL_ROUNDS,
							 report_progress);
	LaunchParallelWorkers(context);
	hnsw_build_insert_rounds(inserter, &build->edges, &state->shared,
							 hnsw_build_rounds(build->node_count), report_progress);
	WaitForParallelWorkersToFinish(context);
	report_progress(&state->shared);

	if (pg_atomic_read_u64(&state->shared.done) != build->node_count)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("parallel build of index \"%s\" did not finish",
							   RelationGetRelationName(build->index))));
	build->entry = pg_atomic_read_u64(&state->shared.entry);
	DestroyParallelContext(context);
	ExitParallelMode();
}

void
hnsw_build_insert_nodes(HnswBuild *build, int workers)
{
	if (workers > 0)
		insert_in_parallel(build, workers);
	else
		insert_serially(build);
}

void
hnsw_build_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	ParallelState *state = shm_toc_lookup(toc, KEY_STATE, false);
	const IndexMeta *meta = shm_toc_lookup(toc, KEY_META, false);
	const void *parameters = shm_toc_lookup(toc, KEY_PARAMETERS, true);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build worker", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	LOCKMODE heap_lock = state->is_concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE index_lock = state->is_concurrent ? RowExclusiveLock : AccessExclusiveLock;
	dsm_segment *edges_segment = NULL;
	HnswBuildSource source;
	HnswEdges edges;
	char *memory;
	Relation heap;
	Relation index;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	vs_lwlock_register_tranche(state->shared.tranche, TRANCHE_NAME);

	heap = table_open(state->heap, heap_lock);
	index = index_open(state->index, index_lock);

	if (state->place == HNSW_EDGES_SHARED)
	{
		edges_segment = dsm_attach(state->edges_segment);
		if (edges_segment == NULL)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("could not map dynamic shared memory segment")));
		memory = dsm_segment_address(edges_segment);
	}
	else
		memory = hnsw_edges_map_path(state->edges_path, state->edges_size);
	hnsw_edges_layout(&edges, memory, state->node_count, state->upper_count,
					  hnsw_meta((IndexMeta *) meta)->m);
	hnsw_build_source_init(&source, meta, built_array_map(index), parameters);

	hnsw_build_insert_rounds(hnsw_inserter_create(&source, &edges, &state->shared, true), &edges,
							 &state->shared, hnsw_build_rounds(state->node_count), NULL);

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	if (edges_segment != NULL)
		dsm_detach(edges_segment);
	index_close(index, index_lock);
	table_close(heap, heap_lock);
}
