/*
 * storage/page_record.h
 *		Changes of up to four pages as one generic WAL record.
 *
 * What GenericXLogStart, RegisterBuffer and Finish do, in the same order and with
 * the same record (replay is PostgreSQL's own, generic_redo), for pages without a
 * hole.  It is done here because theirs compares pages byte by byte, copies each
 * twice and allocates 64 kB for it: most of what an insert that writes twenty
 * small changes would cost.
 *
 *		page_record_begin();
 *		page = page_record_add(buffer, fresh);
 *		... change page, which is a copy ...
 *		page_record_finish(index);
 *
 * Buffers are pinned and locked exclusively by the caller until after finish.  A
 * backend has one record in the making at most.
 */
#ifndef STORAGE_PAGE_RECORD_H
#define STORAGE_PAGE_RECORD_H

#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

/* Forget what was added to a record that was never finished (an error came in between). */
extern void page_record_begin(void);

/*
 * Copy of a buffer's page, to be changed.  A `fresh` page is logged whole.  The same copy again where
 * the buffer was added before.
 */
extern Page page_record_add(Buffer buffer, bool fresh);

/* Copy of a part of it, of which alone bytes may be changed. */
extern char *page_record_add_part(Buffer buffer, uint32 offset, uint32 length);

/* Log the differences, where the index is WAL-logged, and apply them. */
extern void page_record_finish(Relation index);

#endif
