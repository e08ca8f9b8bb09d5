/*
 * hnsw/hnsw_build.c
 *		CREATE INDEX: the pipeline of a build.
 *
 *		load     heap rows -> sort in locality order -> vectors, TIDs of nodes
 *		encode   vectors (through the map) -> codes
 *		graph    edges in memory, shared memory or a mapped file
 *		write    edges, TIDs -> nodes, upper levels; metapage; sync
 *
 * The index's file is appended to and never rewritten, but for block 0.  What a
 * phase wrote, the next ones read through the map of that file, so a build holds
 * neither vectors nor codes in memory of its own; but where codes are to lie beside
 * the edges, which are not there yet, or are rabitq's, the graph is built on 8-bit
 * codes in memory or a temporary file.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "index/build_codes.h"
#include "index/index_build.h"
#include "index/index_meta.h"

void
hnsw_build_source_init(HnswBuildSource *source, const IndexType *type, const IndexMeta *meta,
					   FileMap *map, const void *parameters)
{
	source->type = *type;
	source->type.vector_size = source->type.query_size = meta->arrays[PAGE_ARRAY_VECTORS].slot_size;
	source->ef_construction = hnsw_meta((IndexMeta *) meta)->ef_construction;
	source->quantizer = index_meta_quantizer(meta);
	source->parameters = parameters;
	source->has_locality = type->vector_type->to_floats != NULL;
	built_array_init(&source->vectors, map, &meta->arrays[PAGE_ARRAY_VECTORS]);
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size > 0)
		built_array_init(&source->codes, map, &meta->arrays[PAGE_ARRAY_CODES]);
	else
		source->codes = source->vectors;
}

void
hnsw_build_source_use_codes(HnswBuildSource *source, const char *codes)
{
	source->quantizer = quantizer_routine(QUANTIZER_SQ8);
	source->parameters = NULL;
	built_array_init_in_memory(&source->codes, codes,
							   source->quantizer->code_size(source->type.dimensions));
}

/*
 * Whether the index's codes don't serve its build: there are none yet beside the edges, and codes that
 * can't be compared with one another are too coarse for a good choice of neighbors.
 */
static bool
needs_own_codes(const HnswBuild *build)
{
	const QuantizerRoutine *quantizer = build->source.quantizer;

	return hnsw_meta(build->meta)->edge_bits != 0 ||
		   (!quantizer->exact && quantizer->prepare_code == NULL);
}

/* Codes for the build alone, in the part of maintenance_work_mem that the edges leave. */
static void
make_own_codes(HnswBuild *build, const BuiltArray *vectors)
{
	Size memory = (Size) maintenance_work_mem * 1024;
	MemoryContext outer;

	build->codes_context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build codes", ALLOCSET_DEFAULT_SIZES);
	outer = MemoryContextSwitchTo(build->codes_context);
	memory -= Min(memory, hnsw_build_edges_size(build));
	build_codes_keep(&build->type, quantizer_routine(QUANTIZER_SQ8), vectors, build->node_count,
					 &build->codes_memory, memory, hnsw_build_count_workers(build) > 0);
	build->has_own_codes = true;
	hnsw_build_source_use_codes(&build->source, build->codes_memory.address);
	MemoryContextSwitchTo(outer);
}

/* Open what has been written; codes where the quantizer has any. */
static void
encode(HnswBuild *build)
{
	const IndexMeta *meta = build->meta;
	BuiltArray vectors;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_ENCODING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->node_count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	build->map = built_array_map(build->index);
	built_array_init(&vectors, build->map, &meta->arrays[PAGE_ARRAY_VECTORS]);
	build->parameters =
		build_codes_write(&build->type, meta, build->writer, &vectors, build->node_count);
	hnsw_build_source_init(&build->source, &build->type, meta, build->map, build->parameters);
	if (needs_own_codes(build))
		make_own_codes(build, &vectors);
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
	if (build->has_own_codes)
	{
		build_memory_free(&build->codes_memory);
		MemoryContextDelete(build->codes_context);
	}
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
