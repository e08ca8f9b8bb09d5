/*
 * index/index_vacuum.h
 *		What the vacuum of an index is in every method: a memory context, the
 *		statistics.
 */
#ifndef INDEX_INDEX_VACUUM_H
#define INDEX_INDEX_VACUUM_H

#include "access/genam.h"

#include "storage/metapage.h"

/* What ambulkdelete is given, and counts */
typedef struct IndexDelete
{
	IndexVacuumInfo *info;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	IndexBulkDeleteResult *stats; /* num_index_tuples, tuples_removed are the method's to count */
} IndexDelete;

/* A method's part, in a memory context of its own. */
typedef void (*IndexDeleteFunction)(const IndexDelete *work);

/* ambulkdelete */
extern IndexBulkDeleteResult *
index_vacuum_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *callback_state,
					IndexDeleteFunction delete_rows);

/* amvacuumcleanup: `free_slots` of an array can be used again. */
extern IndexBulkDeleteResult *
index_vacuum_finish(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, PageArrayId array,
					uint32 free_slots);

#endif
