/*
 * index/index_vacuum.c
 *		The frame of a vacuum.
 */
#include "postgres.h"
#include "compat.h"

#include "utils/memutils.h"

#include "index/index_vacuum.h"
#include "storage/page_array.h"

IndexBulkDeleteResult *
index_vacuum_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *callback_state,
					IndexDeleteFunction delete_rows)
{
	IndexDelete work = {.info = info, .callback = callback, .callback_state = callback_state};
	MemoryContext context;
	MemoryContext outer;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	/* A vacuum short of memory comes more than once: the rows that are left are the last count. */
	stats->num_index_tuples = 0;
	work.stats = stats;

	context =
		AllocSetContextCreate(CurrentMemoryContext, "vectorstore vacuum", ALLOCSET_DEFAULT_SIZES);
	outer = MemoryContextSwitchTo(context);
	delete_rows(&work);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
	return stats;
}

IndexBulkDeleteResult *
index_vacuum_finish(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, PageArrayId array,
					uint32 free_slots)
{
	if (stats == NULL)
	{
		/* Nothing was deleted: the heap's count is the best there is. */
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = info->estimated_count;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->pages_free =
		page_array_blocks_for_slots(&storage_meta_get(info->index)->arrays[array], free_slots);
	return stats;
}
