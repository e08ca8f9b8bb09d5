/*
 * ivf/ivf_build_load.c
 *		From the heap to lists: each row's nearest centroid, rows sorted by list,
 *		vectors written to the index, entries to a temporary file.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/row_sort.h"
#include "ivf/ivf_build.h"

/* The sort's memory is what is left of maintenance_work_mem, but at least this (kB) */
#define SORT_MEMORY_MIN 64
/* Rows between two reports of progress */
#define PROGRESS_INTERVAL 4096

typedef struct LoadState
{
	IvfBuild *build;
	RowSort *sort;
	void *vector;
	float *floats;
} LoadState;

static void
load_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	LoadState *state = callback_state;
	IvfBuild *build = state->build;
	uint32 list;

	if (isnull[0] || !index_type_form_vector(&build->type, values[0], state->vector))
		return;
	list = centroids_nearest(
		&build->centroids, index_type_as_floats(&build->type, state->vector, state->floats), NULL);
	row_sort_add(state->sort, list, state->vector, tid);
	build->indexed_rows += 1;
	if (fmod(build->indexed_rows, PROGRESS_INTERVAL) == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->indexed_rows);
}

static void
add_slot(IvfBuild *build, const void *vector, IvfEntry *entry)
{
	if (build->ordinal_count >= MAX_ORDINAL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" can't have more than %u rows",
							   RelationGetRelationName(build->index), MAX_ORDINAL)));
	bulk_write_slot(build->writer, vector);
	BufFileWrite(build->entries, entry, sizeof(IvfEntry));
	build->ordinal_count++;
}

static void
write_rows(IvfBuild *build, RowSort *sort)
{
	void *vector = palloc(build->type.vector_size);
	void *zeros = palloc0(build->type.vector_size);
	IvfEntry entry = {.state = IVF_ENTRY_LIVE};
	IvfEntry empty = {.state = IVF_ENTRY_EMPTY};
	bool more;
	uint32 row_list;

	bulk_write_begin_array(build->writer, PAGE_ARRAY_VECTORS);
	more = row_sort_next(sort, &row_list, vector, &entry.tid);
	for (uint32 list = 0; list < build->centroids.count; list++)
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
			more = row_sort_next(sort, &row_list, vector, &entry.tid);
			if (build->ordinal_count % PROGRESS_INTERVAL == 0)
			{
				CHECK_FOR_INTERRUPTS();
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->ordinal_count);
			}
		}
		while (build->ordinal_count % IVF_BLOCK != 0)
			add_slot(build, zeros, &empty);
		extent->capacity = build->ordinal_count - extent->first;
	}
	bulk_write_end_array(build->writer);
	bulk_write_flush(build->writer);
	pfree(zeros);
	pfree(vector);
}

void
ivf_build_load(IvfBuild *build)
{
	LoadState state = {.build = build};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "ivf build load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_ASSIGNING);
	state.vector = palloc(build->type.vector_size);
	state.floats = palloc(build->type.dimensions * sizeof(float));
	state.sort =
		row_sort_begin(build->type.vector_size, Max(maintenance_work_mem, SORT_MEMORY_MIN));
	build->heap_rows = table_index_build_scan(build->heap, build->index, build->index_info, true,
											  true, load_row, &state, NULL);
	row_sort_perform(state.sort);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_LOADING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build->indexed_rows);

	/* What follows outlives this context */
	MemoryContextSwitchTo(old_context);
	build->extents = palloc0(build->centroids.count * sizeof(IvfExtent));
	build->entries = BufFileCreateTemp(false);
	write_rows(build, state.sort);
	row_sort_end(state.sort);
	MemoryContextDelete(context);
}
