/*
 * hnsw/hnsw_build_load.c
 *		From rows to nodes: rows in locality order, equal vectors in one node,
 *		vectors written to the index, TIDs to a temporary file.
 *
 * Rows come through files by cell, into which all processes of the build put them
 * (hnsw_build_rows.c).  Vectors of varying size, which have no cells, are sorted by a
 * tuplesort, and read by the leader alone.  Nothing here grows with the number of rows but
 * temporary files.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_vector.h"
#include "index/row_sort.h"

/* Memory in which rows are sorted, at least */
#define LOAD_MEMORY_MIN ((Size) 64 * 1024)
/* Rows between two reports of progress */
#define PROGRESS_INTERVAL 4096

/* Rows in order: one of the two */
typedef struct SortedRows
{
	RowPartitionReader *reader;
	RowSort *sort;
	void *vector; /* the sort's */
} SortedRows;

/* Vectors of varying size on their way to the sort */
typedef struct VaryingLoad
{
	HnswBuild *build;
	RowSort *sort;
	uint32 largest; /* vector, in bytes */
	void *vector;
} VaryingLoad;

static void
sort_varying_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
				 void *callback_state)
{
	VaryingLoad *load = callback_state;
	HnswBuild *build = load->build;
	uint32 size;

	if (isnull[0] || !index_type_form_vector(&build->type, values[0], load->vector))
		return;
	size = index_type_used_size(&build->type, load->vector);
	load->largest = Max(load->largest, size);
	row_sort_add_sized(load->sort, 0, load->vector, size, tid);
	build->indexed_rows += 1;
	if (fmod(build->indexed_rows, PROGRESS_INTERVAL) == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->indexed_rows);
}

static RowSort *
sort_varying(HnswBuild *build, Size memory)
{
	VaryingLoad load = {.build = build};

	load.vector = palloc(build->type.vector_size);
	load.sort = row_sort_begin(build->type.vector_size, (int) (memory / 1024));
	build->heap_rows = table_index_build_scan(build->heap, build->index, build->index_info, true,
											  true, sort_varying_row, &load, NULL);
	row_sort_perform(load.sort);
	page_array_init(&build->meta->arrays[PAGE_ARRAY_VECTORS],
					hnsw_vector_slot_size(&build->type, load.largest), false);
	pfree(load.vector);
	return load.sort;
}

/* The next row's vector, valid until the next call; NULL at the end. */
static const void *
next_row(const SortedRows *rows, ItemPointer tid)
{
	const void *vector;
	uint32 cell;

	if (rows->reader != NULL)
		return row_partition_reader_next(rows->reader, &cell, tid, &vector) ? vector : NULL;
	return row_sort_next(rows->sort, NULL, rows->vector, tid) ? rows->vector : NULL;
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
write_nodes(HnswBuild *build, const SortedRows *rows)
{
	Size size = build->type.vector_size;
	void *node_vector = palloc(size);
	HnswNodeRecord record = {0};
	ItemPointerData tid;
	const void *vector;
	uint64 done = 0;

	bulk_write_begin_array(build->writer, PAGE_ARRAY_VECTORS);
	while ((vector = next_row(rows, &tid)) != NULL)
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
}

static void
begin_phase(double rows)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_LOADING_VECTORS);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) rows);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
}

void
hnsw_build_load(HnswBuild *build)
{
	Size memory = Max((Size) maintenance_work_mem * 1024 / 2, LOAD_MEMORY_MIN);
	SortedRows rows = {0};
	HnswRows *processes = NULL;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);

	if (build->type.vector_type->varying)
	{
		begin_phase(0);
		rows.sort = sort_varying(build, memory);
		rows.vector = palloc(build->type.vector_size);
	}
	else
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_CLUSTERING);
		processes = hnsw_rows_begin(build);
		begin_phase(hnsw_rows_estimate(processes));
		rows.reader = hnsw_rows_read(processes, build, memory);
	}
	begin_phase(build->indexed_rows);

	/* The file outlives this context */
	MemoryContextSwitchTo(old_context);
	build->nodes = BufFileCreateTemp(false);
	write_nodes(build, &rows);
	if (rows.sort != NULL)
		row_sort_end(rows.sort);
	else
	{
		row_partition_reader_end(rows.reader);
		hnsw_rows_end(processes);
	}
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
