/*
 * index/bulk_write.h
 *		Writing the pages of a new index in order of their blocks, past shared
 *		buffers, WAL-logged where the relation is.
 *
 * A BulkWriter is given array slots in order of ordinals, array after array; it
 * lays them out (page_array.h), puts settle map pages where they belong, sets
 * checksums, logs full pages and extends the file.  bulk_write_finish() writes
 * the metapage's block and syncs the file.  Nothing else may touch the
 * relation's main fork meanwhile but reads through a FileMap of blocks that
 * bulk_write_flush() has written.
 *
 * The file must be empty (no blocks) at the start.  After an ERROR the writer's
 * memory goes with its context, and the file with the transaction.
 */
#ifndef INDEX_BULK_WRITE_H
#define INDEX_BULK_WRITE_H

#include "storage/metapage.h"

typedef struct BulkWriter BulkWriter;

/* Memory comes from the current context. */
extern BulkWriter *bulk_write_begin(Relation index, IndexMeta *meta, ForkNumber fork);

/*
 * Begin an array (its geometry is in meta): its slots follow in order.  bulk_write_end_array() adds
 * the run that they take to the array, and counts its blocks in meta->data_block_count.
 */
extern void bulk_write_begin_array(BulkWriter *writer, PageArrayId array);
extern void bulk_write_slot(BulkWriter *writer, const void *slot);
extern void bulk_write_end_array(BulkWriter *writer);

/* Everything written so far is in the file (page cache) when this returns. */
extern void bulk_write_flush(BulkWriter *writer);

/*
 * Set build_lsn, build_tli, base stamp and locator, write the metapage, sync.  Frees the writer.
 * The rest of meta is the caller's to have filled in.
 */
extern void bulk_write_finish(BulkWriter *writer);

#endif
