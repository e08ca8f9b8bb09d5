/*
 * storage/file_map.h
 *		Read-only memory maps of an index's own segment files, and reads through
 *		them that survive SIGBUS.
 *
 * A backend keeps one FileMap for each relation file (keyed by the whole
 * relation file locator, since numbers are reused).  A segment is mapped once,
 * at its full length; blocks that are not settled are never touched, so growth
 * of the file needs nothing.  Maps are MADV_RANDOM but for what walks read (see
 * storage/cold_read.c).  Files are opened read-write
 * (an overlayfs serves a stale lower file to read-only openers for ever) and
 * closed at once.
 *
 * Staleness: a relcache invalidation of the index makes the next acquire compare
 * device and inode of each mapped segment with the file of that name now, and
 * retire the map where they differ.  Maps that nobody uses go in the callback, or
 * at the end of a later transaction, once their file is gone (DROP announces
 * itself before it unlinks).  An inode number can't come back while we map it.
 *
 * Whoever acquires a map releases it, also when an error takes the code in
 * between away (a reset callback of a memory context does).
 */
#ifndef STORAGE_FILE_MAP_H
#define STORAGE_FILE_MAP_H

#include "storage/block.h"
#include "utils/relcache.h"

typedef struct FileMap
{
	int segment_count;	   /* length of segments[] */
	const char **segments; /* base address of each 1 GB segment, NULL = not mapped yet */
	int use_count;		   /* scans that hold it */

	/* storage/cold_read.c: kept from scan to scan */
	uint32
		advised_blocks; /* data blocks of the index when the kernel was last advised; 0 = never */
	uint32 calm_walks;	/* in a row that read nothing from disk */
	bool cold;			/* walks ask for pages ahead */
						/* further fields are file_map.c's own */
} FileMap;

/* The map of the index's main fork; counted.  No segment is mapped yet, perhaps. */
extern FileMap *file_map_acquire(Relation index);
extern void file_map_release(FileMap *map);

/* Map the segment that holds the block; ERROR where that fails (no such file, ENOMEM). */
extern const char *file_map_segment(FileMap *map, uint32 segment);

/* Address of a block's page.  Not to be called inside a mapped-read section. */
static inline const char *
file_map_page(FileMap *map, BlockNumber block)
{
	uint32 segment = block / RELSEG_SIZE;
	const char *base = NULL;

	if (likely((int) segment < map->segment_count))
		base = map->segments[segment];
	if (unlikely(base == NULL))
		base = file_map_segment(map, segment);
	return base + (size_t) (block % RELSEG_SIZE) * BLCKSZ;
}

/*
 * Run `section(argument)`, which reads mapped pages.  If the kernel raises SIGBUS at an address in
 * one of our maps meanwhile (I/O error, truncated file), the section is abandoned and an ERROR
 * (ERRCODE_IO_ERROR) names file and block; a SIGBUS elsewhere goes to the handler that was there
 * before.  The section holds loads, arithmetic and stores to memory of its own alone: no palloc,
 * no lock, no buffer, no ereport, no PG_TRY.  Not reentrant.
 */
typedef void (*MappedReadSection)(void *argument);
extern void mapped_read_call(MappedReadSection section, void *argument);

/* The section that copies `bytes` bytes of mapped pages. */
extern void mapped_read_copy(void *to, const void *from, size_t bytes);

/* Have this process's SIGBUS handler in place; file_map_acquire does.  Cheap when it is. */
extern void mapped_read_install_handler(void);

/*
 * Bytes of the index's file that this backend has mapped, and bytes of it that are in the page
 * cache (mincore), mapped or not.
 */
extern void file_map_count_bytes(Relation index, uint64 *mapped, uint64 *resident);

/*
 * How many of these blocks are in the page cache; all of them where the kernel doesn't tell.  Maps
 * what isn't mapped yet.
 */
extern int file_map_count_resident(FileMap *map, const BlockNumber *blocks, int count);

/*
 * Ask the kernel for the pages of `bytes` bytes from `offset` in a block on (MADV_WILLNEED), up to the
 * segment's end; never fails.
 */
extern void file_map_prefetch(FileMap *map, BlockNumber block, uint32 offset, size_t bytes);

/*
 * Have the kernel keep those pages of a range that are in use (it reads around a miss, then).  Maps the
 * range's segments: the file must have them.
 */
extern void file_map_advise_recency(FileMap *map, BlockNumber first, BlockNumber count);

/*
 * Bring blocks [first, first + count) into the page cache and into this process's page tables, in
 * interruptible pieces of 2 MB.  An I/O error or truncated file is an ERROR.  `huge` = as 2 MB
 * folios where file system and kernel can (only sensible when all of the file fits into memory).
 */
extern void file_map_populate(FileMap *map, BlockNumber first, BlockNumber count, bool huge);

/* mlock a range.  False with errno set where the limit (RLIMIT_MEMLOCK) or memory is too small. */
extern bool file_map_lock(FileMap *map, BlockNumber first, BlockNumber count);

/* Undo all file_map_lock calls on the map. */
extern void file_map_unlock(FileMap *map);

/* Is the map's file still the relation's?  Needs a relation that was opened just now. */
extern bool file_map_is_current(FileMap *map, Relation index);

/* Is the address in one of our maps?  Async-signal-safe.  Fills what a message needs. */
typedef struct FileMapPlace
{
	struct FileMap *map;
	BlockNumber block;
} FileMapPlace;
extern bool file_map_find_address(const void *address, FileMapPlace *place);

/* ERROR: the block can't be read; tells whether the file is too short.  Does not return. */
extern void file_map_report_fault(const FileMapPlace *place);

/*
 * A second map of a whole segment, without MADV_RANDOM, of FILE_MAP_SEGMENT_BYTES, that the caller
 * unmaps.  *size is the segment file's length.  NULL if `missing_ok` and there is no such file.
 */
#define FILE_MAP_SEGMENT_BYTES ((size_t) RELSEG_SIZE * BLCKSZ)
extern char *file_map_open_segment(FileMap *map, uint32 segment, bool missing_ok, uint64 *size);

/* Relcache and transaction callbacks; called from _PG_init. */
extern void file_map_init(void);

#endif
