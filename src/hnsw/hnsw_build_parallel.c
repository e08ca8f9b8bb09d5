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

#include "storage/shmem.h"

#include "hnsw/hnsw_build.h"
#include "index/build_workers.h"

/* Nodes that make one more worker worth its start */
#define NODES_PER_WORKER 10000
/* Rounds that the leader inserts alone: a few thousand nodes */
#define SERIAL_ROUNDS 2

/* What workers are given */
#define PIECE_STATE		 0
#define PIECE_META		 1
#define PIECE_PARAMETERS 2
#define PIECE_COUNT		 3

#define TRANCHE_NAME "VectorstoreHnswBuild"

typedef struct ParallelState
{
	uint32 node_count;
	uint32 upper_count;
	BuildMemoryShare edges;
	bool measures_links; /* HnswBuildSource */
	bool has_own_codes;
	BuildMemoryShare own_codes;
	bool has_copied_codes;
	BuildMemoryShare copied_codes;
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
	return build_workers_count(build->heap, build->node_count, NODES_PER_WORKER);
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

static void
insert_in_parallel(HnswBuild *build, int workers)
{
	Size parameters_size =
		build->parameters != NULL ? build->meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size : 0;
	BuildPiece pieces[PIECE_COUNT] = {
		[PIECE_STATE] = {.size = sizeof(ParallelState)},
		[PIECE_META] = {.size = sizeof(IndexMeta), .content = build->meta},
		[PIECE_PARAMETERS] = {.size = parameters_size, .content = build->parameters},
	};
	ParallelContext *context;
	ParallelState *state;
	HnswInserter *inserter;

	context = build_workers_prepare(build->heap, build->index, build->index_info,
									"hnsw_build_parallel_main", workers, pieces, PIECE_COUNT);
	state = pieces[PIECE_STATE].address;
	state->node_count = build->node_count;
	state->upper_count = build->upper_count;
	build_memory_share(&build->edges_memory, &state->edges);
	state->measures_links = build->source.measures_links;
	state->has_own_codes = build->has_own_codes;
	if (build->has_own_codes)
		build_memory_share(&build->own_codes, &state->own_codes);
	state->has_copied_codes = build->has_copied_codes;
	if (build->has_copied_codes)
		build_memory_share(&build->copied_codes, &state->copied_codes);
	hnsw_build_shared_init(&state->shared, lock_tranche());

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
	build_workers_finish(context);
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
	BuildMemory memory;
	BuildMemory own_codes;
	BuildMemory copied_codes;
	HnswBuildSource source = {0};
	HnswEdges edges;
	IndexType type;
	BuildWorker worker;
	ParallelState *state;
	const IndexMeta *meta;

	build_worker_begin(&worker, toc);
	state = build_worker_piece(&worker, PIECE_STATE);
	meta = build_worker_piece(&worker, PIECE_META);
	vs_lwlock_register_tranche(state->shared.tranche, TRANCHE_NAME);

	build_memory_attach(&memory, &state->edges);
	hnsw_edges_layout(&edges, memory.address, state->node_count, state->upper_count,
					  hnsw_meta((IndexMeta *) meta)->m);
	index_type_get(worker.index, &type);
	hnsw_build_source_init(&source, &type, meta, built_array_map(worker.index),
						   build_worker_piece(&worker, PIECE_PARAMETERS));
	source.measures_links = state->measures_links;
	if (state->has_own_codes)
	{
		build_memory_attach(&own_codes, &state->own_codes);
		hnsw_build_source_use_codes(&source, own_codes.address);
	}
	if (state->has_copied_codes)
	{
		build_memory_attach(&copied_codes, &state->copied_codes);
		hnsw_build_source_use_copies(&source, copied_codes.address);
	}

	hnsw_build_insert_rounds(hnsw_inserter_create(&source, &edges, &state->shared, true), &edges,
							 &state->shared, hnsw_build_rounds(state->node_count), NULL);

	if (state->has_copied_codes)
		build_memory_detach(&copied_codes);
	if (state->has_own_codes)
		build_memory_detach(&own_codes);
	build_memory_detach(&memory);
	build_worker_end(&worker);
}
