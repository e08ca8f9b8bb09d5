/*
 * ivf/ivf_build_parallel.c
 *		The processes of a build: the leader, with workers or without, that trains
 *		and assigns rows.
 *
 * Workers start when the sample has been taken, and end when all rows are in files.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "index/build_workers.h"
#include "ivf/ivf_build.h"

/* What workers are given */
#define PIECE_SHARED 0
#define PIECE_COUNTS 1
#define PIECE_SCAN	 2
#define PIECE_COUNT	 3

#define SEED UINT64CONST(0x697666206C697374)

extern PGDLLEXPORT void ivf_build_parallel_main(dsm_segment *segment, shm_toc *toc);

static void
run_chunk(void *argument, int job, uint32 chunk)
{
	IvfMember *member = argument;

	if (job == IVF_JOB_ASSIGN)
		row_assigner_run(&member->assigner, member->kmeans.table_memory);
	else
		kmeans_run(&member->kmeans, job, chunk);
}

int
ivf_build_count_workers(IvfBuild *build)
{
	if (!IsUnderPostmaster || IsInParallelMode())
		return 0;
	/* What B-tree builds ask: table size, settings, memory, whether expressions are parallel safe */
	return plan_create_index_workers(RelationGetRelid(build->heap), RelationGetRelid(build->index));
}

static bool
is_spherical(const IndexType *type)
{
	return type->metric == DISTANCE_COSINE || type->metric == DISTANCE_INNER_PRODUCT;
}

/* The state of k-means, in memory that workers can share. */
static void
begin_training(IvfBuild *build, int workers)
{
	/* Without any row: one centroid, zero as the sample's memory is */
	uint32 count = Max(build->sample.count, 1);
	uint32 dimensions = build->type.dimensions;

	build_memory_create(&build->training, kmeans_size(count, dimensions, build->lists), SIZE_MAX,
						workers > 0, 0);
	kmeans_init(&build->member.kmeans, build->training.address, build->sample.vectors, count,
				dimensions, build->lists, is_spherical(&build->type),
				SEED + (uint64) index_kmeans_seed());
}

static void
fill_shared(IvfBuild *build, bool parallel)
{
	IvfBuildShared *shared = build->shared;
	Size memory = (Size) maintenance_work_mem * 1024;

	build_team_init(&shared->team);
	row_partitioning_choose(&shared->rows.partitioning, build->lists, build->type.vector_size,
							false, build->sample.row_estimate, memory);
	row_assign_shared_init(&shared->rows);
	if (parallel)
	{
		build_memory_share(&build->sample_memory, &shared->sample);
		build_memory_share(&build->training, &shared->training);
	}
}

/* Make the segment that workers start from, and launch them. */
static void
launch_workers(IvfBuild *build, int workers)
{
	BuildPiece pieces[PIECE_COUNT] = {
		[PIECE_SHARED] = {.size = sizeof(IvfBuildShared)},
		[PIECE_COUNTS] = {.size = build->lists * sizeof(uint32)},
	};

	build->snapshot = build_workers_begin_scan(build->index_info);
	pieces[PIECE_SCAN].size = table_parallelscan_estimate(build->heap, build->snapshot);
	build->context = build_workers_prepare(build->heap, build->index, build->index_info,
										   "ivf_build_parallel_main", workers, pieces, PIECE_COUNT);
	build->shared = pieces[PIECE_SHARED].address;
	build->counts = pieces[PIECE_COUNTS].address;
	fill_shared(build, true);
	table_parallelscan_initialize(build->heap, pieces[PIECE_SCAN].address, build->snapshot);
	build->member.assigner.scan = pieces[PIECE_SCAN].address;
	row_assign_share_files(&build->shared->rows, build->context->seg);
	LaunchParallelWorkers(build->context);
	build->processes = build->context->nworkers_launched + 1;
}

void
ivf_build_begin_team(IvfBuild *build, int workers)
{
	RowAssigner *assigner = &build->member.assigner;

	begin_training(build, workers);
	build->processes = 1;
	if (workers > 0)
		launch_workers(build, workers);
	else
	{
		build->shared = palloc0(sizeof(IvfBuildShared));
		build->counts = palloc0(build->lists * sizeof(uint32));
		fill_shared(build, false);
	}
	build->team =
		(BuildTeam){.shared = &build->shared->team, .run = run_chunk, .argument = &build->member};

	assigner->heap = build->heap;
	assigner->index = build->index;
	assigner->index_info = build->index_info;
	assigner->type = build->type;
	assigner->shared = &build->shared->rows;
	assigner->counts = build->counts;
	assigner->process = 0;
	assigner->search = build->member.kmeans.search;
	row_assigner_init(assigner);
}

static void
dismiss_team(IvfBuild *build)
{
	build_team_dismiss(&build->team);
	if (build->context != NULL)
		WaitForParallelWorkersToFinish(build->context);
	kmeans_detach(&build->member.kmeans);
	build_memory_free(&build->training);
	build_memory_free(&build->sample_memory);
}

void
ivf_build_assign(IvfBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_ASSIGNING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 (int64) build->sample.row_estimate);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	build_team_do(&build->team, IVF_JOB_ASSIGN, (uint32) build->processes);
	dismiss_team(build);
	row_assigner_count(&build->member.assigner, &build->heap_rows, &build->indexed_rows);
}

void
ivf_build_end_team(IvfBuild *build)
{
	if (build->context != NULL)
		build_workers_finish_scan(build->context, build->snapshot);
}

void
ivf_build_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	IvfMember *member;
	RowAssigner *assigner;
	IvfBuildShared *shared;
	BuildMemory sample;
	BuildMemory training;
	BuildWorker worker;
	BuildTeam team;

	build_worker_begin(&worker, toc);
	shared = build_worker_piece(&worker, PIECE_SHARED);
	SharedFileSetAttach(&shared->rows.files, segment);
	build_memory_attach(&sample, &shared->sample);
	build_memory_attach(&training, &shared->training);

	member = palloc0(sizeof(IvfMember));
	kmeans_attach(&member->kmeans, training.address, (const void *) sample.address);

	assigner = &member->assigner;
	row_assigner_set_worker(assigner, &worker);
	index_type_get(worker.index, &assigner->type);
	assigner->shared = &shared->rows;
	assigner->counts = build_worker_piece(&worker, PIECE_COUNTS);
	assigner->scan = build_worker_piece(&worker, PIECE_SCAN);
	assigner->search = member->kmeans.search;
	row_assigner_init(assigner);

	team = (BuildTeam){.shared = &shared->team, .run = run_chunk, .argument = member};
	build_team_serve(&team);

	build_memory_detach(&training);
	build_memory_detach(&sample);
	build_worker_end(&worker);
}
