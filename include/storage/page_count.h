/*
 * storage/page_count.h
 *		How many distinct pages a search reads: vectorstore.log_search_pages.
 *
 * What a search costs while memory does not hold the index, and in buffer_pool mode always, goes by
 * the pages that it touches.  Counting is for measuring: a reader that counts fetches every slot by
 * the general functions, where the ways that need no look-up of a page would not be seen.
 */
#ifndef STORAGE_PAGE_COUNT_H
#define STORAGE_PAGE_COUNT_H

#include "storage/vector_store.h"

/* From _PG_init: the setting. */
extern void page_count_init(void);

/* A reader with a snapshot begins: reader->page_count if the setting is on, NULL otherwise. */
extern void page_count_begin(StorageReader *reader);

/* Log what was read since the last call, if anything, and forget it. */
extern void page_count_report(StorageReader *reader);

#endif
