/*
 * admin/warmup_worker.c
 *		Background workers that warm indexes up, and keep them locked in memory.
 *
 *		launcher   at server start, when the library is preloaded: starts a
 *				   database worker for each database, one after the other
 *		database   warms up every index of its database whose option says so;
 *				   starts a worker for each that is to be locked
 *		worker     warms one index up; for warmup = lock it stays, as long as the
 *				   index wants it, holding the lock
 *
 * Nobody has to wait long for a worker.  While it reads, it lets go of the
 * relation several times a second, so that DROP, REINDEX and ALTER get it.
 * While it holds pages locked it has no lock on the relation, and looks every
 * few seconds whether the index still wants them, and whether it has grown.  It
 * leaves its database as soon as DROP DATABASE, or a copy of the database, wants
 * it to itself.
 *
 * Where the limit on locked memory is too low, a worker stays all the same,
 * holding nothing: its claim on the index keeps others from trying again and
 * again.
 */
#include "postgres.h"
#include "compat.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "admin/own_index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "index/options.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/warmup.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* How often a worker that holds a lock looks at its database, and every how many looks at its
 * index.  DROP DATABASE waits five seconds for others to leave. */
#define DATABASE_LOOK_MS	 1000
#define LOOKS_PER_INDEX_LOOK 3

/* How long a worker that reads keeps the relation to itself */
#define STEP_ASIDE_MS 200

extern PGDLLEXPORT void vectorstore_warmup_launcher_main(Datum argument);
extern PGDLLEXPORT void vectorstore_warmup_database_main(Datum argument);
extern PGDLLEXPORT void vectorstore_warmup_worker_main(Datum argument);

/* What a worker holds of an index that is to be locked in memory */
typedef struct LockedIndex
{
	FileMap *map;
	bool is_locked;		   /* false where the limit is too low */
	uint32 data_block_end; /* data blocks below this were locked */
} LockedIndex;

static void
worker_start(Oid database)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
}

static void
transaction_start(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

/*
 * Does somebody want this database to itself?  Whoever drops, renames or copies it holds a lock on
 * it that conflicts with the one a new connection takes.
 */
static bool
is_database_wanted(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

/* The storage and the kind of warmup that the index's options ask for, and the server can give. */
static StorageKind
get_warmup(Relation index, WarmupKind *kind)
{
	const char *reason;
	StorageKind storage = storage_effective_kind(index, index_storage_option(index), NULL, &reason);

	*kind = index_warmup_option(index);
	if (*kind == WARMUP_LOCK && storage != STORAGE_MMAP)
		*kind = WARMUP_PREFETCH;
	return storage;
}

/*
 * Commit, let whoever waits for the index have it, and open it again.  NULL where it is gone, has
 * another file, or the options have changed.
 */
static Relation
step_aside(Relation index)
{
	Oid relation = RelationGetRelid(index);
	VsRelFileLocator locator = vs_relation_locator(index);
	WarmupKind old_kind;
	WarmupKind kind;
	StorageKind old_storage = get_warmup(index, &old_kind);

	relation_close(index, AccessShareLock);
	CommitTransactionCommand();
	if (is_database_wanted())
		return NULL;
	transaction_start();
	index = own_index_try_open(relation, true);
	if (index == NULL)
		return NULL;
	if (!vs_locators_equal(locator, vs_relation_locator(index)) ||
		get_warmup(index, &kind) != old_storage || kind != old_kind)
	{
		relation_close(index, AccessShareLock);
		return NULL;
	}
	return index;
}

/* Take over the job's map, and what is locked of it. */
static void
keep_locked(WarmupJob *job, LockedIndex *locked)
{
	if (locked->map == NULL)
		locked->map = job->map;
	else
	{
		Assert(locked->map == job->map);
		file_map_release(job->map);
	}
	locked->is_locked = job->lock;
	locked->data_block_end = job->data_block_end;
	job->map = NULL;
}

/*
 * Read the index's data blocks from first_data_block on, stepping aside now and then.  Called in a
 * transaction with the index open; both end here.  With `locked`, the pages are locked and what
 * holds them is put there.  False where the index or its options changed meanwhile.
 */
static bool
read_index(Relation index, uint32 first_data_block, LockedIndex *locked)
{
	WarmupKind kind;
	StorageKind storage = get_warmup(index, &kind);
	TimestampTz since = GetCurrentTimestamp();
	WarmupJob *job;
	bool is_done;

	/* The job outlives transactions. */
	MemoryContextSwitchTo(TopMemoryContext);
	job = warmup_job_begin(index, storage, locked != NULL, first_data_block);
	MemoryContextSwitchTo(CurTransactionContext);

	while (index != NULL && warmup_job_step(job, index))
	{
		CHECK_FOR_INTERRUPTS();
		if (TimestampDifferenceExceeds(since, GetCurrentTimestamp(), STEP_ASIDE_MS))
		{
			index = step_aside(index);
			since = GetCurrentTimestamp();
		}
	}

	is_done = index != NULL;
	if (is_done)
	{
		relation_close(index, AccessShareLock);
		if (locked != NULL)
			keep_locked(job, locked);
	}
	warmup_job_end(job);
	if (IsTransactionState())
		CommitTransactionCommand();
	return is_done;
}

typedef enum LockVerdict
{
	LOCK_KEEP,
	LOCK_EXTEND, /* the index has grown; it is open, in a transaction */
	LOCK_GIVE_UP,
	LOCK_RENEW /* the index has another file */
} LockVerdict;

/* Look whether the index still wants its pages locked.  Never waits. */
static LockVerdict
check_locked_index(Oid index_oid, const LockedIndex *locked, Relation *index)
{
	WarmupKind kind;

	transaction_start();
	*index = own_index_try_open(index_oid, false);
	if (*index == NULL)
	{
		/* Gone, or just now in someone else's hands: then the next look tells. */
		bool exists = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(index_oid));

		CommitTransactionCommand();
		return exists ? LOCK_KEEP : LOCK_GIVE_UP;
	}

	(void) get_warmup(*index, &kind);
	if (kind == WARMUP_LOCK && file_map_is_current(locked->map, *index))
	{
		if (locked->is_locked &&
			storage_meta_get(*index)->data_block_count > locked->data_block_end)
			return LOCK_EXTEND;
		relation_close(*index, AccessShareLock);
		CommitTransactionCommand();
		return LOCK_KEEP;
	}
	relation_close(*index, AccessShareLock);
	CommitTransactionCommand();
	return kind == WARMUP_NONE ? LOCK_GIVE_UP : LOCK_RENEW;
}

static void
report_holding(Oid index, const LockedIndex *locked)
{
	char activity[100];

	snprintf(activity, sizeof(activity),
			 locked->is_locked ? "vectorstore holds index %u locked in memory"
							   : "vectorstore could not lock index %u in memory",
			 index);
	pgstat_report_activity(STATE_IDLE, activity);
}

/* Hold the lock for as long as it is wanted.  True where the index is to be warmed up anew. */
static bool
hold_lock(Oid index_oid, LockedIndex *locked)
{
	uint32 wait_event = vs_wait_event_new("VectorstoreHoldLock");
	LockVerdict verdict = LOCK_KEEP;

	/* From here on the worker waits nowhere, so it can leave without a message. */
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	for (int looks = 1; verdict == LOCK_KEEP; looks++)
	{
		Relation index;

		report_holding(index_oid, locked);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, DATABASE_LOOK_MS,
						 wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP); /* vectorstore.default_storage */
		}
		if (ShutdownRequestPending || is_database_wanted())
			verdict = LOCK_GIVE_UP;
		else if (looks % LOOKS_PER_INDEX_LOOK == 0)
			verdict = check_locked_index(index_oid, locked, &index);
		if (verdict == LOCK_EXTEND)
			verdict = read_index(index, locked->data_block_end, locked) ? LOCK_KEEP : LOCK_RENEW;
	}
	pqsignal(SIGTERM, die);
	file_map_unlock(locked->map);
	file_map_release(locked->map);
	locked->map = NULL;
	return verdict == LOCK_RENEW;
}

/* Bring an index into memory by its options, and hold it there if they say so. */
void
vectorstore_warmup_worker_main(Datum argument)
{
	Oid index_oid = DatumGetObjectId(argument);
	Oid database;
	bool again = true;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	worker_start(database);
	if (!warmup_claim(index_oid))
		return;

	while (again && !is_database_wanted())
	{
		LockedIndex locked = {0};
		WarmupKind kind = WARMUP_NONE;
		Relation index;

		transaction_start();
		index = own_index_try_open(index_oid, true);
		if (index != NULL)
			(void) get_warmup(index, &kind);
		if (kind == WARMUP_NONE)
		{
			if (index != NULL)
				relation_close(index, AccessShareLock);
			CommitTransactionCommand();
			break;
		}
		if (!read_index(index, 0, kind == WARMUP_LOCK ? &locked : NULL))
			continue;
		again = kind == WARMUP_LOCK && hold_lock(index_oid, &locked);
	}
	warmup_unclaim(index_oid);
}

/* OIDs of the indexes of this database that are ours and have reloptions at all. */
static List *
list_candidates(MemoryContext result_context)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(catalog, 0, NULL);
	List *candidates = NIL;
	HeapTuple tuple;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);
		MemoryContext outer;

		if (class->relkind != RELKIND_INDEX || class->relpersistence == RELPERSISTENCE_TEMP ||
			heap_attisnull(tuple, Anum_pg_class_reloptions, RelationGetDescr(catalog)) ||
			!is_own_access_method(class->relam))
			continue;
		outer = MemoryContextSwitchTo(result_context);
		candidates = lappend_oid(candidates, class->oid);
		MemoryContextSwitchTo(outer);
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	return candidates;
}

/* Warm up one index of several: one that can't be read must not keep the others cold. */
static void
warm_candidate(Oid index_oid)
{
	WarmupKind kind = WARMUP_NONE;
	Relation index;

	transaction_start();
	index = own_index_try_open(index_oid, true);
	if (index != NULL)
		(void) get_warmup(index, &kind);
	if (kind == WARMUP_PREFETCH && warmup_claim(index_oid))
	{
		(void) read_index(index, 0, NULL);
		warmup_unclaim(index_oid);
		return;
	}
	if (index != NULL)
		relation_close(index, AccessShareLock);
	CommitTransactionCommand();
	if (kind == WARMUP_LOCK && !warmup_request_worker(index_oid))
		ereport(LOG, (errmsg("could not start a worker to lock index %u in memory", index_oid),
					  errhint("Consider increasing max_worker_processes.")));
}

static void
warm_candidate_or_log(Oid index_oid)
{
	PG_TRY();
	{
		warm_candidate(index_oid);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		LockReleaseSession(DEFAULT_LOCKMETHOD);
		LockReleaseSession(USER_LOCKMETHOD);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
}

/* Warm up every index of a database. */
void
vectorstore_warmup_database_main(Datum argument)
{
	List *candidates;
	ListCell *cell;

	worker_start(DatumGetObjectId(argument));

	transaction_start();
	PushActiveSnapshot(GetTransactionSnapshot());
	candidates = list_candidates(TopMemoryContext);
	PopActiveSnapshot();
	CommitTransactionCommand();

	foreach (cell, candidates)
	{
		if (is_database_wanted())
			break;
		warm_candidate_or_log(lfirst_oid(cell));
	}
}

/* OIDs of the databases that may have indexes of ours, in no order. */
static List *
list_databases(MemoryContext result_context)
{
	Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(catalog, 0, NULL);
	List *databases = NIL;
	HeapTuple tuple;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext outer;

		/* A connection to a template would make CREATE DATABASE fail. */
		if (!database->datallowconn || database->datistemplate)
			continue;
		outer = MemoryContextSwitchTo(result_context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(outer);
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	return databases;
}

/* One database after the other, so that server start isn't a rush for the disk. */
void
vectorstore_warmup_launcher_main(Datum argument)
{
	List *databases;
	ListCell *cell;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);

	transaction_start();
	PushActiveSnapshot(GetTransactionSnapshot());
	databases = list_databases(TopMemoryContext);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);

	foreach (cell, databases)
	{
		BackgroundWorker worker;
		BackgroundWorkerHandle *handle;

		warmup_worker_prepare(&worker, WARMUP_DATABASE_MAIN);
		snprintf(worker.bgw_name, sizeof(worker.bgw_name), "vectorstore warmup of database %u",
				 lfirst_oid(cell));
		worker.bgw_main_arg = ObjectIdGetDatum(lfirst_oid(cell));
		worker.bgw_notify_pid = MyProcPid;
		if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		{
			ereport(LOG,
					(errmsg("could not start a worker to warm up database %u", lfirst_oid(cell)),
					 errhint("Consider increasing max_worker_processes.")));
			continue;
		}
		(void) WaitForBackgroundWorkerShutdown(handle);
		pfree(handle);
	}
}
