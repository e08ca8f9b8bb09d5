/*
 * ivf/ivf_build_load.c
 *		Rows in the order of lists: vectors to the index, entries to a temporary
 *		file until the codes are written.
 *
 * Within a list, rows are in the order of their TIDs.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "ivf/ivf_build.h"

/* Memory is what is left of maintenance_work_mem by buffers, but at least this */
#define LOAD_MEMORY_MIN ((Size) 64 * 1024)
/* Rows between two reports of progress */
#define PROGRESS_INTERVAL 4096

static void
add_slot(IvfBuild *build, const void *vector, IvfEntry *entry)
{
	if (build->ordinal_count >= MAX_ORDINAL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" can't have more than %u rows",
							   RelationGetRelationName(build->index), MAX_ORDINAL)));
	bulk_write_slot(build->writer, vector);
	BufFileWrite(build->entries, entry, sizeof(IvfEntry));
	if (++build->ordinal_count % PROGRESS_INTERVAL == 0)
	{
		CHECK_FOR_INTERRUPTS();
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->ordinal_count);
	}
}

static void
write_rows(IvfBuild *build, RowPartitionReader *rows)
{
	void *zeros = palloc0(build->type.vector_size);
	IvfEntry entry = {.state = IVF_ENTRY_LIVE};
	IvfEntry empty = {.state = IVF_ENTRY_EMPTY};
	const void *vector = NULL;
	uint32 row_list = 0;
	bool more;

	bulk_write_begin_array(build->writer, PAGE_ARRAY_VECTORS);
	more = row_partition_reader_next(rows, &row_list, &entry.tid, &vector);
	for (uint32 list = 0; list < build->lists; list++)
	{
		IvfExtent *extent = &build->extents[list];

		extent->list = list;
		extent->first = build->ordinal_count;
		extent->free_from = extent->first;
		extent->next = INVALID_ORDINAL;
		extent->tail = list;
		while (more && row_list == list)
		{
			add_slot(build, vector, &entry);
			extent->used++;
			more = row_partition_reader_next(rows, &row_list, &entry.tid, &vector);
		}
		while (build->ordinal_count % IVF_BLOCK != 0)
			add_slot(build, zeros, &empty);
		extent->capacity = build->ordinal_count - extent->first;
	}
	if (more)
		elog(ERROR, "row of list %u, but there are %u lists", row_list, build->lists);
	bulk_write_end_array(build->writer);
	bulk_write_flush(build->writer);
	pfree(zeros);
}

void
ivf_build_load(IvfBuild *build)
{
	Size memory = Max((Size) maintenance_work_mem * 1024 / 2, LOAD_MEMORY_MIN);
	RowPartitionReader *rows;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_LOADING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build->indexed_rows);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	build->extents = palloc0(build->lists * sizeof(IvfExtent));
	build->entries = BufFileCreateTemp(false);
	rows = row_assigner_read(&build->member.assigner, build->processes, memory);
	write_rows(build, rows);
	row_partition_reader_end(rows);
}
