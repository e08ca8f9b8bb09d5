/*
 * hnsw/hnsw_build_rows.c
 *		The processes that read the heap: the leader, with workers or without, who train
 *		the cells of locality, and put rows into files by cell.
 *
 * Workers start when the sample has been taken, and end when all rows are in files; the leader
 * then reads them in order.  Rows come in the order of cells, hashes and TIDs, whoever found them:
 * so the index's vectors have the same ordinals with any number of workers.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "index/build_team.h"
#include "index/build_workers.h"
#include "index/locality.h"

/* Vectors of the sample, and the share of maintenance_work_mem that they may take */
#define SAMPLE_ROWS			65536
#define SAMPLE_MEMORY_SHARE 4
#define SAMPLE_MEMORY_MAX	((Size) 128 * 1024 * 1024)

/* Rows that make one more worker worth its start */
#define ROWS_PER_WORKER 10000

/* The job of the team that training doesn't have: read a share of the heap's rows */
#define JOB_READ (LOCALITY_JOB_LAST + 1)

/* What workers are given */
#define PIECE_SHARED 0
#define PIECE_COUNTS 1
#define PIECE_SCAN	 2
#define PIECE_COUNT	 3

typedef struct RowsShared
{
	BuildTeamShared team;
	BuildMemoryShare sample;
	BuildMemoryShare training;
	RowAssignShared rows;
} RowsShared;

/* One process of the build */
typedef struct RowsMember
{
	Locality locality;
	RowAssigner assigner;
	BuildTeam team;
} RowsMember;

struct HnswRows
{
	double row_estimate;
	BuildMemory sample;
	BuildMemory training;
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

	if (job == JOB_READ)
		row_assigner_run(&member->assigner, member->locality.table_memory);
	else
		locality_run(&member->locality, job, chunk);
}

/* What leader and workers do alike with what they are given. */
static void
init_member(RowsMember *member, RowsShared *shared)
{
	RowAssigner *assigner = &member->assigner;

	index_type_get(assigner->index, &assigner->type);
	assigner->shared = &shared->rows;
	assigner->search =
		centroid_search_create_grouped(member->locality.head->side, assigner->type.dimensions);
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

/* Take the sample, and lay out what is trained on it, in memory that so many workers can share. */
static int
take_sample(HnswRows *rows, HnswBuild *build)
{
	Size size = build->type.dimensions * sizeof(float);
	Size memory = Min((Size) maintenance_work_mem * 1024 / SAMPLE_MEMORY_SHARE, SAMPLE_MEMORY_MAX);
	uint32 capacity = (uint32) Max(Min((Size) SAMPLE_ROWS, memory / size), 1);
	RowSample sample;
	int workers;

	row_sample_begin(&sample, build->heap, build->index, build->index_info, &build->type);
	workers = count_workers(build, sample.row_estimate);
	build_memory_begin_writing(&rows->sample, capacity * size, SIZE_MAX, workers > 0);
	row_sample_take(&sample, capacity, &rows->sample);
	rows->row_estimate = sample.row_estimate;

	size = locality_size(Max(sample.count, 1), build->type.dimensions, locality_side(&sample));
	build_memory_create(&rows->training, size, SIZE_MAX, workers > 0, 0);
	locality_init(&rows->member.locality, rows->training.address, &sample, build->type.dimensions);
	return workers;
}

static void
fill_shared(HnswRows *rows, HnswBuild *build, uint32 cells, int workers)
{
	RowsShared *shared = rows->shared;
	Size memory = (Size) maintenance_work_mem * 1024 / (workers + 1);

	build_team_init(&shared->team);
	row_partitioning_choose(&shared->rows.partitioning, cells, build->type.vector_size, true,
							rows->row_estimate, memory);
	row_assign_shared_init(&shared->rows);
	if (workers > 0)
	{
		build_memory_share(&rows->sample, &shared->sample);
		build_memory_share(&rows->training, &shared->training);
	}
}

/* Make the segment that workers start from, and launch them. */
static void
launch_workers(HnswRows *rows, HnswBuild *build, uint32 cells, int workers)
{
	BuildPiece pieces[PIECE_COUNT] = {
		[PIECE_SHARED] = {.size = sizeof(RowsShared)},
		[PIECE_COUNTS] = {.size = cells * sizeof(uint32)},
	};
	RowAssigner *assigner = &rows->member.assigner;

	rows->snapshot = build_workers_begin_scan(build->index_info);
	pieces[PIECE_SCAN].size = table_parallelscan_estimate(build->heap, rows->snapshot);
	rows->context = build_workers_prepare(build->heap, build->index, build->index_info,
										  "hnsw_build_rows_main", workers, pieces, PIECE_COUNT);
	assigner->scan = pieces[PIECE_SCAN].address;
	assigner->counts = pieces[PIECE_COUNTS].address;
	table_parallelscan_initialize(build->heap, assigner->scan, rows->snapshot);
	rows->shared = pieces[PIECE_SHARED].address;
	fill_shared(rows, build, cells, workers);
	row_assign_share_files(&rows->shared->rows, rows->context->seg);
	LaunchParallelWorkers(rows->context);
	rows->processes += rows->context->nworkers_launched;
}

HnswRows *
hnsw_rows_begin(HnswBuild *build)
{
	HnswRows *rows = palloc0(sizeof(HnswRows));
	RowsMember *member = &rows->member;
	int workers = take_sample(rows, build);
	uint32 cells = member->locality.head->side * member->locality.head->side;

	rows->processes = 1;
	if (workers > 0)
		launch_workers(rows, build, cells, workers);
	else
	{
		rows->shared = palloc0(sizeof(RowsShared));
		member->assigner.counts = palloc0(cells * sizeof(uint32));
		fill_shared(rows, build, cells, 0);
	}
	member->assigner.heap = build->heap;
	member->assigner.index = build->index;
	member->assigner.index_info = build->index_info;
	init_member(member, rows->shared);
	locality_train(&member->locality, &member->team);
	return rows;
}

double
hnsw_rows_estimate(const HnswRows *rows)
{
	return rows->row_estimate;
}

RowPartitionReader *
hnsw_rows_read(HnswRows *rows, HnswBuild *build, Size memory)
{
	build_team_do(&rows->member.team, JOB_READ, (uint32) rows->processes);
	build_team_dismiss(&rows->member.team);
	if (rows->context != NULL)
		WaitForParallelWorkersToFinish(rows->context);
	centroid_search_free(rows->member.assigner.search);
	locality_detach(&rows->member.locality);
	build_memory_free(&rows->training);
	build_memory_free(&rows->sample);
	row_assigner_count(&rows->member.assigner, &build->heap_rows, &build->indexed_rows);
	return row_assigner_read(&rows->member.assigner, rows->processes, memory);
}

void
hnsw_rows_end(HnswRows *rows)
{
	if (rows->context != NULL)
		build_workers_finish_scan(rows->context, rows->snapshot);
}

void
hnsw_build_rows_main(dsm_segment *segment, shm_toc *toc)
{
	RowsMember *member;
	RowAssigner *assigner;
	RowsShared *shared;
	BuildMemory sample;
	BuildMemory training;
	BuildWorker worker;

	build_worker_begin(&worker, toc);
	shared = build_worker_piece(&worker, PIECE_SHARED);
	SharedFileSetAttach(&shared->rows.files, segment);
	build_memory_attach(&sample, &shared->sample);
	build_memory_attach(&training, &shared->training);

	member = palloc0(sizeof(RowsMember));
	locality_attach(&member->locality, training.address, (const void *) sample.address);
	assigner = &member->assigner;
	row_assigner_set_worker(assigner, &worker);
	assigner->scan = build_worker_piece(&worker, PIECE_SCAN);
	assigner->counts = build_worker_piece(&worker, PIECE_COUNTS);
	init_member(member, shared);
	build_team_serve(&member->team);

	build_memory_detach(&training);
	build_memory_detach(&sample);
	build_worker_end(&worker);
}
