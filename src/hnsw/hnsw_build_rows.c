/*
 * hnsw/hnsw_build_rows.c
 *		The processes that read the heap: the leader, with workers or without, who put
 *		rows into files by cell of locality.
 *
 * Workers start when the cells are known, and end when all rows are in files; the leader then
 * reads them in order.  Rows come in the order of cells, hashes and TIDs, whoever found them:
 * so the index's vectors have the same ordinals with any number of workers.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "hnsw/hnsw_build.h"
#include "index/build_team.h"
#include "index/build_workers.h"

/* Rows that make one more worker worth its start */
#define ROWS_PER_WORKER 10000

#define JOB_ASSIGN 1

/* What workers are given */
#define PIECE_SHARED 0
#define PIECE_COUNTS 1
#define PIECE_TABLE	 2
#define PIECE_SCAN	 3
#define PIECE_COUNT	 4

typedef struct RowsShared
{
	BuildTeamShared team;
	RowAssignShared rows;
	uint32 group_count; /* of the table of cells */
} RowsShared;

/* One process of the build */
typedef struct RowsMember
{
	RowAssigner assigner;
	void *table_memory;
	BuildTeam team;
} RowsMember;

struct HnswRows
{
	RowsMember member;
	RowsShared *shared;
	ParallelContext *context; /* NULL: the leader is alone */
	Snapshot snapshot;		  /* of a concurrent, parallel build */
	int processes;
};

extern PGDLLEXPORT void hnsw_build_rows_main(dsm_segment *segment, shm_toc *toc);

static void
run_chunk(void *argument, int job, uint32 chunk)
{
	RowsMember *member = argument;

	row_assigner_run(&member->assigner, member->table_memory);
}

/* What leader and workers do alike with what they are given. */
static void
init_member(RowsMember *member, RowsShared *shared, uint32 *counts, int process)
{
	RowAssigner *assigner = &member->assigner;

	index_type_get(assigner->index, &assigner->type);
	assigner->shared = &shared->rows;
	assigner->counts = counts;
	assigner->process = process;
	assigner->search =
		centroid_search_create_grouped(shared->group_count, assigner->type.dimensions);
	row_assigner_init(assigner);
	member->team = (BuildTeam){.shared = &shared->team, .run = run_chunk, .argument = member};
}

static int
count_workers(HnswBuild *build, double row_estimate)
{
	if (!build_workers_may_scan(build->index))
		return 0;
	return build_workers_count(build->heap, row_estimate, ROWS_PER_WORKER);
}

/* Memory that workers share, or the like where there are none; launches them last. */
HnswRows *
hnsw_rows_begin(HnswBuild *build, const Locality *locality, double row_estimate)
{
	HnswRows *rows = palloc0(sizeof(HnswRows));
	int workers = count_workers(build, row_estimate);
	Size memory = (Size) maintenance_work_mem * 1024 / (workers + 1);
	BuildPiece pieces[PIECE_COUNT] = {
		[PIECE_SHARED] = {.size = sizeof(RowsShared)},
		[PIECE_COUNTS] = {.size = locality->cell_count * sizeof(uint32)},
		[PIECE_TABLE] = {.size = locality_table_size(locality)},
	};
	RowAssigner *assigner = &rows->member.assigner;
	CentroidTable table;

	if (workers > 0)
	{
		rows->snapshot = build->index_info->ii_Concurrent
							 ? RegisterSnapshot(GetTransactionSnapshot())
							 : SnapshotAny;
		pieces[PIECE_SCAN].size = table_parallelscan_estimate(build->heap, rows->snapshot);
		rows->context = build_workers_prepare(build->heap, build->index, build->index_info,
											  "hnsw_build_rows_main", workers, pieces, PIECE_COUNT);
		assigner->scan = pieces[PIECE_SCAN].address;
		table_parallelscan_initialize(build->heap, assigner->scan, rows->snapshot);
	}
	else
	{
		for (int i = 0; i < PIECE_SCAN; i++)
			pieces[i].address = palloc0(pieces[i].size);
	}

	rows->shared = pieces[PIECE_SHARED].address;
	build_team_init(&rows->shared->team);
	row_partitioning_choose(&rows->shared->rows.partitioning, locality->cell_count,
							build->type.vector_size, true, row_estimate, memory);
	row_assign_shared_init(&rows->shared->rows);
	rows->shared->group_count = locality->coarse.count;
	rows->member.table_memory = pieces[PIECE_TABLE].address;
	locality_make_table(locality, &table, rows->member.table_memory);
	rows->processes = 1;
	if (rows->context != NULL && rows->context->seg != NULL)
	{
		rows->shared->rows.has_files = true;
		SharedFileSetInit(&rows->shared->rows.files, rows->context->seg);
	}
	if (rows->context != NULL)
	{
		LaunchParallelWorkers(rows->context);
		rows->processes += rows->context->nworkers_launched;
	}

	assigner->heap = build->heap;
	assigner->index = build->index;
	assigner->index_info = build->index_info;
	init_member(&rows->member, rows->shared, pieces[PIECE_COUNTS].address, 0);
	return rows;
}

RowPartitionReader *
hnsw_rows_read(HnswRows *rows, HnswBuild *build, Size memory)
{
	RowAssignShared *found = &rows->shared->rows;

	build_team_do(&rows->member.team, JOB_ASSIGN, (uint32) rows->processes);
	build_team_dismiss(&rows->member.team);
	if (rows->context != NULL)
		WaitForParallelWorkersToFinish(rows->context);
	centroid_search_free(rows->member.assigner.search);
	build->heap_rows = found->heap_rows;
	build->indexed_rows = found->indexed_rows;

	/* Snapshots older than such a row's newest version must not use the index (indcheckxmin) */
	if (found->broken_hot_chain)
		build->index_info->ii_BrokenHotChain = true;
	return row_assigner_read(&rows->member.assigner, rows->processes, memory);
}

void
hnsw_rows_end(HnswRows *rows)
{
	if (rows->context == NULL)
		return;
	build_workers_finish(rows->context);
	if (IsMVCCSnapshot(rows->snapshot))
		UnregisterSnapshot(rows->snapshot);
}

void
hnsw_build_rows_main(dsm_segment *segment, shm_toc *toc)
{
	RowsMember *member;
	RowAssigner *assigner;
	RowsShared *shared;
	BuildWorker worker;

	build_worker_begin(&worker, toc);
	shared = build_worker_piece(&worker, PIECE_SHARED);
	SharedFileSetAttach(&shared->rows.files, segment);

	member = palloc0(sizeof(RowsMember));
	member->table_memory = build_worker_piece(&worker, PIECE_TABLE);
	assigner = &member->assigner;
	assigner->heap = worker.heap;
	assigner->index = worker.index;
	assigner->index_info = BuildIndexInfo(worker.index);
	assigner->index_info->ii_Concurrent = worker.is_concurrent;
	assigner->scan = build_worker_piece(&worker, PIECE_SCAN);
	init_member(member, shared, build_worker_piece(&worker, PIECE_COUNTS),
				ParallelWorkerNumber + 1);
	build_team_serve(&member->team);
	build_worker_end(&worker);
}
