/*
 * storage/file_map_residency.c
 *		Which pages of a mapped file are in memory, and bringing them there.
 *
 * The map that searches use is MADV_RANDOM in part, so that a miss reads one page; the
 * same advice makes reading everything through it eighty times as slow as the
 * disk.  Populating therefore goes through a second map of the segment, without
 * that advice, and touches the searches' own map afterwards, when all is in the
 * page cache.  With `huge` the second map asks for 2 MB folios: those are mapped
 * with one page table entry each, in every process that maps the file later.
 *
 * Everything goes in pieces of 2 MB with a look at interrupts between them.
 */
#include "postgres.h"
#include "compat.h"

#include <sys/mman.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/file_map.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define PIECE_BYTES	  ((size_t) 2 * 1024 * 1024)
#define MINCORE_BYTES ((size_t) 32 * 1024 * 1024)

/* A stretch of blocks that lies on one segment, as bytes from the segment's start */
typedef struct SegmentRange
{
	uint32 segment;
	size_t from;
	size_t to;
} SegmentRange;

static size_t
page_size(void)
{
	static size_t size = 0;

	if (size == 0)
		size = (size_t) sysconf(_SC_PAGESIZE);
	return size;
}

/*
 * The part of [first, first + count) that lies on first's segment, widened to whole memory pages.
 * Returns the number of blocks.
 */
static BlockNumber
first_segment_range(BlockNumber first, BlockNumber count, SegmentRange *range)
{
	BlockNumber in_segment = first % RELSEG_SIZE;
	BlockNumber blocks = Min(count, RELSEG_SIZE - in_segment);

	range->segment = first / RELSEG_SIZE;
	range->from = TYPEALIGN_DOWN(page_size(), (size_t) in_segment * BLCKSZ);
	range->to = TYPEALIGN(page_size(), ((size_t) in_segment + blocks) * BLCKSZ);
	return blocks;
}

/* Reading a byte of each page, where the kernel can't populate or to find which page fails */
typedef struct TouchSection
{
	const char *base;
	size_t bytes;
	size_t step;
} TouchSection;

static void
touch_pages(void *argument)
{
	const TouchSection *section = argument;

	for (size_t at = 0; at < section->bytes; at += section->step)
		(void) *(const volatile char *) (section->base + at);
}

/*
 * Have the pages of a range of one of our maps in this process's page tables, reading what isn't in
 * memory.  A page that can't be read is an ERROR that names it.
 */
static void
touch_range(const char *base, size_t bytes)
{
	TouchSection section = {.base = base, .bytes = bytes, .step = page_size()};

	/* The advice fails where the kernel doesn't know it (before 5.14) or a page can't be read. */
	if (madvise(unconstify(char *, base), bytes, MADV_POPULATE_READ) != 0)
		mapped_read_call(touch_pages, &section);
}

/* Bring a range of a segment into the page cache; errors are left to touch_range. */
static void
read_range(char *reading_map, const SegmentRange *range)
{
	size_t bytes = range->to - range->from;

	if (madvise(reading_map + range->from, bytes, MADV_POPULATE_READ) != 0)
		(void) madvise(reading_map + range->from, bytes, MADV_WILLNEED);
}

static void
populate_segment_range(FileMap *map, char *reading_map, const SegmentRange *range)
{
	SegmentRange piece = *range;

	while (piece.from < range->to)
	{
		piece.to = Min(range->to, TYPEALIGN_DOWN(PIECE_BYTES, piece.from) + PIECE_BYTES);
		CHECK_FOR_INTERRUPTS();
		read_range(reading_map, &piece);
		touch_range(map->segments[piece.segment] + piece.from, piece.to - piece.from);
		piece.from = piece.to;
	}
}

static void
populate_segment(FileMap *map, const SegmentRange *range, bool huge)
{
	uint64 size;
	char *reading_map = file_map_open_segment(map, range->segment, false, &size);

	PG_TRY();
	{
		/* Where the kernel has no huge pages it still reads ahead in large pieces. */
		if (!huge || madvise(reading_map, FILE_MAP_SEGMENT_BYTES, MADV_HUGEPAGE) != 0)
			(void) madvise(reading_map, FILE_MAP_SEGMENT_BYTES, MADV_SEQUENTIAL);
		populate_segment_range(map, reading_map, range);
	}
	PG_FINALLY();
	{
		munmap(reading_map, FILE_MAP_SEGMENT_BYTES);
	}
	PG_END_TRY();
}

void
file_map_populate(FileMap *map, BlockNumber first, BlockNumber count, bool huge)
{
	while (count > 0)
	{
		SegmentRange range;
		BlockNumber blocks = first_segment_range(first, count, &range);

		(void) file_map_page(map, first);
		populate_segment(map, &range, huge);
		first += blocks;
		count -= blocks;
	}
}

bool
file_map_lock(FileMap *map, BlockNumber first, BlockNumber count)
{
	while (count > 0)
	{
		SegmentRange range;
		BlockNumber blocks = first_segment_range(first, count, &range);
		const char *base = file_map_page(map, first - first % RELSEG_SIZE);

		while (range.from < range.to)
		{
			size_t to = Min(range.to, TYPEALIGN_DOWN(PIECE_BYTES, range.from) + PIECE_BYTES);

			if (mlock(base + range.from, to - range.from) != 0)
				return false;
			range.from = to;
			CHECK_FOR_INTERRUPTS();
		}
		first += blocks;
		count -= blocks;
	}
	return true;
}

void
file_map_unlock(FileMap *map)
{
	for (int i = 0; i < map->segment_count; i++)
	{
		if (map->segments[i] != NULL)
			(void) munlock(map->segments[i], FILE_MAP_SEGMENT_BYTES);
	}
}

void
file_map_prefetch(FileMap *map, BlockNumber block, uint32 offset, size_t bytes)
{
	uint32 segment = block / RELSEG_SIZE;
	size_t at = (size_t) (block % RELSEG_SIZE) * BLCKSZ + offset;
	size_t from = TYPEALIGN_DOWN(page_size(), at);
	size_t to = Min(at + bytes, FILE_MAP_SEGMENT_BYTES);

	/* A hint must not fail, so it doesn't map what isn't mapped. */
	if ((int) segment < map->segment_count && map->segments[segment] != NULL)
		(void) madvise(unconstify(char *, map->segments[segment]) + from, to - from, MADV_WILLNEED);
}

void
file_map_advise_recency(FileMap *map, BlockNumber first, BlockNumber count)
{
	while (count > 0)
	{
		SegmentRange range;
		BlockNumber in_segment = first_segment_range(first, count, &range);

		(void) file_map_page(map, first);
		(void) madvise(unconstify(char *, map->segments[range.segment]) + range.from,
					   range.to - range.from, MADV_NORMAL);
		first += in_segment;
		count -= in_segment;
	}
}

/* Memory pages of a range that are in the page cache; all of them where the kernel doesn't tell. */
static uint64
count_resident_pages(const char *base, size_t bytes)
{
	unsigned char *states = palloc(MINCORE_BYTES / page_size());
	uint64 resident = 0;

	for (size_t at = 0; at < bytes; at += MINCORE_BYTES)
	{
		size_t length = Min(bytes - at, MINCORE_BYTES);
		size_t pages = (length + page_size() - 1) / page_size();

		CHECK_FOR_INTERRUPTS();
		if (mincore(unconstify(char *, base) + at, length, (void *) states) != 0)
			memset(states, 1, pages);
		for (size_t i = 0; i < pages; i++)
			resident += states[i] & 1;
	}
	pfree(states);
	return resident;
}

/* The same of a whole segment file; false where there is no such file. */
static bool
count_segment(FileMap *map, uint32 segment, uint64 *size, uint64 *resident)
{
	char *base = file_map_open_segment(map, segment, true, size);

	if (base == NULL)
		return false;
	PG_TRY();
	{
		*resident += count_resident_pages(base, *size) * page_size();
	}
	PG_FINALLY();
	{
		munmap(base, FILE_MAP_SEGMENT_BYTES);
	}
	PG_END_TRY();
	return true;
}

void
file_map_count_bytes(Relation index, uint64 *mapped, uint64 *resident)
{
	FileMap *map = file_map_acquire(index);
	uint32 segment = 0;
	uint64 size;

	*mapped = 0;
	*resident = 0;
	PG_TRY();
	{
		while (count_segment(map, segment, &size, resident))
		{
			if ((int) segment < map->segment_count && map->segments[segment] != NULL)
				*mapped += size;
			segment++;
		}
	}
	PG_FINALLY();
	{
		file_map_release(map);
	}
	PG_END_TRY();
}

int
file_map_count_resident(FileMap *map, const BlockNumber *blocks, int count)
{
	int resident = 0;

	for (int i = 0; i < count; i++)
	{
		const char *page = file_map_page(map, blocks[i]);
		unsigned char states[BLCKSZ / 4096 + 1];

		page = (const char *) TYPEALIGN_DOWN(page_size(), (uintptr_t) page);
		if (mincore(unconstify(char *, page), BLCKSZ, (void *) states) != 0 || (states[0] & 1) != 0)
			resident++;
	}
	return resident;
}
