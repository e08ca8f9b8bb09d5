/*
 * index/row_assign.c
 *		Heap rows to files by number, in batches.
 *
 * Vectors are formed one by one as the scan shows them; their numbers are found together, since
 * products of many vectors with many centroids are much faster (index/centroid_table.h).
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "index/row_assign.h"

/* Rows of a batch take at most this much, and are at least this many */
#define BATCH_MEMORY (1024 * 1024)
#define BATCH_MIN	 16

void
row_assign_shared_init(RowAssignShared *shared)
{
	SpinLockInit(&shared->mutex);
	pg_atomic_init_u64(&shared->rows_done, 0);
}

void
row_assign_share_files(RowAssignShared *shared, dsm_segment *segment)
{
	if (segment == NULL)
		return;
	shared->has_files = true;
	SharedFileSetInit(&shared->files, segment);
}

void
row_assigner_set_worker(RowAssigner *assigner, const BuildWorker *worker)
{
	assigner->heap = worker->heap;
	assigner->index = worker->index;
	assigner->index_info = BuildIndexInfo(worker->index);
	assigner->index_info->ii_Concurrent = worker->is_concurrent;
	assigner->process = ParallelWorkerNumber + 1;
}

void
row_assigner_count(const RowAssigner *assigner, double *heap_rows, double *indexed_rows)
{
	*heap_rows = assigner->shared->heap_rows;
	*indexed_rows = assigner->shared->indexed_rows;

	/* Snapshots older than such a row's newest version must not use the index (indcheckxmin) */
	if (assigner->shared->broken_hot_chain)
		assigner->index_info->ii_BrokenHotChain = true;
}

void
row_assigner_init(RowAssigner *assigner)
{
	const IndexType *type = &assigner->type;
	uint32 rows = Max(BATCH_MEMORY / type->vector_size, BATCH_MIN);

	assigner->writer = row_partition_writer_create(
		&assigner->shared->partitioning,
		assigner->shared->has_files ? &assigner->shared->files : NULL, assigner->process);
	assigner->batch = Min(centroid_search_batch(assigner->search), rows);
	assigner->vectors =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) assigner->batch * type->vector_size);
	assigner->floats = MemoryContextAllocHuge(
		CurrentMemoryContext, (Size) assigner->batch * type->dimensions * sizeof(float));
	assigner->pointers = palloc(assigner->batch * sizeof(float *));
	assigner->tids = palloc(assigner->batch * sizeof(ItemPointerData));
	assigner->numbers = palloc(assigner->batch * sizeof(uint32));
	assigner->scores = palloc(assigner->batch * sizeof(float));
}

static void
assign_batch(RowAssigner *assigner)
{
	const IndexType *type = &assigner->type;
	RowAssignShared *shared = assigner->shared;
	uint64 done;

	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < assigner->count; i++)
		assigner->pointers[i] =
			index_type_as_floats(type, assigner->vectors + (Size) i * type->vector_size,
								 assigner->floats + (Size) i * type->dimensions);
	centroid_search_run(assigner->search, &assigner->table, assigner->pointers, assigner->count,
						assigner->numbers, assigner->scores);
	for (uint32 i = 0; i < assigner->count; i++)
		row_partition_writer_add(assigner->writer, assigner->numbers[i], &assigner->tids[i],
								 assigner->vectors + (Size) i * type->vector_size);
	assigner->indexed_rows += assigner->count;
	done = pg_atomic_add_fetch_u64(&shared->rows_done, assigner->count);
	if (assigner->process == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) done);
	assigner->count = 0;
}

static void
take_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	RowAssigner *assigner = callback_state;
	const IndexType *type = &assigner->type;

	if (isnull[0] ||
		!index_type_form_vector(type, values[0],
								assigner->vectors + (Size) assigner->count * type->vector_size))
		return;
	assigner->tids[assigner->count++] = *tid;
	if (assigner->count == assigner->batch)
		assign_batch(assigner);
}

/* Add what this process found to the sums of all. */
static void
report_rows(RowAssigner *assigner, double heap_rows)
{
	RowAssignShared *shared = assigner->shared;
	const uint32 *counts = row_partition_writer_counts(assigner->writer);

	SpinLockAcquire(&shared->mutex);
	shared->heap_rows += heap_rows;
	shared->indexed_rows += assigner->indexed_rows;
	shared->broken_hot_chain |= assigner->index_info->ii_BrokenHotChain;
	for (uint32 number = 0; number < shared->partitioning.number_count; number++)
		assigner->counts[number] += counts[number];
	SpinLockRelease(&shared->mutex);
}

void
row_assigner_run(RowAssigner *assigner, void *table_memory)
{
	TableScanDesc scan = NULL;
	double heap_rows;

	/* The chunks of the job are processes: who takes two has nothing left to read */
	if (assigner->done)
		return;
	assigner->done = true;
	centroid_table_open(&assigner->table, table_memory);
	if (assigner->scan != NULL)
		scan = vs_table_beginscan_parallel(assigner->heap, assigner->scan);
	heap_rows = table_index_build_scan(assigner->heap, assigner->index, assigner->index_info, true,
									   assigner->process == 0, take_row, assigner, scan);
	if (assigner->count > 0)
		assign_batch(assigner);
	row_partition_writer_finish(assigner->writer);
	report_rows(assigner, heap_rows);
}

RowPartitionReader *
row_assigner_read(RowAssigner *assigner, int processes, Size memory)
{
	RowAssignShared *shared = assigner->shared;

	return row_partition_reader_create(&shared->partitioning, assigner->writer,
									   shared->has_files ? &shared->files : NULL, processes,
									   assigner->counts, memory);
}
