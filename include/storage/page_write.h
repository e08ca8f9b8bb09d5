/*
 * storage/page_write.h
 *		The one way to change a page of an index.
 *
 * A PageWrite changes one array page, and with it, in the same generic WAL
 * record, the stamp of the page's group and the metapage's newest stamp where
 * they are not above the current redo pointer.  The metapage may be changed in
 * the same record (page_write_metapage), or alone.
 *
 *		page_write_begin(&write, index);
 *		page = page_write_page(&write, buffer, data_block, fresh, array);
 *		... change page ...
 *		page_write_finish(&write);
 *		UnlockReleaseBuffer(buffer);
 *
 * `buffer` is pinned and locked exclusively by the caller until after finish.
 * Stamping holds back the start of a checkpoint (DELAY_CHKPT_START) for the time
 * between the read of the redo pointer and the insertion of the record.
 */
#ifndef STORAGE_PAGE_WRITE_H
#define STORAGE_PAGE_WRITE_H

#include "storage/metapage.h"

typedef struct PageWrite
{
	Relation index;
	bool has_page;
	uint32 data_block;
	IndexMeta *meta; /* registered metapage, or NULL */
	Buffer meta_buffer;
} PageWrite;

extern void page_write_begin(PageWrite *write, Relation index);

/* Register the array page in `buffer`; at most one a write.  `fresh` pages are initialised. */
extern Page
page_write_page(PageWrite *write, Buffer buffer, uint32 data_block, bool fresh, uint16 array);

/*
 * The same for `length` bytes of an initialised page, from `offset` of the payload on: a copy of these,
 * which alone may be changed.  For single slots; the whole page is forty times as much to copy.
 */
extern char *
page_write_part(PageWrite *write, Buffer buffer, uint32 data_block, uint32 offset, uint32 length);

/* Register the metapage in `buffer` (locked exclusively by the caller); returns it to change. */
extern IndexMeta *page_write_metapage(PageWrite *write, Buffer buffer);

/* Stamp, write the WAL record, apply. */
extern void page_write_finish(PageWrite *write);

/* Drop the changes (so does the next page_write_begin, after an error). */
extern void page_write_abort(PageWrite *write);

/* An index was built, maybe in a file that was truncated: what is known of stamps may be wrong. */
extern void page_write_forget_stamps(void);

/* Log a new settle map page (growth of the file). */
extern void page_write_new_settle_map(Relation index, BlockNumber block);

#endif
