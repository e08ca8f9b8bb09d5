/*
 * hnsw/hnsw_build_load.c
 *		From the heap to nodes: rows sorted in locality order, equal vectors in one
 *		node, vectors written to the index, TIDs to a temporary file.
 *
 * Nothing here grows with the number of rows but the sort, which has what
 * maintenance_work_mem leaves, and temporary files.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_vector.h"
#include "index/locality.h"
#include "index/row_sort.h"

/* Vectors of the sample, and the share of maintenance_work_mem that they may take */
#define SAMPLE_ROWS			65536
#define SAMPLE_MEMORY_SHARE 4
#define SAMPLE_MEMORY_MAX	((Size) 128 * 1024 * 1024)
/* The sort's memory is what is left of maintenance_work_mem, but at least this (kB) */
#define SORT_MEMORY_MIN 64
/* Rows between two reports of progress */
#define PROGRESS_INTERVAL 4096

typedef struct LoadState
{
	HnswBuild *build;
	Locality locality;
	RowSort *sort;
	uint32 largest; /* vector, in bytes */
	void *vector;
	float *floats; /* the vector's, where it is something else */
} LoadState;

static void
train_locality(HnswBuild *build, Locality *locality)
{
	Size size = build->type.dimensions * sizeof(float);
	RowSample sample;
	Size memory = Min((Size) maintenance_work_mem * 1024 / SAMPLE_MEMORY_SHARE, SAMPLE_MEMORY_MAX);
	uint32 capacity = (uint32) Max(Min((Size) SAMPLE_ROWS, memory / size), 1);
	BuildMemory vectors;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build sample", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_CLUSTERING);
	row_sample_begin(&sample, build->heap, build->index, build->index_info, &build->type);
	build_memory_begin_writing(&vectors, capacity * size, SIZE_MAX, false);
	row_sample_take(&sample, capacity, &vectors);
	MemoryContextSwitchTo(old_context);
	locality_train(locality, &sample, build->type.dimensions);
	build_memory_free(&vectors);
	MemoryContextDelete(context);
}

/* The place of a row's vector in locality order */
static uint32
row_cell(const LoadState *state)
{
	const IndexType *type = &state->build->type;

	if (type->vector_type->to_floats == NULL)
		return 0;
	return locality_cell(&state->locality,
						 index_type_as_floats(type, state->vector, state->floats));
}

static void
load_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	LoadState *state = callback_state;
	HnswBuild *build = state->build;
	uint32 size;

	if (isnull[0] || !index_type_form_vector(&build->type, values[0], state->vector))
		return;
	size = index_type_used_size(&build->type, state->vector);
	state->largest = Max(state->largest, size);
	row_sort_add_sized(state->sort, row_cell(state), state->vector, size, tid);
	build->indexed_rows += 1;
	if (fmod(build->indexed_rows, PROGRESS_INTERVAL) == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->indexed_rows);
}

/* Append a node: its vector to the index, its TIDs to the file. */
static void
add_node(HnswBuild *build, const void *vector, HnswNodeRecord *record)
{
	if (build->node_count >= MAX_ORDINAL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" can't have more than %u nodes",
							   RelationGetRelationName(build->index), MAX_ORDINAL)));

	bulk_write_slot(build->writer, vector);
	BufFileWrite(build->nodes, record,
				 offsetof(HnswNodeRecord, tids) + record->tid_count * sizeof(ItemPointerData));
	if (!record->continuation)
		build->upper_count += hnsw_build_level(build->node_count, hnsw_meta(build->meta)->m);
	build->node_count++;
}

/* Group the sorted rows into nodes. */
static void
write_nodes(HnswBuild *build, RowSort *sort)
{
	Size size = build->type.vector_size;
	void *vector = palloc(size);
	void *node_vector = palloc(size);
	HnswNodeRecord record = {0};
	ItemPointerData tid;
	uint64 done = 0;

	bulk_write_begin_array(build->writer, PAGE_ARRAY_VECTORS);
	while (row_sort_next(sort, NULL, vector, &tid))
	{
		bool equal = record.tid_count > 0 && memcmp(vector, node_vector, size) == 0;

		if (!equal || record.tid_count == HNSW_NODE_TIDS)
		{
			if (record.tid_count > 0)
				add_node(build, node_vector, &record);
			record.continuation = equal;
			record.tid_count = 0;
			memcpy(node_vector, vector, size);
		}
		record.tids[record.tid_count++] = tid;

		if (++done % PROGRESS_INTERVAL == 0)
		{
			CHECK_FOR_INTERRUPTS();
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) done);
		}
	}
	if (record.tid_count > 0)
		add_node(build, node_vector, &record);
	bulk_write_end_array(build->writer);
	bulk_write_flush(build->writer);

	pfree(node_vector);
	pfree(vector);
}

void
hnsw_build_load(HnswBuild *build)
{
	LoadState state = {.build = build};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Size used;
	int left;

	if (build->type.vector_type->to_floats != NULL)
	{
		train_locality(build, &state.locality);
		state.floats = palloc(build->type.dimensions * sizeof(float));
	}

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_LOADING_VECTORS);
	used = MemoryContextMemAllocated(context, true) / 1024;
	state.vector = palloc(build->type.vector_size);
	left = maintenance_work_mem - (int) Min(used, (Size) maintenance_work_mem);
	state.sort = row_sort_begin(build->type.vector_size, Max(left, SORT_MEMORY_MIN));
	build->heap_rows = table_index_build_scan(build->heap, build->index, build->index_info, true,
											  true, load_row, &state, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build->indexed_rows);
	row_sort_perform(state.sort);

	/* The file outlives this context */
	MemoryContextSwitchTo(old_context);
	build->nodes = BufFileCreateTemp(false);
	if (build->type.vector_type->varying)
		page_array_init(&build->meta->arrays[PAGE_ARRAY_VECTORS],
						hnsw_vector_slot_size(&build->type, state.largest), false);
	write_nodes(build, state.sort);
	row_sort_end(state.sort);
	MemoryContextDelete(context);
}

void
hnsw_build_rewind_nodes(HnswBuild *build)
{
	if (BufFileSeek(build->nodes, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));
}

static void
read_exact(BufFile *file, void *to, size_t size)
{
	if (BufFileRead(file, to, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read from temporary file: unexpected end of file")));
}

void
hnsw_build_read_node(HnswBuild *build, HnswNodeRecord *record)
{
	read_exact(build->nodes, record, offsetof(HnswNodeRecord, tids));
	read_exact(build->nodes, record->tids, record->tid_count * sizeof(ItemPointerData));
}
