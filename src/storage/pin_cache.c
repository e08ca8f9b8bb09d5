/*
 * storage/pin_cache.c
 *		Pages kept pinned by a reader, and the backend's memory of which buffer
 *		held a block last.
 *
 * Both tables are keyed by block; the second one is direct-mapped, survives
 * scans and is a hint only (ReadRecentBuffer compares the buffer's tag).  Local
 * buffers of temporary indexes go without it.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/buf_internals.h"
#include "storage/pin_cache.h"
#include "storage/vector_store.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define MIN_PINS 1
#define MAX_PINS 1024

#define RECENT_BUFFERS 65536

typedef struct PinnedPage
{
	Buffer buffer; /* InvalidBuffer = free */
	uint32 data_block;
} PinnedPage;

struct PinCache
{
	Relation index;
	uint32 limit;
	uint32 count;
	uint32 mask;
	uint32 locator_hash;
	bool use_recent;
	PinnedPage *pages; /* open addressing by data block */
	uint32 *taken;	   /* the places in `pages` that are taken, `count` of them */
};

typedef struct RecentBuffer
{
	BlockNumber block;
	Buffer buffer;
} RecentBuffer;

static RecentBuffer *recent_buffers = NULL;

uint32
pin_cache_limit(Relation index)
{
	int buffers = RelationUsesLocalBuffers(index) ? num_temp_buffers : NBuffers;
	int share = RelationUsesLocalBuffers(index) ? buffers / 4 : buffers / Max(MaxBackends, 1);

	return (uint32) Min(Max(share, MIN_PINS), MAX_PINS);
}

PinCache *
pin_cache_create(Relation index, uint32 limit)
{
	PinCache *cache = palloc(sizeof(PinCache));
	uint32 capacity = pg_nextpower2_32(limit * 2);

	cache->index = index;
	cache->limit = limit;
	cache->count = 0;
	cache->mask = capacity - 1;
	cache->locator_hash = (uint32) vs_locator_relation(vs_relation_locator(index)) * 0x9E3779B1U;
	cache->use_recent = !RelationUsesLocalBuffers(index);
	cache->pages = palloc0(capacity * sizeof(PinnedPage));
	cache->taken = palloc(limit * sizeof(uint32));

	if (cache->use_recent && recent_buffers == NULL)
		recent_buffers =
			MemoryContextAllocZero(TopMemoryContext, RECENT_BUFFERS * sizeof(RecentBuffer));
	return cache;
}

void
pin_cache_release(PinCache *cache)
{
	for (uint32 i = 0; i < cache->count; i++)
	{
		PinnedPage *page = &cache->pages[cache->taken[i]];

		ReleaseBuffer(page->buffer);
		page->buffer = InvalidBuffer;
	}
	cache->count = 0;
}

void
pin_cache_destroy(PinCache *cache)
{
	pin_cache_release(cache);
	pfree(cache->pages);
	pfree(cache->taken);
	pfree(cache);
}

static void
pin_cache_reserve(PinCache *cache, uint32 pages)
{
	if (cache->count + pages > cache->limit)
		pin_cache_release(cache);
}

static inline uint32
hash_block(uint32 data_block)
{
	return data_block * 0x9E3779B1U;
}

static inline RecentBuffer *
recent_entry(PinCache *cache, BlockNumber block)
{
	return &recent_buffers[(hash_block(block) ^ cache->locator_hash) >> 16];
}

Buffer
pin_cache_recent(PinCache *cache, uint32 data_block)
{
	BlockNumber block = storage_block_of_data_block(data_block);
	const RecentBuffer *recent;

	if (!cache->use_recent)
		return InvalidBuffer;
	recent = recent_entry(cache, block);
	return recent->block == block ? recent->buffer : InvalidBuffer;
}

/* The cache's slot for a block: its page, or the free slot where it belongs. */
static inline PinnedPage *
find(PinCache *cache, uint32 data_block)
{
	uint32 at = (hash_block(data_block) >> 8) & cache->mask;

	while (BufferIsValid(cache->pages[at].buffer) && cache->pages[at].data_block != data_block)
		at = (at + 1) & cache->mask;
	return &cache->pages[at];
}

static void
prefetch_descriptors(PinCache *cache, const uint32 *data_blocks, uint32 count)
{
	if (!cache->use_recent)
		return;
	for (uint32 i = 0; i < count; i++)
	{
		RecentBuffer *entry = recent_entry(cache, storage_block_of_data_block(data_blocks[i]));

		if (BufferIsValid(entry->buffer))
			__builtin_prefetch(GetBufferDescriptor(entry->buffer - 1));
	}
}

static Buffer
pin_block(PinCache *cache, BlockNumber block)
{
	RecentBuffer *recent;
	Buffer buffer;

	if (!cache->use_recent)
		return ReadBuffer(cache->index, block);

	recent = recent_entry(cache, block);
	if (BufferIsValid(recent->buffer) && recent->block == block &&
		ReadRecentBuffer(vs_relation_locator(cache->index), MAIN_FORKNUM, block, recent->buffer))
		return recent->buffer;

	buffer = ReadBuffer(cache->index, block);
	recent->block = block;
	recent->buffer = buffer;
	return buffer;
}

/* Replay of a full-page image shows a zeroed page as valid for a moment: lock to look. */
static void
check_page(PinCache *cache, PageArrayId array, uint32 data_block, Buffer buffer)
{
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	storage_page_check(cache->index, BufferGetPage(buffer), storage_block_of_data_block(data_block),
					   STORAGE_PAGE_ARRAY, array);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

/* The cache's page for a block, pinned now if it was not; `*added` tells that. */
static Buffer
pin_page(PinCache *cache, uint32 data_block, bool *added)
{
	PinnedPage *entry = find(cache, data_block);

	*added = false;
	if (BufferIsValid(entry->buffer))
		return entry->buffer;
	if (cache->count >= cache->limit)
	{
		pin_cache_release(cache);
		entry = find(cache, data_block);
	}
	*added = true;
	entry->buffer = pin_block(cache, storage_block_of_data_block(data_block));
	entry->data_block = data_block;
	cache->taken[cache->count++] = (uint32) (entry - cache->pages);
	return entry->buffer;
}

Buffer
pin_cache_get(PinCache *cache, PageArrayId array, uint32 data_block)
{
	bool added;
	Buffer buffer = pin_page(cache, data_block, &added);

	if (added)
		check_page(cache, array, data_block, buffer);
	return buffer;
}

void
pin_cache_get_batch(PinCache *cache, PageArrayId array, const uint32 *data_blocks, uint32 count,
					Buffer *buffers)
{
	bool added[STORAGE_MAX_BATCH];

	/* All look-ups first, so that the cache misses of the checks overlap. */
	pin_cache_reserve(cache, count);
	prefetch_descriptors(cache, data_blocks, count);
	for (uint32 i = 0; i < count; i++)
	{
		buffers[i] = pin_page(cache, data_blocks[i], &added[i]);
		if (added[i])
			__builtin_prefetch(BufferGetPage(buffers[i]) + BLCKSZ -
							   MAXALIGN(sizeof(StoragePageOpaque)));
	}
	for (uint32 i = 0; i < count; i++)
	{
		if (added[i])
			check_page(cache, array, data_blocks[i], buffers[i]);
	}
}
