/*
 * storage/buffer_peek.c
 *		Copying slots out of shared buffers without a pin and without a lock.
 *
 * Shared buffers are always mapped, so reading a buffer that is not pinned can't
 * fail; it can only give bytes of another page.  A buffer gets another page in this
 * order: its tag changes and it ceases to be valid, then its bytes change, then it
 * becomes valid.  So bytes that were copied while the tag was the same and the buffer
 * valid, before and after, are that page's.
 *
 * Not in recovery, where replay shows pages zeroed for a moment, nor for local
 * buffers.  Since a look like this does not count as a use of the buffer, every few of
 * them are left to be made with a pin, or the pages that are used most would be
 * evicted as if nobody needed them.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include "port/atomics.h"
#include "storage/buf_internals.h"
#include "storage/buffer_peek.h"
#include "storage/pin_cache.h"

/* Of so many looks one is made with a pin */
#define LOOKS_PER_PIN 16

bool
buffer_peek_is_allowed(const StorageReader *reader)
{
	return !RelationUsesLocalBuffers(reader->index) && !RecoveryInProgress();
}

bool
buffer_peek_copy(StorageReader *reader, PageArrayId array, uint32 data_block, uint32 offset,
				 uint32 length, char *to)
{
	Buffer buffer = pin_cache_recent(reader->pins, data_block);
	StoragePageOpaque opaque;
	Page page;

	if (!BufferIsValid(buffer) || ++reader->looks % LOOKS_PER_PIN == 0)
		return false;
	if (!pin_cache_buffer_holds(reader->pins, buffer, data_block))
		return false;
	pg_read_barrier();
	page = BufferGetPage(buffer);
	memcpy(to, storage_page_payload(page) + offset, length);
	memcpy(&opaque, page + BLCKSZ - MAXALIGN(sizeof(opaque)), sizeof(opaque));
	pg_read_barrier();
	return pin_cache_buffer_holds(reader->pins, buffer, data_block) &&
		   opaque.page_id == STORAGE_PAGE_ID && opaque.kind == STORAGE_PAGE_ARRAY &&
		   opaque.array == array;
}

void
buffer_peek_prefetch_descriptor(StorageReader *reader, uint32 data_block)
{
	Buffer buffer = pin_cache_recent(reader->pins, data_block);

	if (BufferIsValid(buffer))
		__builtin_prefetch(GetBufferDescriptor(buffer - 1));
}

void
buffer_peek_prefetch_slot(StorageReader *reader, uint32 data_block, uint32 offset, uint32 length)
{
	Buffer buffer = pin_cache_recent(reader->pins, data_block);
	const char *page;

	if (!BufferIsValid(buffer))
		return;
	page = BufferGetPage(buffer);
	for (uint32 at = 0; at < length; at += PG_CACHE_LINE_SIZE / 2)
		__builtin_prefetch(page + STORAGE_PAYLOAD_OFFSET + offset + at);
	__builtin_prefetch(page + BLCKSZ - MAXALIGN(sizeof(StoragePageOpaque)));
}
