/*
 * storage/file_map.c
 *		Memory maps of index segment files: making, finding and dropping them.
 *
 * Maps are made when a segment is first asked for and live until their file is
 * replaced or dropped, across transactions: mapping is cheap, but the page
 * tables that reads fill are worth keeping.
 *
 * A map is "suspect" after a relcache invalidation of its index, until device
 * and inode were compared with the file of its name; "retired" when the file is
 * another one (or the index has another file) but scans still use it: no new
 * user gets it, and the last one to leave frees it.
 *
 * file_map_find_address() runs in a signal handler and walks all_maps.  That is
 * safe because the handler only asks while a mapped-read section runs, and
 * sections change no list.
 */
#include "postgres.h"
#include "compat.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "lib/ilist.h"
#include "storage/file_map.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#define SEGMENT_BYTES FILE_MAP_SEGMENT_BYTES

/* Maps begin at multiples of this, so that 2 MB folios can be mapped whole. */
#define MAP_ALIGNMENT ((size_t) 2 * 1024 * 1024)

typedef struct SegmentFile
{
	dev_t device;
	ino_t inode;
} SegmentFile;

typedef struct FileMapEntry
{
	FileMap map; /* must be first */
	dlist_node link;
	VsRelFileLocator locator;
	Oid index;
	char *path;			/* of segment 0 */
	SegmentFile *files; /* of each mapped segment */
	bool is_suspect;
	bool is_retired;
} FileMapEntry;

typedef struct LocatorKey
{
	VsRelFileLocator locator;
	FileMapEntry *entry;
} LocatorKey;

static dlist_head all_maps = DLIST_STATIC_INIT(all_maps);
static HTAB *maps_by_locator = NULL;
static MemoryContext maps_context = NULL;
static int suspect_count = 0;

static void
form_segment_path(const FileMapEntry *entry, uint32 segment, char path[MAXPGPATH])
{
	if (segment == 0)
		strlcpy(path, entry->path, MAXPGPATH);
	else
		snprintf(path, MAXPGPATH, "%s.%u", entry->path, segment);
}

static void
set_suspect(FileMapEntry *entry, bool is_suspect)
{
	if (entry->is_suspect != is_suspect)
		suspect_count += is_suspect ? 1 : -1;
	entry->is_suspect = is_suspect;
}

/*
 * Are the mapped segments still the files of these names?  A dropped relation's first segment
 * stays, empty, until the next checkpoint, so an empty file counts as gone.  So does a map of
 * nothing, which there is no use in keeping.
 */
static bool
has_current_files(const FileMapEntry *entry)
{
	bool is_mapped = false;

	for (int i = 0; i < entry->map.segment_count; i++)
	{
		char path[MAXPGPATH];
		struct stat now;

		if (entry->map.segments[i] == NULL)
			continue;
		form_segment_path(entry, (uint32) i, path);
		if (stat(path, &now) != 0 || now.st_size == 0 || now.st_dev != entry->files[i].device ||
			now.st_ino != entry->files[i].inode)
			return false;
		is_mapped = true;
	}
	return is_mapped;
}

static void
destroy(FileMapEntry *entry)
{
	Assert(entry->map.use_count == 0);

	if (!entry->is_retired)
		hash_search(maps_by_locator, &entry->locator, HASH_REMOVE, NULL);
	set_suspect(entry, false);
	dlist_delete(&entry->link);
	for (int i = 0; i < entry->map.segment_count; i++)
	{
		if (entry->map.segments[i] != NULL)
			munmap(unconstify(char *, entry->map.segments[i]), SEGMENT_BYTES);
	}
	pfree(entry->map.segments);
	pfree(entry->files);
	pfree(entry->path);
	pfree(entry);
}

/* Nobody gets this map any more; it goes with its last user. */
static void
retire(FileMapEntry *entry)
{
	if (entry->map.use_count == 0)
	{
		destroy(entry);
		return;
	}
	if (!entry->is_retired)
		hash_search(maps_by_locator, &entry->locator, HASH_REMOVE, NULL);
	entry->is_retired = true;
	set_suspect(entry, false);
}

/* Drop unused maps whose file is gone or another. */
static void
drop_unused_suspects(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &all_maps)
	{
		FileMapEntry *entry = dlist_container(FileMapEntry, link, iter.cur);

		if (entry->is_suspect && entry->map.use_count == 0 && !has_current_files(entry))
			destroy(entry);
	}
}

static void
relcache_callback(Datum argument, Oid relation)
{
	dlist_iter iter;
	bool found = false;

	dlist_foreach(iter, &all_maps)
	{
		FileMapEntry *entry = dlist_container(FileMapEntry, link, iter.cur);

		if ((relation == InvalidOid || entry->index == relation) && !entry->is_retired)
		{
			set_suspect(entry, true);
			found = true;
		}
	}
	if (found)
		drop_unused_suspects();
}

/*
 * The invalidation of a DROP comes before its files go.  Look again whenever a transaction ends,
 * until the index is used again or the file is gone.
 */
static void
transaction_callback(XactEvent event, void *argument)
{
	if (suspect_count > 0 &&
		(event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE))
		drop_unused_suspects();
}

static FileMapEntry *
find(Relation index)
{
	VsRelFileLocator locator = vs_relation_locator(index);
	LocatorKey *key;

	if (maps_by_locator == NULL)
		return NULL;
	key = hash_search(maps_by_locator, &locator, HASH_FIND, NULL);
	return key != NULL ? key->entry : NULL;
}

static FileMapEntry *
create(Relation index)
{
	FileMapEntry *entry;
	LocatorKey *key;
	MemoryContext outer;
	dlist_mutable_iter iter;

	/* The index has another file than the one we knew it by. */
	dlist_foreach_modify(iter, &all_maps)
	{
		FileMapEntry *old = dlist_container(FileMapEntry, link, iter.cur);

		if (old->index == RelationGetRelid(index))
			retire(old);
	}

	if (maps_by_locator == NULL)
	{
		HASHCTL control = {.keysize = sizeof(VsRelFileLocator), .entrysize = sizeof(LocatorKey)};

		if (maps_context == NULL)
			maps_context = AllocSetContextCreate(TopMemoryContext, "vectorstore file maps",
												 ALLOCSET_SMALL_SIZES);
		control.hcxt = maps_context;
		maps_by_locator = hash_create("vectorstore file maps", 16, &control,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	/* Everything that may fail comes before the entry is linked. */
	outer = MemoryContextSwitchTo(maps_context);
	entry = palloc0(sizeof(FileMapEntry));
	entry->locator = vs_relation_locator(index);
	entry->index = RelationGetRelid(index);
	entry->path = vs_relation_path(entry->locator, index->rd_backend, MAIN_FORKNUM);
	entry->map.segment_count = 1;
	entry->map.segments = palloc0(sizeof(char *));
	entry->files = palloc0(sizeof(SegmentFile));
	MemoryContextSwitchTo(outer);

	key = hash_search(maps_by_locator, &entry->locator, HASH_ENTER, NULL);
	key->entry = entry;
	dlist_push_head(&all_maps, &entry->link);
	return entry;
}

FileMap *
file_map_acquire(Relation index)
{
	FileMapEntry *entry;

	mapped_read_install_handler();

	entry = find(index);
	if (entry != NULL && entry->is_suspect)
	{
		if (has_current_files(entry))
			set_suspect(entry, false);
		else
		{
			retire(entry);
			entry = NULL;
		}
	}
	if (entry == NULL)
		entry = create(index);
	entry->map.use_count++;
	return &entry->map;
}

void
file_map_release(FileMap *map)
{
	FileMapEntry *entry = (FileMapEntry *) map;

	Assert(map->use_count > 0);
	map->use_count--;
	if (map->use_count == 0 && entry->is_retired)
		destroy(entry);
}

bool
file_map_is_current(FileMap *map, Relation index)
{
	FileMapEntry *entry = (FileMapEntry *) map;

	return !entry->is_retired && vs_locators_equal(entry->locator, vs_relation_locator(index)) &&
		   has_current_files(entry);
}

/* Address space for a segment, at a multiple of MAP_ALIGNMENT, with the file mapped into it. */
static void *
map_aligned(int descriptor)
{
	size_t reserved = SEGMENT_BYTES + MAP_ALIGNMENT;
	char *area =
		mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *base;
	char *mapped;

	if (area == MAP_FAILED)
		return MAP_FAILED;
	base = (char *) TYPEALIGN(MAP_ALIGNMENT, (uintptr_t) area);
	mapped = mmap(base, SEGMENT_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0);
	if (mapped == MAP_FAILED)
	{
		int save_errno = errno;

		munmap(area, reserved);
		errno = save_errno;
		return MAP_FAILED;
	}
	if (base > area)
		munmap(area, base - area);
	if (area + reserved > base + SEGMENT_BYTES)
		munmap(base + SEGMENT_BYTES, area + reserved - (base + SEGMENT_BYTES));
	return mapped;
}

/*
 * Open, map and close a segment file.  ERROR where that fails, but NULL where there is no such file
 * and missing_ok.
 */
static char *
map_file(const FileMapEntry *entry, uint32 segment, bool missing_ok, struct stat *file)
{
	char path[MAXPGPATH];
	char *base;
	int descriptor;
	int map_errno;

	form_segment_path(entry, segment, path);
	descriptor = OpenTransientFile(path, O_RDWR | PG_BINARY);
	if (descriptor < 0)
	{
		if (missing_ok && errno == ENOENT)
			return NULL;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	}
	if (fstat(descriptor, file) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", path)));

	base = map_aligned(descriptor);
	map_errno = errno;
	CloseTransientFile(descriptor);
	if (base == MAP_FAILED)
	{
		bool no_memory = map_errno == ENOMEM;

		errno = map_errno;
		ereport(ERROR, (errcode(no_memory ? ERRCODE_OUT_OF_MEMORY : ERRCODE_SYSTEM_ERROR),
						errmsg("could not map file \"%s\" into memory: %m", path),
						no_memory ? errhint("The limit on address space (ulimit -v) or on the "
											"number of maps (vm.max_map_count) may be too low.")
								  : 0));
	}
	return base;
}

char *
file_map_open_segment(FileMap *map, uint32 segment, bool missing_ok, uint64 *size)
{
	struct stat file;
	char *base = map_file((FileMapEntry *) map, segment, missing_ok, &file);

	*size = base != NULL ? Min((uint64) file.st_size, SEGMENT_BYTES) : 0;
	return base;
}

const char *
file_map_segment(FileMap *map, uint32 segment)
{
	FileMapEntry *entry = (FileMapEntry *) map;

	if ((int) segment >= map->segment_count)
	{
		int count = (int) segment + 1;

		/* repalloc may fail between the two: the count grows last. */
		map->segments = repalloc(map->segments, count * sizeof(char *));
		entry->files = repalloc(entry->files, count * sizeof(SegmentFile));
		for (int i = map->segment_count; i < count; i++)
			map->segments[i] = NULL;
		map->segment_count = count;
	}
	if (map->segments[segment] == NULL)
	{
		struct stat file;
		char *base = map_file(entry, segment, false, &file);

		/* Searches touch pages here and there; reading ahead would fetch megabytes for each. */
		(void) madvise(base, SEGMENT_BYTES, MADV_RANDOM);
		entry->files[segment].device = file.st_dev;
		entry->files[segment].inode = file.st_ino;
		map->segments[segment] = base;
	}
	return map->segments[segment];
}

bool
file_map_find_address(const void *address, FileMapPlace *place)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_maps)
	{
		FileMapEntry *entry = dlist_container(FileMapEntry, link, iter.cur);

		for (int i = 0; i < entry->map.segment_count; i++)
		{
			const char *base = entry->map.segments[i];

			if (base != NULL && (const char *) address >= base &&
				(const char *) address < base + SEGMENT_BYTES)
			{
				place->map = &entry->map;
				place->block = (BlockNumber) i * RELSEG_SIZE +
							   (BlockNumber) (((const char *) address - base) / BLCKSZ);
				return true;
			}
		}
	}
	return false;
}

void
file_map_report_fault(const FileMapPlace *place)
{
	FileMapEntry *entry = (FileMapEntry *) place->map;
	uint32 segment = place->block / RELSEG_SIZE;
	uint64 end = ((uint64) (place->block % RELSEG_SIZE) + 1) * BLCKSZ;
	char path[MAXPGPATH];
	struct stat file;

	form_segment_path(entry, segment, path);
	if (stat(path, &file) == 0 && (uint64) file.st_size < end)
		ereport(ERROR, (errcode(ERRCODE_IO_ERROR),
						errmsg("could not read block %u in file \"%s\" through a memory map",
							   place->block, path),
						errdetail("The file is too short: it has %llu bytes.",
								  (unsigned long long) file.st_size),
						errhint("Please REINDEX the index.")));
	ereport(ERROR, (errcode(ERRCODE_IO_ERROR),
					errmsg("could not read block %u in file \"%s\" through a memory map",
						   place->block, path),
					errdetail("The kernel reported an input/output error.")));
}

void
file_map_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
	RegisterXactCallback(transaction_callback, NULL);
}
