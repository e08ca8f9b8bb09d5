/*
 * storage/warmup_request.c
 *		Who asks for a warmup worker, and when.
 *
 * Requests are cheap and may be many (a hundred sessions find the index cold
 * after a restart), workers must be few: a worker claims its index by an
 * advisory lock of a class that SQL can't reach, and requesters look first
 * whether somebody has the claim.  Shared memory isn't needed, and a claim goes
 * with its process.
 *
 * The server's own start is the launcher's, registered here when the library is
 * preloaded; without preloading, the first scan of an index that is cold (or to
 * be locked) asks.
 */
#include "postgres.h"
#include "compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/lock.h"
#include "storage/warmup.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Fourth field of the advisory lock's tag; SQL uses 1 and 2. */
#define CLAIM_LOCK_CLASS 0x5653

/* Blocks looked at to tell a cold file, and how many of them a warm one has in memory */
#define PROBE_SAMPLES 64
#define WARM_SHARE	  0.9

/* How soon a backend looks again whether a locked index still has its worker, or got no worker */
#define ASK_AGAIN_MS 30000

/* What this backend has asked for, by index */
typedef struct FirstUse
{
	Oid index; /* hash key */
	VsRelFileLocator locator;
	StorageKind storage;
	WarmupKind kind;
	TimestampTz ask_again_at; /* DT_NOEND = never */
} FirstUse;

static HTAB *first_uses = NULL;

/* Indexes built in this transaction; in TopTransactionContext */
static List *requests_at_commit = NIL;

static void
set_claim_tag(LOCKTAG *tag, Oid index)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, index, 0, CLAIM_LOCK_CLASS);
}

bool
warmup_claim(Oid index)
{
	LOCKTAG tag;

	set_claim_tag(&tag, index);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
warmup_unclaim(Oid index)
{
	LOCKTAG tag;

	set_claim_tag(&tag, index);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

void
warmup_worker_prepare(BackgroundWorker *worker, const char *main_function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* On a standby as soon as it can be read; elsewhere that is when recovery has ended. */
	worker->bgw_start_time = BgWorkerStart_ConsistentState;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "vectorstore", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, main_function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_type, "vectorstore warmup", sizeof(worker->bgw_type));
}

static bool
register_worker(Oid index)
{
	BackgroundWorker worker;

	warmup_worker_prepare(&worker, WARMUP_WORKER_MAIN);
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "vectorstore warmup of index %u", index);
	worker.bgw_main_arg = ObjectIdGetDatum(index);
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(Oid));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

bool
warmup_request_worker(Oid index)
{
	if (!IsUnderPostmaster)
		return true;
	if (!warmup_claim(index))
		return true;
	warmup_unclaim(index);
	return register_worker(index);
}

void
warmup_request_at_commit(Relation index)
{
	MemoryContext outer;

	if (RelationUsesLocalBuffers(index) || !IsUnderPostmaster || IsParallelWorker())
		return;
	outer = MemoryContextSwitchTo(TopTransactionContext);
	requests_at_commit = list_append_unique_oid(requests_at_commit, RelationGetRelid(index));
	MemoryContextSwitchTo(outer);
}

static void
transaction_callback(XactEvent event, void *argument)
{
	ListCell *cell;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			/*
			 * The worker finds the index: the transaction is visible as committed by now.  So
			 * nothing may fail any more, and no claim is tried, which takes a place in the lock
			 * table; a worker that finds it taken leaves.
			 */
			foreach (cell, requests_at_commit)
				(void) register_worker(lfirst_oid(cell));
			requests_at_commit = NIL;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			requests_at_commit = NIL;
			break;
		default:
			break;
	}
}

/*
 * Is the index elsewhere than in memory?  Looks at some blocks of what a warmup reads last, raw
 * vectors, unless there is no room for those: then at graph nodes.
 */
static bool
is_cold(Relation index, StorageReader *reader)
{
	const IndexMeta *meta = reader->meta;
	bool is_mapped = reader->map != NULL;
	uint64 room = is_mapped ? memory_available_bytes() / BLCKSZ : (uint64) NBuffers;
	const PageArrayMeta *array =
		&meta->arrays[meta->data_block_count < room - room / 10 ? PAGE_ARRAY_VECTORS
																: PAGE_ARRAY_METHOD_0];
	uint32 ordinals = Min(meta->ordinal_count, array->capacity);
	BlockNumber blocks[PROBE_SAMPLES];
	int warm = 0;

	if (ordinals == 0)
		return false;
	for (int i = 0; i < PROBE_SAMPLES; i++)
	{
		uint32 ordinal = (uint32) ((uint64) ordinals * i / PROBE_SAMPLES);

		blocks[i] = storage_block_of_data_block(page_array_place(array, ordinal).data_block);
	}

	if (is_mapped)
		warm = file_map_count_resident(reader->map, blocks, PROBE_SAMPLES);
	else
	{
		for (int i = 0; i < PROBE_SAMPLES; i++)
		{
			if (BufferIsValid(PrefetchBuffer(index, MAIN_FORKNUM, blocks[i]).recent_buffer))
				warm++;
		}
	}
	return warm < WARM_SHARE * PROBE_SAMPLES;
}

static FirstUse *
find_first_use(Relation index, StorageKind storage, WarmupKind kind)
{
	VsRelFileLocator locator = vs_relation_locator(index);
	Oid relation = RelationGetRelid(index);
	FirstUse *use;
	bool found;

	if (first_uses == NULL)
	{
		HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(FirstUse)};

		first_uses =
			hash_create("vectorstore warmup requests", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	use = hash_search(first_uses, &relation, HASH_ENTER, &found);
	if (!found || !vs_locators_equal(use->locator, locator) || use->storage != storage ||
		use->kind != kind)
	{
		use->locator = locator;
		use->storage = storage;
		use->kind = kind;
		use->ask_again_at = DT_NOBEGIN;
	}
	return use;
}

void
warmup_on_first_use(Relation index, StorageReader *reader, WarmupKind kind)
{
	StorageKind storage = reader->store->kind;
	FirstUse *use;
	bool was_answered = true;

	if (kind == WARMUP_NONE || RelationUsesLocalBuffers(index) || !IsUnderPostmaster ||
		IsParallelWorker())
		return;
	if (kind == WARMUP_LOCK && storage != STORAGE_MMAP)
		kind = WARMUP_PREFETCH;

	use = find_first_use(index, storage, kind);
	if (use->ask_again_at > GetCurrentStatementStartTimestamp())
		return;
	if (kind == WARMUP_LOCK || is_cold(index, reader))
		was_answered = warmup_request_worker(RelationGetRelid(index));
	if (kind == WARMUP_LOCK || !was_answered)
		use->ask_again_at =
			TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), ASK_AGAIN_MS);
	else
		use->ask_again_at = DT_NOEND;
}

void
warmup_init(void)
{
	BackgroundWorker worker;

	RegisterXactCallback(transaction_callback, NULL);

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	warmup_worker_prepare(&worker, WARMUP_LAUNCHER_MAIN);
	strlcpy(worker.bgw_name, "vectorstore warmup launcher", sizeof(worker.bgw_name));
	RegisterBackgroundWorker(&worker);
}
