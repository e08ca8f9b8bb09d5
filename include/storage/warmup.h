/*
 * storage/warmup.h
 *		Bringing an index's array pages into memory, and keeping them there.
 *
 * prefetch: into the page cache (mmap) or into shared buffers up to their size
 * (buffer_pool).  lock (mmap only): also mlock, held by a background worker for
 * as long as the server runs.  What a search touches most comes first: graph
 * nodes, codes, then raw vectors.
 *
 * The options are the caller's business (index/options.h); the workers'
 * main functions are in admin/warmup_worker.c.
 */
#ifndef STORAGE_WARMUP_H
#define STORAGE_WARMUP_H

#include "storage/vector_store.h"

/* A stretch of blocks of the file */
typedef struct WarmupRange
{
	BlockNumber first;
	BlockNumber count;
} WarmupRange;

/*
 * A warmup in pieces, so that its caller can look around between them.  Lives in a memory context
 * of its own below the one that was current at its begin; resetting that gives the map back.
 */
typedef struct WarmupJob
{
	MemoryContext context;
	StorageKind storage; /* in effect */
	FileMap *map;		 /* mmap */
	bool lock;			 /* mlock what was read; goes off when the limit is too low */
	bool huge;			 /* read as 2 MB folios */
	BlockNumber total;	 /* to be read: all, or what fits into memory */
	BlockNumber done;
	uint32 data_block_end; /* data blocks below this are covered */
	int range_count;
	int range;			/* current one */
	BlockNumber offset; /* into the current range */
	WarmupRange *ranges;
} WarmupJob;

/*
 * Plan a warmup of the data blocks from `first_data_block` on (0 = all).  Where not all of it fits
 * into memory (shared buffers for buffer_pool), the total is less; `storage` is the one in effect.
 */
extern WarmupJob *
warmup_job_begin(Relation index, StorageKind storage, bool lock, uint32 first_data_block);

/* Do the next piece (some MB); false when nothing is left.  Reports progress. */
extern bool warmup_job_step(WarmupJob *job, Relation index);

/* Free the job, but not its map where the caller has taken it out (job->map = NULL). */
extern void warmup_job_end(WarmupJob *job);

/*
 * Do it now, in this process; returns the number of blocks read.  `storage` is the option's.
 * WARMUP_LOCK needs mmap in effect (ERROR otherwise): locking is tried here, so that a limit that
 * is too low is a WARNING to the caller, and handed to a worker.  Progress shows in the query
 * column of pg_stat_activity.
 */
extern BlockNumber warmup_index(Relation index, StorageKind storage, WarmupKind kind);

/*
 * Ask for a dynamic background worker that warms the index up by its option (and, for WARMUP_LOCK,
 * stays and holds the lock); does not wait.  Silently does nothing where no worker slot is free,
 * the server is single-user, or such a worker runs for this index already.  False only then: ask
 * again later.
 */
extern bool warmup_request_worker(Oid index);

/* The same at this transaction's commit, for an index that was built in it. */
extern void warmup_request_at_commit(Relation index);

/*
 * Called at each scan's begin with the option: asks for a worker once per backend, index file and
 * option setting when the file is cold (a probe of some pages) or is to be locked.
 */
extern void warmup_on_first_use(Relation index, StorageReader *reader, WarmupKind kind);

/*
 * Only one worker warms up an index, or holds it locked, at a time.  Take or leave the right to,
 * for the session; false if another process has it.
 */
extern bool warmup_claim(Oid index);
extern void warmup_unclaim(Oid index);

/* Bytes that can be read into the page cache without pushing out other programs. */
extern uint64 memory_available_bytes(void);

/*
 * Callback for requests at commit; with shared_preload_libraries, also registers the launcher that
 * warms every such index up at start.  Called from _PG_init.
 */
extern void warmup_init(void);

/* Names by which the postmaster finds the workers' main functions (admin/warmup_worker.c). */
#define WARMUP_LAUNCHER_MAIN "vectorstore_warmup_launcher_main"
#define WARMUP_DATABASE_MAIN "vectorstore_warmup_database_main"
#define WARMUP_WORKER_MAIN	 "vectorstore_warmup_worker_main"

/* Fill in what all our workers have in common; bgw_name and arguments are the caller's. */
struct BackgroundWorker;
extern void warmup_worker_prepare(struct BackgroundWorker *worker, const char *main_function);

#endif
