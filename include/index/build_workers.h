/*
 * index/build_workers.h
 *		Parallel workers of an index build: how many, what they are given, how
 *		they begin and end.
 *
 * The leader hands over pieces of memory, each under a number; what else a worker
 * needs (heap and index, opened with the build's locks; the query's text) is seen to
 * here.  A worker's main function has the signature that LookupParallelWorkerFunction
 * wants and is exported (PGDLLEXPORT).
 */
#ifndef INDEX_BUILD_WORKERS_H
#define INDEX_BUILD_WORKERS_H

#include "access/parallel.h"
#include "nodes/execnodes.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* A piece of memory that leader and workers share */
typedef struct BuildPiece
{
	Size size;			 /* 0 = not there */
	const void *content; /* copied, or NULL: zeros */
	void *address;		 /* set by build_workers_prepare() */
} BuildPiece;

/*
 * How many workers a build of `units` (rows, nodes) is worth and may have, when each takes
 * units_per_worker; heeds the table's parallel_workers and max_parallel_maintenance_workers.
 */
extern int build_workers_count(Relation heap, double units, double units_per_worker);

/* Whether workers may read the index's rows: its expressions and predicate are parallel safe. */
extern bool build_workers_may_scan(Relation index);

/*
 * Enter parallel mode and make the segment that workers start from, with the pieces in it.  Without a
 * shared memory segment this is backend-local memory, and no worker is launched.  The caller fills
 * in the pieces and calls LaunchParallelWorkers().
 */
extern ParallelContext *
build_workers_prepare(Relation heap, Relation index, IndexInfo *index_info, const char *main_name,
					  int workers, BuildPiece *pieces, int count);

/* The snapshot for a scan of the heap by all processes, and its end with theirs. */
extern Snapshot build_workers_begin_scan(const IndexInfo *index_info);
extern void build_workers_finish_scan(ParallelContext *context, Snapshot snapshot);

/* Wait until the workers have ended, and leave parallel mode; the pieces are gone. */
extern void build_workers_finish(ParallelContext *context);

/* One worker, in its process */
typedef struct BuildWorker
{
	Relation heap;
	Relation index;
	bool is_concurrent;
	shm_toc *toc;
	LOCKMODE heap_lock;
	LOCKMODE index_lock;
	MemoryContext context; /* the current one between begin and end */
	MemoryContext old_context;
} BuildWorker;

extern void build_worker_begin(BuildWorker *worker, shm_toc *toc);
/* The n-th piece, NULL if it is not there. */
extern void *build_worker_piece(const BuildWorker *worker, int n);
extern void build_worker_end(BuildWorker *worker);

#endif
