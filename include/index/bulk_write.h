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
 */
#ifndef INDEX_BULK_WRITE_H
#define INDEX_BULK_WRITE_H

#include "storage/metapage.h"

typedef struct BulkWriter BulkWriter;

extern BulkWriter *bulk_write_begin(Relation index, IndexMeta *meta, ForkNumber fork);

/* Begin an array: its slots follow in order.  Sets meta->arrays[array]'s one run when done. */
extern void bulk_write_begin_array(BulkWriter *writer, PageArrayId array);
extern void bulk_write_slot(BulkWriter *writer, const void *slot);
extern void bulk_write_end_array(BulkWriter *writer);

/* Everything written so far is in the file (page cache) when this returns. */
extern void bulk_write_flush(BulkWriter *writer);

/*
 * Set build_lsn, build_tli, base stamp and locator, write the metapage, sync.  Frees the writer.
 */
extern void bulk_write_finish(BulkWriter *writer);

#endif
