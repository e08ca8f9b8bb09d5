/*
 * storage/file_map.h
 *		Read-only memory maps of an index's own segment files, and reads through
 *		them that survive SIGBUS.
 *
 * A backend keeps one FileMap for each relation file (keyed by the whole
 * relation file locator, since numbers are reused).  A segment is mapped once,
 * at its full length; blocks that are not settled are never touched, so growth
 * of the file needs nothing.  Maps are MADV_RANDOM.  Files are opened read-write
 * (an overlayfs serves a stale lower file to read-only openers for ever) and
 * closed at once.
 *
 * Staleness: a relcache invalidation of the index makes the next acquire compare
 * device and inode of each mapped segment with the file of that name now, and
 * unmap what differs; maps that no scan uses and whose file is gone are
 * unmapped in the callback.  An inode number can't come back while we map it.
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

/* Bytes of the index's file that this backend has mapped, and that are resident (mincore). */
extern void file_map_count_bytes(Relation index, uint64 *mapped, uint64 *resident);

/* Ask the kernel for the pages of a range of the map (MADV_WILLNEED); never fails. */
extern void file_map_prefetch(FileMap *map, BlockNumber block, uint32 blocks);

/*
 * Map every existing segment and bring blocks [first, first + count) into memory with
 * MADV_POPULATE_READ in interruptible pieces of 1 to 2 MB; with `lock`, mlock them too.  An I/O
 * error or truncated file is an ERROR.  Where RLIMIT_MEMLOCK is too low: WARNING that tells the
 * limit needed, once, and populate alone.  Returns blocks done.  Where the kernel lacks
 * MADV_POPULATE_READ, pages are read by touching them in a mapped-read section.
 */
extern BlockNumber file_map_populate(FileMap *map, BlockNumber first, BlockNumber count, bool lock,
									 void (*progress)(BlockNumber done, void *argument),
									 void *argument);

/* Relcache callback, SIGBUS handler; called from _PG_init. */
extern void file_map_init(void);

#endif
