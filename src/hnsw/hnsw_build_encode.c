/*
 * hnsw/hnsw_build_encode.c
 *		The codes of a build: the index's, those that it makes for itself, and a copy
 *		of the index's for its searches, all made in one pass by leader and workers.
 *
 * Workers map the vectors that the leader has written, as those do that build the
 * graph.  What is made of which codes, and why, hnsw_build_codes.c tells.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "index/build_codes.h"
#include "index/build_workers.h"
#include "index/index_meta.h"

/* What workers are given */
#define PIECE_STATE		 0
#define PIECE_META		 1
#define PIECE_PARAMETERS 2
#define PIECE_PLACES	 3
#define PIECE_COUNT		 4

typedef struct EncodeState
{
	BuildCodesPlan plan;
	OrderedChunksShared chunks;
} EncodeState;

extern PGDLLEXPORT void hnsw_build_encode_main(dsm_segment *segment, shm_toc *toc);

static void
make_alone(HnswBuild *build, const BuildCodesPlan *plan, const BuiltArray *vectors,
		   const BuildCodesTarget *targets)
{
	OrderedChunksShared shared;
	char *place = palloc0(build_codes_place_size(plan));

	ordered_chunks_init(&shared, plan->chunk_count, 1, build_codes_place_size(plan));
	build_codes_make(plan, &build->type, vectors, build->parameters, &shared, place, targets);
	pfree(place);
}

static void
make_with_workers(HnswBuild *build, int workers, const BuildCodesPlan *plan,
				  const BuiltArray *vectors, const BuildCodesTarget *targets)
{
	Size parameters_size =
		build->parameters != NULL ? build->meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size : 0;
	uint32 places = ordered_chunks_places(workers + 1);
	BuildPiece pieces[PIECE_COUNT] = {
		[PIECE_STATE] = {.size = sizeof(EncodeState)},
		[PIECE_META] = {.size = sizeof(IndexMeta), .content = build->meta},
		[PIECE_PARAMETERS] = {.size = parameters_size, .content = build->parameters},
		[PIECE_PLACES] = {.size = places * build_codes_place_size(plan)},
	};
	ParallelContext *context;
	EncodeState *state;

	context = build_workers_prepare(build->heap, build->index, build->index_info,
									"hnsw_build_encode_main", workers, pieces, PIECE_COUNT);
	state = pieces[PIECE_STATE].address;
	state->plan = *plan;
	ordered_chunks_init(&state->chunks, plan->chunk_count, places, build_codes_place_size(plan));
	LaunchParallelWorkers(context);
	build_codes_make(plan, &build->type, vectors, build->parameters, &state->chunks,
					 pieces[PIECE_PLACES].address, targets);
	build_workers_finish(context);
}

void
hnsw_build_encode_main(dsm_segment *segment, shm_toc *toc)
{
	const IndexMeta *meta;
	EncodeState *state;
	BuiltArray vectors;
	BuildWorker worker;
	IndexType type;

	build_worker_begin(&worker, toc);
	state = build_worker_piece(&worker, PIECE_STATE);
	meta = build_worker_piece(&worker, PIECE_META);
	index_type_get(worker.index, &type);
	built_array_init(&vectors, built_array_map(worker.index), &meta->arrays[PAGE_ARRAY_VECTORS]);
	build_codes_help(&state->plan, &type, &vectors, build_worker_piece(&worker, PIECE_PARAMETERS),
					 &state->chunks, build_worker_piece(&worker, PIECE_PLACES));
	build_worker_end(&worker);
}

/* Add the index's codes, and the copy, if there are such and if there is room. */
static void
add_index_codes(HnswBuild *build, BuildCodesPlan *plan, BuildCodesTarget *targets, bool parallel)
{
	uint32 slot_size = build->meta->arrays[PAGE_ARRAY_CODES].slot_size;
	Size limit = (Size) maintenance_work_mem * 1024;
	Size size = (Size) slot_size * build->node_count;
	Size used = hnsw_build_edges_size(build);
	uint32 kind;

	if (slot_size == 0)
		return;
	kind = build_codes_plan_add(plan, index_meta_quantizer(build->meta)->kind, slot_size);
	targets[kind].writer = build->writer;
	if (build->has_own_codes)
		used += hnsw_build_own_codes_size(build);
	if (!hnsw_build_searches_index_codes(build) || used + size > limit)
		return;
	build_memory_begin_writing(&build->copied_codes, size, limit, parallel);
	build->has_copied_codes = true;
	targets[kind].memory = &build->copied_codes;
}

static void
add_own_codes(HnswBuild *build, BuildCodesPlan *plan, BuildCodesTarget *targets, bool parallel)
{
	Size memory = (Size) maintenance_work_mem * 1024;
	uint32 kind;

	if (!build->has_own_codes)
		return;
	memory -= Min(memory, hnsw_build_edges_size(build));
	kind = build_codes_plan_add(
		plan, HNSW_BUILD_OWN_QUANTIZER,
		quantizer_routine(HNSW_BUILD_OWN_QUANTIZER)->code_size(build->type.dimensions));
	build_memory_begin_writing(&build->own_codes, hnsw_build_own_codes_size(build), memory,
							   parallel);
	targets[kind].memory = &build->own_codes;
}

void
hnsw_build_encode(HnswBuild *build)
{
	const IndexMeta *meta = build->meta;
	int workers = hnsw_build_count_workers(build);
	BuildCodesTarget targets[BUILD_CODES_MAX] = {{0}};
	BuildCodesPlan plan;
	BuiltArray vectors;
	MemoryContext outer;

	built_array_init(&vectors, build->map, &meta->arrays[PAGE_ARRAY_VECTORS]);
	build->parameters =
		build_codes_train(&build->type, meta, build->writer, &vectors, build->node_count);

	build->codes_context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build codes", ALLOCSET_DEFAULT_SIZES);
	outer = MemoryContextSwitchTo(build->codes_context);
	build->has_own_codes =
		hnsw_build_needs_own_codes(build) && hnsw_build_codes_fit(build, &vectors);
	build_codes_plan_init(&plan, build->node_count);
	add_index_codes(build, &plan, targets, workers > 0);
	add_own_codes(build, &plan, targets, workers > 0);
	MemoryContextSwitchTo(outer);

	if (plan.kinds > 0)
	{
		bool in_index = meta->arrays[PAGE_ARRAY_CODES].slot_size > 0;

		if (in_index)
			bulk_write_begin_array(build->writer, PAGE_ARRAY_CODES);
		if (workers > 0)
			make_with_workers(build, workers, &plan, &vectors, targets);
		else
			make_alone(build, &plan, &vectors, targets);
		if (in_index)
			bulk_write_end_array(build->writer);
	}
	bulk_write_flush(build->writer);

	/* What the memory maps goes with the codes */
	MemoryContextSwitchTo(build->codes_context);
	if (build->has_own_codes)
		build_memory_end_writing(&build->own_codes);
	if (build->has_copied_codes)
		build_memory_end_writing(&build->copied_codes);
	MemoryContextSwitchTo(outer);

	hnsw_build_source_init(&build->source, &build->type, meta, build->map, build->parameters);
	if (build->has_own_codes)
		hnsw_build_source_use_codes(&build->source, build->own_codes.address);
	if (build->has_copied_codes)
		hnsw_build_source_use_copies(&build->source, build->copied_codes.address);
}
