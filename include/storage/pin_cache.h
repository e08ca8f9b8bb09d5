/*
 * storage/pin_cache.h
 *		Pages that a reader keeps pinned, so that it pays for each page once.
 *
 * What a pin costs is the look-up in the buffer mapping, not the lock: a scan
 * comes back to its pages, and a backend remembers for many blocks which buffer
 * held them last (ReadRecentBuffer verifies that).  The cache is bounded; when a
 * batch would not fit it is emptied first, so addresses of one batch stay valid.
 */
#ifndef STORAGE_PIN_CACHE_H
#define STORAGE_PIN_CACHE_H

#include "storage/metapage.h"

typedef struct PinCache PinCache;

/* Pins that one reader may hold, from the size of shared buffers and the number of backends. */
extern uint32 pin_cache_limit(Relation index);

extern PinCache *pin_cache_create(Relation index, uint32 limit);
extern void pin_cache_release(PinCache *cache);
extern void pin_cache_destroy(PinCache *cache);

/* The pinned buffer of a data block of an array; the page's kind has been checked. */
extern Buffer pin_cache_get(PinCache *cache, PageArrayId array, uint32 data_block);

/* The same for at most STORAGE_MAX_BATCH blocks, which are all pinned when it returns (the limit
 * must allow that). */
extern void pin_cache_get_batch(PinCache *cache, PageArrayId array, const uint32 *data_blocks,
								uint32 count, Buffer *buffers);

/* ReadBuffer(), by way of the buffer that held the block last: a pin of the caller's own. */
extern Buffer pin_cache_read_buffer(Relation index, BlockNumber block);

/* The buffer that held the block when this backend used it last; InvalidBuffer = unknown. */
extern Buffer pin_cache_recent(PinCache *cache, uint32 data_block);

/* Does the buffer, which need not be pinned, hold a valid page of this block at this moment? */
extern bool pin_cache_buffer_holds(PinCache *cache, Buffer buffer, uint32 data_block);

/*
 * Looking at pages without a pin, for what may be wrong now and then: codes, and lists of neighbors
 * whose ids are checked.
 *
 * A pin and an unpin write to the buffer's header three times and to tables of the backend; a look
 * only reads the header, before and after the page is read.  A buffer gets its new tag before its
 * new page is read into it, so a page whose buffer has the tag on both looks is the one that was
 * wanted, unless it went and came back to the same buffer in between.  The memory is there always.
 * On a primary alone: replay shows zeroed pages.
 */
typedef struct PageLook
{
	BlockNumber block;
	Buffer buffer;
	bool pinned; /* after all: the buffer was not known, or is near eviction */
} PageLook;

/* False for a temporary index. */
extern bool pin_cache_may_look(const PinCache *cache);

/* Find the buffers of at most STORAGE_MAX_BATCH blocks; pins are kept as by pin_cache_get_batch(). */
extern void pin_cache_look_batch(PinCache *cache, PageArrayId array, const uint32 *data_blocks,
								 uint32 count, PageLook *looks);

/* Ask for what a look at this buffer reads first. */
extern void pin_cache_touch_header(Buffer buffer);

/* Whether what was read since is what was wanted. */
extern bool pin_cache_looks_held(PinCache *cache, const PageLook *looks, uint32 count);

#endif
