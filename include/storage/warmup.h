/*
 * storage/warmup.h
 *		Bringing an index's vector pages into memory, and keeping them there.
 *
 * prefetch: into the page cache (mmap) or into shared buffers up to their size
 * (buffer_pool).  lock (mmap only): also mlock, held by a background worker for
 * as long as the server runs.
 */
#ifndef STORAGE_WARMUP_H
#define STORAGE_WARMUP_H

#include "storage/vector_store.h"

/*
 * Do it now, in this process, for all array pages; returns the number of blocks read.  kind
 * WARMUP_LOCK needs storage mmap (ERROR otherwise).  Progress shows in pg_stat_activity.
 */
extern BlockNumber warmup_index(Relation index, StorageKind storage, WarmupKind kind);

/*
 * Ask for a dynamic background worker that warms the index up (and, for WARMUP_LOCK, stays and
 * holds the lock); does not wait.  Silently does nothing where no worker slot is free, the server
 * is single-user, or such a worker runs for this index already.
 */
extern void warmup_request_worker(Oid database, Oid index);

/* Called at each scan's begin: asks for a worker once per backend, index file and option setting
 * when the index has warmup set and its file is cold (a probe by mincore of some pages). */
extern void warmup_on_first_use(Relation index, StorageReader *reader);

/* With shared_preload_libraries: register the launcher that warms every such index at start. */
extern void warmup_init(void);

#endif
