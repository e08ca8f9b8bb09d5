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

/* In what order the memory will be read */
typedef enum BuildMemoryAccess
{
	BUILD_MEMORY_RANDOM,
	BUILD_MEMORY_SEQUENTIAL
} BuildMemoryAccess;

/* Goes with the memory context and resource owner that it was made in, if not freed before. */
typedef struct BuildMemory
{
	BuildMemoryPlace place;
	BuildMemoryAccess access;
	Size size;
	char *address;
	dsm_segment *segment; /* BUILD_MEMORY_SHARED */
	File file;			  /* BUILD_MEMORY_FILE */
} BuildMemory;

/*
 * Private memory where the build is not parallel and shared memory where it is, if the size is within
 * `limit` bytes and the system has them; a file otherwise.  All bytes are `fill` at first.
 */
extern void build_memory_create(BuildMemory *memory, Size size, Size limit, bool parallel,
								BuildMemoryAccess access, int fill);
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
