/*
 * hnsw/hnsw_build_edges.c
 *		The memory of the edges of a graph under construction.
 *
 * About 8m + 10 bytes a node.  Where that exceeds maintenance_work_mem, or the
 * system's shared memory, it lies in a mapped temporary file: one of
 * PostgreSQL's, so temp_file_limit counts it and it is gone after an error, a
 * cancel or a crash.  The file is written in full before it is mapped, so that
 * a full disk is an error of that write and not a signal later.  (Not so on a
 * file system that writes changed pages to new places; nor does that help against
 * a disk that can't be read.  The server restarts then.)
 */
#include "postgres.h"
#include "compat.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/dsm_impl.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"

/* Bytes filled between two checks for interrupts */
#define FILL_PIECE	   (1024 * 1024)
#define HUGE_PAGE_SIZE ((Size) 2 * 1024 * 1024)

/* POSIX shared memory lies here; where there is another implementation, the call fails */
#define SHARED_MEMORY_DIRECTORY "/dev/shm"

/* The server can't be interrupted while it allocates shared memory, at some 3 GB a second */
#define SHARED_MEMORY_MAX ((Size) 2 * 1024 * 1024 * 1024)

typedef struct MappedMemory
{
	MemoryContextCallback callback;
	char *address;
	Size size;
} MappedMemory;

static Size
edges_size(uint32 node_count, uint32 upper_count, uint16 m)
{
	uint64 words = (uint64) node_count * (2 * m + 1) + (uint64) upper_count * (m + 1);

	return words * sizeof(uint32) + node_count;
}

void
hnsw_edges_layout(HnswEdges *edges, char *memory, uint32 node_count, uint32 upper_count, uint16 m)
{
	edges->node_count = node_count;
	edges->upper_count = upper_count;
	edges->m = m;
	edges->neighbors = (uint32 *) memory;
	edges->uppers = edges->neighbors + (size_t) node_count * 2 * m;
	edges->slots = edges->uppers + node_count;
	edges->in_degrees = (uint8 *) (edges->slots + (size_t) upper_count * (m + 1));
}

static void
unmap(void *argument)
{
	MappedMemory *mapped = argument;

	munmap(mapped->address, mapped->size);
}

/* Map a file shared; unmapped when the current memory context is reset. */
static char *
map_file(int descriptor, Size size)
{
	MappedMemory *mapped = palloc(sizeof(MappedMemory));
	void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);

	if (address == MAP_FAILED)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not map temporary file: %m")));
	mapped->address = address;
	mapped->size = size;
	mapped->callback.func = unmap;
	mapped->callback.arg = mapped;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &mapped->callback);

	/* Neighbors are anywhere: reading ahead would only evict others */
	(void) madvise(address, size, MADV_RANDOM);
	return address;
}

static void
fill(char *memory, Size size)
{
	for (Size at = 0; at < size; at += FILL_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		memset(memory + at, 0xFF, Min(size - at, FILL_PIECE));
	}
}

static void
create_file(HnswEdgesMemory *memory)
{
	char *piece = palloc(FILL_PIECE);
	File file = OpenTemporaryFile(false);

	memset(piece, 0xFF, FILL_PIECE);
	for (Size at = 0; at < memory->size; at += FILL_PIECE)
	{
		int amount = (int) Min(memory->size - at, FILL_PIECE);
		int written;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		written = FileWrite(file, piece, amount, (off_t) at, WAIT_EVENT_BUFFILE_WRITE);
		if (written != amount)
		{
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not write to file \"%s\": %m", FilePathName(file))));
		}
	}
	pfree(piece);
	memory->file = file;
	memory->address = map_file(FileGetRawDesc(file), memory->size);
}

/* Containers often give POSIX shared memory 64 MB and no more. */
static bool
shared_memory_has_room(Size size)
{
	struct statvfs stat;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || size > SHARED_MEMORY_MAX)
		return false;
	if (statvfs(SHARED_MEMORY_DIRECTORY, &stat) != 0)
		return false;
	return (uint64) stat.f_bavail * stat.f_frsize > (uint64) size + size / 8;
}

static void
create_private(HnswEdgesMemory *memory)
{
	/* The kernel gives huge pages to what is aligned to them */
	char *allocated = MemoryContextAllocHuge(CurrentMemoryContext, memory->size + HUGE_PAGE_SIZE);

	memory->address = (char *) TYPEALIGN(HUGE_PAGE_SIZE, allocated);
	if (memory->size >= HUGE_PAGE_SIZE)
		(void) madvise(memory->address, TYPEALIGN_DOWN(HUGE_PAGE_SIZE, memory->size),
					   MADV_HUGEPAGE);
	fill(memory->address, memory->size);
}

/* False where the server has no shared memory segment left. */
static bool
create_shared(HnswEdgesMemory *memory)
{
	memory->segment = dsm_create(memory->size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (memory->segment == NULL)
		return false;
	memory->address = dsm_segment_address(memory->segment);
	fill(memory->address, memory->size);
	return true;
}

void
hnsw_build_create_edges(HnswBuild *build, bool parallel)
{
	HnswEdgesMemory *memory = &build->edges_memory;
	uint16 m = hnsw_meta(build->meta)->m;
	bool fits;
	uint32 upper = 0;

	memory->size = Max(edges_size(build->node_count, build->upper_count, m), 1);
	fits = memory->size <= (Size) maintenance_work_mem * 1024;
	if (fits && !parallel)
	{
		memory->place = HNSW_EDGES_PRIVATE;
		create_private(memory);
	}
	else if (fits && shared_memory_has_room(memory->size) && create_shared(memory))
		memory->place = HNSW_EDGES_SHARED;
	else
	{
		memory->place = HNSW_EDGES_FILE;
		create_file(memory);
	}
	hnsw_edges_layout(&build->edges, memory->address, build->node_count, build->upper_count, m);

	hnsw_build_rewind_nodes(build);
	for (uint32 ordinal = 0; ordinal < build->node_count; ordinal++)
	{
		HnswNodeRecord record;
		int level;

		CHECK_FOR_INTERRUPTS();
		hnsw_build_read_node(build, &record);
		if (record.continuation)
		{
			build->edges.uppers[ordinal] = HNSW_UPPER_CONTINUATION;
			continue;
		}
		level = hnsw_build_level(ordinal, m);
		if (level > 0)
			build->edges.uppers[ordinal] = upper;
		for (int i = 0; i < level; i++)
			build->edges.slots[(size_t) upper++ * (m + 1)] = (uint32) level;
	}
	Assert(upper == build->upper_count);
}

void
hnsw_build_free_edges(HnswBuild *build)
{
	HnswEdgesMemory *memory = &build->edges_memory;

	/* Private memory and the mapping of a file go with the memory context */
	if (memory->place == HNSW_EDGES_SHARED)
		dsm_detach(memory->segment);
	else if (memory->place == HNSW_EDGES_FILE)
		FileClose(memory->file);
}

char *
hnsw_edges_map_path(const char *path, Size size)
{
	int descriptor = OpenTransientFile(path, O_RDWR | PG_BINARY);
	char *address;

	if (descriptor < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	address = map_file(descriptor, size);
	CloseTransientFile(descriptor);
	return address;
}
