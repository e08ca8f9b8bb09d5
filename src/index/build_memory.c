/*
 * index/build_memory.c
 *		Memory of an index build: private, shared, or a mapped temporary file.
 *
 * The file is written in full before it is mapped, so that a full disk is an
 * error of that write and not a signal later.  (Not so on a file system that writes
 * changed pages to new places; nor does that help against a disk that can't be
 * read.  The server restarts then.)
 *
 * What is written from its beginning to its end goes to the file in pieces of a huge
 * page: where the file system keeps such a piece in one (ext4 from Linux 6.16, xfs, btrfs),
 * the map is one of huge pages, and reads like private memory.  Shared memory rarely has such, so
 * what processes share goes to a file even if it is small, if they all only read it.
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
/* What is written to a file at once, and the most that a single call may add */
#define WRITE_PIECE HUGE_PAGE_SIZE

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
	int protection = access == BUILD_MEMORY_SEQUENTIAL ? PROT_READ : PROT_READ | PROT_WRITE;
	void *address = mmap(NULL, size, protection, MAP_SHARED, descriptor, 0);

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
write_file(BuildMemory *memory, Size at, const char *bytes, Size size)
{
	int written;

	CHECK_FOR_INTERRUPTS();
	errno = 0;
	written = FileWrite(memory->file, unconstify(char *, bytes), (int) size, (off_t) at,
						WAIT_EVENT_BUFFILE_WRITE);
	if (written != (int) size)
	{
		if (errno == 0)
			errno = ENOSPC;
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not write to file \"%s\": %m", FilePathName(memory->file))));
	}
}

static void
open_file(BuildMemory *memory)
{
	memory->place = BUILD_MEMORY_FILE;
	memory->file = OpenTemporaryFile(false);
}

static void
map_written_file(BuildMemory *memory)
{
	memory->address = map_file(FileGetRawDesc(memory->file), memory->size, memory->access);
}

static void
create_file(BuildMemory *memory, int fill)
{
	char *piece = palloc(FILL_PIECE);

	open_file(memory);
	memset(piece, fill, FILL_PIECE);
	for (Size at = 0; at < memory->size; at += FILL_PIECE)
		write_file(memory, at, piece, Min(memory->size - at, FILL_PIECE));
	pfree(piece);
	map_written_file(memory);
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
create_private(BuildMemory *memory)
{
	/* The kernel gives huge pages to what is aligned to them */
	char *allocated = MemoryContextAllocHuge(CurrentMemoryContext, memory->size + HUGE_PAGE_SIZE);

	memory->place = BUILD_MEMORY_PRIVATE;
	memory->address = (char *) TYPEALIGN(HUGE_PAGE_SIZE, allocated);
	if (memory->size >= HUGE_PAGE_SIZE)
		(void) madvise(memory->address, TYPEALIGN_DOWN(HUGE_PAGE_SIZE, memory->size),
					   MADV_HUGEPAGE);
}

/* False where the server has no shared memory segment left. */
static bool
create_shared(BuildMemory *memory)
{
	memory->segment = dsm_create(memory->size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (memory->segment == NULL)
		return false;
	memory->place = BUILD_MEMORY_SHARED;
	memory->address = dsm_segment_address(memory->segment);
	return true;
}

/* False where it must be a file. */
static bool
create_in_memory(BuildMemory *memory, Size size, Size limit, bool parallel,
				 BuildMemoryAccess access)
{
	memset(memory, 0, sizeof(BuildMemory));
	memory->size = Max(size, 1);
	memory->access = access;
	if (size > limit)
		return false;
	if (parallel && access == BUILD_MEMORY_SEQUENTIAL && temp_file_limit < 0)
		return false;
	if (parallel)
		return shared_memory_has_room(memory->size) && create_shared(memory);
	create_private(memory);
	return true;
}

void
build_memory_create(BuildMemory *memory, Size size, Size limit, bool parallel, int fill)
{
	if (create_in_memory(memory, size, limit, parallel, BUILD_MEMORY_RANDOM))
		fill_memory(memory, fill);
	else
		create_file(memory, fill);
}

void
build_memory_begin_writing(BuildMemory *memory, Size size, Size limit, bool parallel)
{
	bool in_memory = create_in_memory(memory, size, limit, parallel, BUILD_MEMORY_SEQUENTIAL);

	memory->size = 0;
	if (in_memory)
		return;
	open_file(memory);
	memory->piece = MemoryContextAllocHuge(CurrentMemoryContext, 2 * WRITE_PIECE);
}

/* Bytes that the file does not have yet, or has otherwise */
static void
write_to_file(BuildMemory *memory, Size at, const char *bytes, Size size)
{
	/* A change of what went to the file, perhaps in part */
	if (at < memory->piece_at)
	{
		Size before = Min(size, memory->piece_at - at);

		write_file(memory, at, bytes, before);
		at += before;
		bytes += before;
		size -= before;
	}
	memcpy(memory->piece + (at - memory->piece_at), bytes, size);
	memory->piece_size = Max(memory->piece_size, at + size - memory->piece_at);
	if (memory->piece_size < WRITE_PIECE)
		return;
	write_file(memory, memory->piece_at, memory->piece, WRITE_PIECE);
	memory->piece_at += WRITE_PIECE;
	memory->piece_size -= WRITE_PIECE;
	memmove(memory->piece, memory->piece + WRITE_PIECE, memory->piece_size);
}

void
build_memory_write(BuildMemory *memory, Size at, const void *bytes, Size size)
{
	Assert(at <= memory->size && size <= WRITE_PIECE);
	if (memory->place == BUILD_MEMORY_FILE)
		write_to_file(memory, at, bytes, size);
	else
		memcpy(memory->address + at, bytes, size);
	memory->size = Max(memory->size, at + size);
}

void
build_memory_end_writing(BuildMemory *memory)
{
	Assert(memory->size > 0);
	if (memory->place != BUILD_MEMORY_FILE)
		return;
	if (memory->piece_size > 0)
		write_file(memory, memory->piece_at, memory->piece, memory->piece_size);
	pfree(memory->piece);
	memory->piece = NULL;
	map_written_file(memory);
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
	int flags = share->access == BUILD_MEMORY_SEQUENTIAL ? O_RDONLY : O_RDWR;
	int descriptor = OpenTransientFile(share->path, flags | PG_BINARY);
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
