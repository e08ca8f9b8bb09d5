/*
 * storage/pin_cache.c
 *		Pages kept pinned by a reader, and the backend's memory of which buffer
 *		held a block last.
 *
 * Both tables are keyed by block; the second one survives scans and is a hint only
 * (ReadRecentBuffer compares the buffer's tag).  Local buffers of temporary indexes
 * go without it.
 */
#include "postgres.h"
#include "compat.h"

#include "executor/instrument.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/buf_internals.h"
#include "storage/pin_cache.h"
#include "storage/vector_store.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define MIN_PINS 1
#define MAX_PINS 1024

#define RECENT_SETS 16384
#define RECENT_WAYS 4

/*
 * A page is looked at without a pin only while its buffer is safe from eviction for some rounds of
 * the clock: looks don't count as uses, pins do.
 */
#define LEAST_USAGE_FOR_LOOK 3

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
	BufferTag tag;	   /* of the index, but for the block */
	PinnedPage *pages; /* open addressing by data block */
	uint32 *taken;	   /* the places in `pages` that are taken, `count` of them */
};

typedef struct RecentBuffer
{
	BlockNumber block;
	Buffer buffer;
} RecentBuffer;

/* Sets of RECENT_WAYS; the newest of a set comes first. */
static RecentBuffer *recent_buffers = NULL;

uint32
pin_cache_limit(Relation index)
{
	int buffers = RelationUsesLocalBuffers(index) ? num_temp_buffers : NBuffers;
	int share = RelationUsesLocalBuffers(index) ? buffers / 4 : buffers / Max(MaxBackends, 1);

	return (uint32) Min(Max(share, MIN_PINS), MAX_PINS);
}

static void
create_recent(void)
{
	if (recent_buffers == NULL)
		recent_buffers = MemoryContextAllocZero(TopMemoryContext,
												RECENT_SETS * RECENT_WAYS * sizeof(RecentBuffer));
}

static inline uint32
hash_locator(VsRelFileLocator locator)
{
	return (uint32) vs_locator_relation(locator) * 0x9E3779B1U;
}

PinCache *
pin_cache_create(Relation index, uint32 limit)
{
	VsRelFileLocator locator = vs_relation_locator(index);
	PinCache *cache = palloc(sizeof(PinCache));
	uint32 capacity = pg_nextpower2_32(limit * 2);

	cache->index = index;
	cache->limit = limit;
	cache->count = 0;
	cache->mask = capacity - 1;
	cache->locator_hash = hash_locator(locator);
	cache->use_recent = !RelationUsesLocalBuffers(index);
	vs_buffer_tag_init(&cache->tag, locator, MAIN_FORKNUM, 0);
	cache->pages = palloc0(capacity * sizeof(PinnedPage));
	cache->taken = palloc(limit * sizeof(uint32));

	if (cache->use_recent)
		create_recent();
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
recent_set(PinCache *cache, BlockNumber block)
{
	return &recent_buffers[((hash_block(block) ^ cache->locator_hash) >> 18) * RECENT_WAYS];
}

/* The buffer that held the block last, InvalidBuffer if that is not known. */
static inline Buffer
find_recent(PinCache *cache, BlockNumber block)
{
	const RecentBuffer *set = recent_set(cache, block);

	for (int i = 0; i < RECENT_WAYS; i++)
	{
		if (set[i].block == block && BufferIsValid(set[i].buffer))
			return set[i].buffer;
	}
	return InvalidBuffer;
}

static void
remember_recent(PinCache *cache, BlockNumber block, Buffer buffer)
{
	RecentBuffer *set = recent_set(cache, block);
	int at = 0;

	while (at < RECENT_WAYS - 1 && set[at].block != block)
		at++;
	memmove(&set[1], &set[0], at * sizeof(RecentBuffer));
	set[0] = (RecentBuffer){.block = block, .buffer = buffer};
}

Buffer
pin_cache_recent(PinCache *cache, uint32 data_block)
{
	if (!cache->use_recent)
		return InvalidBuffer;
	return find_recent(cache, storage_block_of_data_block(data_block));
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
		Buffer buffer = find_recent(cache, storage_block_of_data_block(data_blocks[i]));

		if (BufferIsValid(buffer))
			__builtin_prefetch(GetBufferDescriptor(buffer - 1));
	}
}

static Buffer
pin_block(PinCache *cache, BlockNumber block)
{
	Buffer buffer;

	if (!cache->use_recent)
		return ReadBuffer(cache->index, block);

	/* ReadRecentBuffer does not count as a use (until 17, at least), ReadBuffer does. */
	buffer = find_recent(cache, block);
	if (BufferIsValid(buffer) &&
		BUF_STATE_GET_USAGECOUNT(vs_buffer_state(GetBufferDescriptor(buffer - 1))) >=
			LEAST_USAGE_FOR_LOOK &&
		ReadRecentBuffer(vs_relation_locator(cache->index), MAIN_FORKNUM, block, buffer))
		return buffer;

	buffer = ReadBuffer(cache->index, block);
	remember_recent(cache, block, buffer);
	return buffer;
}

Buffer
pin_cache_read_buffer(Relation index, BlockNumber block)
{
	PinCache cache = {.index = index,
					  .locator_hash = hash_locator(vs_relation_locator(index)),
					  .use_recent = !RelationUsesLocalBuffers(index)};

	if (cache.use_recent)
		create_recent();
	return pin_block(&cache, block);
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

/* Does the buffer hold the block, as far as that can be told without a pin? */
static inline bool
holds_block(PinCache *cache, Buffer buffer, BlockNumber block, uint32 least_usage)
{
	BufferDesc *descriptor = GetBufferDescriptor(buffer - 1);
	BufferTag tag = cache->tag;

	tag.blockNum = block;
	return (vs_buffer_state(descriptor) & BM_VALID) != 0 &&
		   BUF_STATE_GET_USAGECOUNT(vs_buffer_state(descriptor)) >= least_usage &&
		   vs_buffer_tags_equal(&descriptor->tag, &tag);
}

bool
pin_cache_buffer_holds(PinCache *cache, Buffer buffer, uint32 data_block)
{
	return holds_block(cache, buffer, storage_block_of_data_block(data_block), 0);
}

void
pin_cache_look_batch(PinCache *cache, PageArrayId array, const uint32 *data_blocks, uint32 count,
					 PageLook *looks)
{
	uint32 missing[STORAGE_MAX_BATCH];
	uint32 missing_at[STORAGE_MAX_BATCH];
	Buffer pinned[STORAGE_MAX_BATCH];
	uint32 missing_count = 0;

	Assert(cache->use_recent && count <= STORAGE_MAX_BATCH);
	for (uint32 i = 0; i < count; i++)
	{
		looks[i].block = storage_block_of_data_block(data_blocks[i]);
		looks[i].buffer = find_recent(cache, looks[i].block);
		if (BufferIsValid(looks[i].buffer))
			__builtin_prefetch(GetBufferDescriptor(looks[i].buffer - 1));
	}
	for (uint32 i = 0; i < count; i++)
	{
		looks[i].pinned =
			!BufferIsValid(looks[i].buffer) ||
			!holds_block(cache, looks[i].buffer, looks[i].block, LEAST_USAGE_FOR_LOOK);
		if (unlikely(looks[i].pinned))
		{
			missing[missing_count] = data_blocks[i];
			missing_at[missing_count++] = i;
		}
	}
	/* What is read comes after this, as it comes before the second look. */
	pg_read_barrier();
	pgBufferUsage.shared_blks_hit += count - missing_count;
	if (likely(missing_count == 0))
		return;
	pin_cache_get_batch(cache, array, missing, missing_count, pinned);
	for (uint32 i = 0; i < missing_count; i++)
		looks[missing_at[i]].buffer = pinned[i];
}

bool
pin_cache_looks_held(PinCache *cache, const PageLook *looks, uint32 count)
{
	bool held = true;

	pg_read_barrier();
	for (uint32 i = 0; i < count; i++)
		held = held && (looks[i].pinned || holds_block(cache, looks[i].buffer, looks[i].block, 0));
	return held;
}

void
pin_cache_touch_header(Buffer buffer)
{
	__builtin_prefetch(GetBufferDescriptor(buffer - 1));
}

bool
pin_cache_may_look(const PinCache *cache)
{
	return cache->use_recent;
}
