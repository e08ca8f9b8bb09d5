/*
 * index/build_memory.h
 *		A large piece of memory of an index build: private, shared with its
 *		workers, or a mapped temporary file.
 *
 * The file is one of PostgreSQL's, so temp_file_limit counts it, it lies in
 * temp_tablespaces, and it is gone after an error, a cancel or a crash.  Code that
 * works on the memory does not know which it is.
 */
#ifndef INDEX_BUILD_MEMORY_H
#define INDEX_BUILD_MEMORY_H

#include "storage/dsm.h"
#include "storage/fd.h"

typedef enum BuildMemoryPlace
{
	BUILD_MEMORY_PRIVATE, /* of this process alone */
	BUILD_MEMORY_SHARED,  /* dynamic shared memory */
	BUILD_MEMORY_FILE	  /* a mapped temporary file */
} BuildMemoryPlace;

/* What is done with the memory */
typedef enum BuildMemoryAccess
{
	BUILD_MEMORY_RANDOM,	/* read and written anywhere */
	BUILD_MEMORY_SEQUENTIAL /* written from its beginning to its end, then read alone */
} BuildMemoryAccess;

/* Goes with the memory context and resource owner that it was made in, if not freed before. */
typedef struct BuildMemory
{
	BuildMemoryPlace place;
	BuildMemoryAccess access;
	Size size;
	char *address;		  /* NULL in a file that is being written */
	dsm_segment *segment; /* BUILD_MEMORY_SHARED */
	File file;			  /* BUILD_MEMORY_FILE */

	/* A file that is being written: what is not in it yet */
	char *piece;
	Size piece_at;
	Size piece_size;
} BuildMemory;

/*
 * Private memory where the build is not parallel and shared memory where it is, if the size is within
 * `limit` bytes and the system has them; a file otherwise.  All bytes are `fill` at first.
 */
extern void
build_memory_create(BuildMemory *memory, Size size, Size limit, bool parallel, int fill);

/*
 * The same for memory that is written once and that a parallel build has in a file anyhow, if there is no
 * temp_file_limit (see build_memory.c): at most `size` bytes, by calls that each write where the
 * one before ended, or over what was written.  What was written can be read after the end, at
 * memory->address, and memory->size is its size.
 */
extern void build_memory_begin_writing(BuildMemory *memory, Size size, Size limit, bool parallel);
extern void build_memory_write(BuildMemory *memory, Size at, const void *bytes, Size size);
extern void build_memory_end_writing(BuildMemory *memory);

extern void build_memory_free(BuildMemory *memory);

/* How a worker finds the memory: the leader fills a BuildMemoryShare, in memory shared with it. */
typedef struct BuildMemoryShare
{
	BuildMemoryPlace place;
	BuildMemoryAccess access;
	Size size;
	dsm_handle segment;
	char path[MAXPGPATH];
} BuildMemoryShare;

extern void build_memory_share(const BuildMemory *memory, BuildMemoryShare *share);
/* In the worker; build_memory_detach() or, after an error, the end of its transaction undoes it. */
extern void build_memory_attach(BuildMemory *memory, const BuildMemoryShare *share);
extern void build_memory_detach(BuildMemory *memory);

#endif
