/*
 * index/build_memory.c
 *		Memory of an index build: private, shared, or a mapped temporary file.
 *
 * The file is written in full before it is mapped, so that a full disk is an
 * error of that write and not a signal later.  (Not so on a file system that writes
 * changed pages to new places; nor does that help against a disk that can't be
 * read.  The server restarts then.)
 */
#include "postgres.h"
#include "compat.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "miscadmin.h"
#include "storage/dsm_impl.h"
#include "utils/memutils.h"

#include "index/build_memory.h"

/* Bytes filled between two checks for interrupts */
#define FILL_PIECE	   (1024 * 1024)
#define HUGE_PAGE_SIZE ((Size) 2 * 1024 * 1024)

/* POSIX shared memory lies here; where there is another implementation, the call fails */
#define SHARED_MEMORY_DIRECTORY "/dev/shm"

/* The server can't be interrupted while it allocates shared memory, at some 3 GB a second */
#define SHARED_MEMORY_MAX ((Size) 2 * 1024 * 1024 * 1024)

typedef struct Mapping
{
	MemoryContextCallback callback;
	char *address; /* NULL when unmapped */
	Size size;
} Mapping;

static void
unmap(void *argument)
{
	Mapping *mapping = argument;

	munmap(mapping->address, mapping->size);
}

/* Map a file shared; unmapped when the current memory context is reset. */
static char *
map_file(int descriptor, Size size, BuildMemoryAccess access)
{
	Mapping *mapping = palloc(sizeof(Mapping));
	void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);

	if (address == MAP_FAILED)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not map temporary file: %m")));
	mapping->address = address;
	mapping->size = size;
	mapping->callback.func = unmap;
	mapping->callback.arg = mapping;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &mapping->callback);

	/* Where reads are anywhere, reading ahead would only evict others */
	if (access == BUILD_MEMORY_RANDOM)
		(void) madvise(address, size, MADV_RANDOM);
	return address;
}

static void
fill_memory(BuildMemory *memory, int fill)
{
	for (Size at = 0; at < memory->size; at += FILL_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		memset(memory->address + at, fill, Min(memory->size - at, FILL_PIECE));
	}
}

static void
create_file(BuildMemory *memory, int fill)
{
	char *piece = palloc(FILL_PIECE);
	File file = OpenTemporaryFile(false);

	memset(piece, fill, FILL_PIECE);
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
	memory->place = BUILD_MEMORY_FILE;
	memory->file = file;
	memory->address = map_file(FileGetRawDesc(file), memory->size, memory->access);
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
create_private(BuildMemory *memory, int fill)
{
	/* The kernel gives huge pages to what is aligned to them */
	char *allocated = MemoryContextAllocHuge(CurrentMemoryContext, memory->size + HUGE_PAGE_SIZE);

	memory->place = BUILD_MEMORY_PRIVATE;
	memory->address = (char *) TYPEALIGN(HUGE_PAGE_SIZE, allocated);
	if (memory->size >= HUGE_PAGE_SIZE)
		(void) madvise(memory->address, TYPEALIGN_DOWN(HUGE_PAGE_SIZE, memory->size),
					   MADV_HUGEPAGE);
	fill_memory(memory, fill);
}

/* False where the server has no shared memory segment left. */
static bool
create_shared(BuildMemory *memory, int fill)
{
	memory->segment = dsm_create(memory->size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (memory->segment == NULL)
		return false;
	memory->place = BUILD_MEMORY_SHARED;
	memory->address = dsm_segment_address(memory->segment);
	fill_memory(memory, fill);
	return true;
}

void
build_memory_create(BuildMemory *memory, Size size, Size limit, bool parallel,
					BuildMemoryAccess access, int fill)
{
	bool fits = size <= limit;

	memset(memory, 0, sizeof(BuildMemory));
	memory->size = Max(size, 1);
	memory->access = access;
	if (fits && !parallel)
		create_private(memory, fill);
	else if (!fits || !shared_memory_has_room(memory->size) || !create_shared(memory, fill))
		create_file(memory, fill);
}

void
build_memory_free(BuildMemory *memory)
{
	/* Private memory and the mapping of a file go with the memory context */
	if (memory->place == BUILD_MEMORY_SHARED)
		dsm_detach(memory->segment);
	else if (memory->place == BUILD_MEMORY_FILE)
		FileClose(memory->file);
}

void
build_memory_share(const BuildMemory *memory, BuildMemoryShare *share)
{
	Assert(memory->place != BUILD_MEMORY_PRIVATE);
	memset(share, 0, sizeof(BuildMemoryShare));
	share->place = memory->place;
	share->access = memory->access;
	share->size = memory->size;
	if (memory->place == BUILD_MEMORY_SHARED)
		share->segment = dsm_segment_handle(memory->segment);
	else
		strlcpy(share->path, FilePathName(memory->file), MAXPGPATH);
}

static char *
attach_file(const BuildMemoryShare *share)
{
	int descriptor = OpenTransientFile(share->path, O_RDWR | PG_BINARY);
	char *address;

	if (descriptor < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not open file \"%s\": %m", share->path)));
	address = map_file(descriptor, share->size, share->access);
	CloseTransientFile(descriptor);
	return address;
}

void
build_memory_attach(BuildMemory *memory, const BuildMemoryShare *share)
{
	memset(memory, 0, sizeof(BuildMemory));
	memory->place = share->place;
	memory->access = share->access;
	memory->size = share->size;
	if (share->place != BUILD_MEMORY_SHARED)
	{
		memory->address = attach_file(share);
		return;
	}
	memory->segment = dsm_attach(share->segment);
	if (memory->segment == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("could not map dynamic shared memory segment")));
	memory->address = dsm_segment_address(memory->segment);
}

void
build_memory_detach(BuildMemory *memory)
{
	if (memory->place == BUILD_MEMORY_SHARED)
		dsm_detach(memory->segment);
}
