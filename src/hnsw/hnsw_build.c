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
 * neither vectors nor codes in memory of its own.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "storage/warmup.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"

/* Slots that are encoded between two checks for interrupts */
#define ENCODE_BATCH 64
/* Most vectors that a quantizer's parameters are trained on, and most memory for them */
#define TRAIN_VECTORS	  65536
#define PROGRESS_INTERVAL 4096

void
hnsw_build_source_init(HnswBuildSource *source, const IndexMeta *meta, FileMap *map,
					   const void *parameters)
{
	source->metric = (DistanceMetric) meta->metric;
	source->dimensions = meta->dimensions;
	source->ef_construction = hnsw_meta((IndexMeta *) meta)->ef_construction;
	source->quantizer = quantizer_routine((QuantizerKind) meta->quantizer);
	source->parameters = parameters;
	built_array_init(&source->vectors, map, &meta->arrays[PAGE_ARRAY_VECTORS]);
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size > 0)
		built_array_init(&source->codes, map, &meta->arrays[PAGE_ARRAY_CODES]);
	else
		source->codes = source->vectors;
}

typedef struct EncodeBatch
{
	HnswBuild *build;
	uint32 first;
	uint32 count;
	float *vector; /* a copy, where one crosses a page's end */
	char *codes;
	uint32 code_size;
} EncodeBatch;

static void
encode_section(void *argument)
{
	EncodeBatch *batch = argument;
	const HnswBuildSource *source = &batch->build->source;

	for (uint32 i = 0; i < batch->count; i++)
		source->quantizer->encode(
			source->parameters, built_array_slot(&source->vectors, batch->first + i, batch->vector),
			source->dimensions, batch->codes + (Size) i * batch->code_size);
}

static void
write_codes(HnswBuild *build)
{
	EncodeBatch batch = {.build = build};

	batch.code_size = build->meta->arrays[PAGE_ARRAY_CODES].slot_size;
	batch.vector = palloc(build->type.dimensions * sizeof(float));
	batch.codes = palloc0((Size) batch.code_size * ENCODE_BATCH);

	bulk_write_begin_array(build->writer, PAGE_ARRAY_CODES);
	for (batch.first = 0; batch.first < build->node_count; batch.first += batch.count)
	{
		CHECK_FOR_INTERRUPTS();
		batch.count = Min(build->node_count - batch.first, ENCODE_BATCH);
		mapped_read_call(encode_section, &batch);
		for (uint32 i = 0; i < batch.count; i++)
			bulk_write_slot(build->writer, batch.codes + (Size) i * batch.code_size);
		if (batch.first % PROGRESS_INTERVAL == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, batch.first);
	}
	bulk_write_end_array(build->writer);
	bulk_write_flush(build->writer);
	pfree(batch.codes);
	pfree(batch.vector);
}

typedef struct CopyVector
{
	const BuiltArray *vectors;
	uint32 ordinal;
	float *vector;
} CopyVector;

static void
copy_section(void *argument)
{
	CopyVector *copy = argument;
	const void *slot = built_array_slot(copy->vectors, copy->ordinal, copy->vector);

	if (slot != copy->vector)
		memcpy(copy->vector, slot, copy->vectors->slot_size);
}

/* Train the quantizer's parameters on vectors spread over the array, and write them. */
static void
train_parameters(HnswBuild *build)
{
	HnswBuildSource *source = &build->source;
	Size vector_size = source->dimensions * sizeof(float);
	Size memory = (Size) maintenance_work_mem * 1024 / 2;
	uint32 count = (uint32) Max(Min(memory / vector_size, TRAIN_VECTORS), 1);
	const float **sample;
	char *vectors;

	count = Min(count, build->node_count);
	build->parameters = palloc0(build->meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size);
	sample = palloc(Max(count, 1) * sizeof(float *));
	vectors = MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * vector_size);
	for (uint32 i = 0; i < count; i++)
	{
		CopyVector copy = {.vectors = &source->vectors};

		CHECK_FOR_INTERRUPTS();
		copy.ordinal = (uint32) ((uint64) i * build->node_count / count);
		copy.vector = (float *) (vectors + i * vector_size);
		mapped_read_call(copy_section, &copy);
		sample[i] = copy.vector;
	}
	source->quantizer->train(sample, count, source->dimensions, build->parameters);
	source->parameters = build->parameters;
	pfree(vectors);
	pfree(sample);

	bulk_write_begin_array(build->writer, PAGE_ARRAY_PARAMETERS);
	bulk_write_slot(build->writer, build->parameters);
	bulk_write_end_array(build->writer);
}

/* Open what has been written; codes where the quantizer has any. */
static void
encode(HnswBuild *build)
{
	IndexMeta *meta = build->meta;
	HnswBuildSource *source = &build->source;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_ENCODING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->node_count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	build->map = built_array_map(build->index);
	hnsw_build_source_init(source, meta, build->map, NULL);
	if (meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size > 0)
		train_parameters(build);
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size > 0)
		write_codes(build);
	hnsw_build_source_init(source, meta, build->map, build->parameters);
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
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
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
	if (build->node_count > 0)
	{
		encode(build);
		build_graph(build);
		write_graph(build);
		hnsw_build_free_edges(build);
	}
	BufFileClose(build->nodes);
	bulk_write_finish(build->writer);

	result->heap_tuples = build->heap_rows;
	result->index_tuples = build->indexed_rows;
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);

	/* What the relation cache knew of a file that was truncated is no longer true */
	if (index->rd_amcache != NULL)
		pfree(index->rd_amcache);
	index->rd_amcache = NULL;

	if (index_warmup_option(index) != WARMUP_NONE)
		warmup_request_at_commit(index);
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
