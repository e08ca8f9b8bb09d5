/*
 * hnsw/hnsw_build.c
 *		CREATE INDEX: the pipeline of a build.
 *
 *		load     heap rows -> files by cell of locality -> vectors, TIDs of nodes
 *		encode   vectors (through the map) -> codes
 *		graph    edges in memory, shared memory or a mapped file
 *		write    edges, TIDs -> nodes, upper levels; metapage; sync
 *
 * The index's file is appended to and never rewritten, but for block 0.  What a
 * phase wrote, the next ones read through the map of that file, so a build holds
 * no vectors in memory of its own, and codes as far as hnsw_build_codes.c tells.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "index/index_build.h"
#include "index/index_meta.h"

/* Open what has been written; codes where the quantizer has any. */
static void
encode(HnswBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_ENCODING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->node_count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	build->map = built_array_map(build->index);
	hnsw_build_check_quantizer(build);
	hnsw_build_encode(build);
	hnsw_build_learn_lengths(build);
}

static void
build_graph(HnswBuild *build)
{
	int workers;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_BUILDING_GRAPH);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->node_count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	workers = hnsw_build_count_workers(build);
	hnsw_build_create_edges(build, workers > 0);
	hnsw_build_insert_nodes(build, workers);
	hnsw_build_link_lost_nodes(build);
	hnsw_build_free_codes(build);
}

static void
write_graph(HnswBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_WRITING_GRAPH);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	hnsw_build_write_graph(build);
}

IndexBuildResult *
hnsw_build(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	HnswBuild *build = palloc0(sizeof(HnswBuild));

	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->meta = palloc0(sizeof(IndexMeta));
	index_type_get(index, &build->type);
	hnsw_meta_init(index, &build->type, build->meta);

	build->writer = bulk_write_begin(index, build->meta, MAIN_FORKNUM);
	hnsw_build_load(build);
	hnsw_meta_set_rows(index, &build->type, build->indexed_rows, build->meta);
	if (build->node_count > 0)
	{
		encode(build);
		build_graph(build);
		write_graph(build);
		build_memory_free(&build->edges_memory);
	}
	BufFileClose(build->nodes);
	bulk_write_finish(build->writer);

	MemoryContextSwitchTo(old_context);
	result = index_build_finish(index, build->heap_rows, build->indexed_rows);
	MemoryContextDelete(context);
	return result;
}

void
hnsw_build_empty(Relation index)
{
	IndexMeta *meta = palloc0(sizeof(IndexMeta));
	IndexType type;

	index_type_get(index, &type);
	hnsw_meta_init(index, &type, meta);
	bulk_write_finish(bulk_write_begin(index, meta, INIT_FORKNUM));
	pfree(meta);
}
