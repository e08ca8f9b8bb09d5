/*
 * storage/warmup.c
 *		Reading an index's array pages into memory, most useful first.
 *
 * A job covers the blocks of every array's runs: parameters, graph nodes and
 * upper levels, codes, raw vectors.  It stops where memory is full (the arrays
 * that come first are the ones that every search touches, so pushing them out
 * again for raw vectors would do harm).
 *
 * Blocks that hold slots in use must exist: a truncated file is an ERROR.
 * Blocks that a run has beyond those are read where the file has them.
 */
#include "postgres.h"
#include "compat.h"

#include <sys/resource.h>

#include "miscadmin.h"
#include "storage/warmup.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/spccache.h"

/* Blocks of one step */
#define STEP_BLOCKS ((BlockNumber) (8 * 1024 * 1024 / BLCKSZ))

/* What a search touches most comes first. */
static const PageArrayId array_order[] = {
	PAGE_ARRAY_PARAMETERS, PAGE_ARRAY_METHOD_0, PAGE_ARRAY_METHOD_1,
	PAGE_ARRAY_METHOD_2,   PAGE_ARRAY_CODES,	PAGE_ARRAY_VECTORS,
};

/* Slots of an array that are known to be in use: those of ordinals that were handed out. */
static uint32
count_used_slots(const IndexMeta *meta, PageArrayId array)
{
	if (array == PAGE_ARRAY_VECTORS || array == PAGE_ARRAY_CODES || array == PAGE_ARRAY_METHOD_0)
		return meta->ordinal_count;
	return 0;
}

/* Blocks from a run's start that hold used slots. */
static uint32
count_used_blocks(const PageArrayMeta *array, const PageRun *run, uint32 used_slots)
{
	if (used_slots <= run->first_slot)
		return 0;
	return Min(run->block_count, page_array_blocks_for_slots(array, used_slots - run->first_slot));
}

static void
plan_ranges(WarmupJob *job, const IndexMeta *meta, BlockNumber file_blocks, uint32 first_data_block)
{
	int most = 0;

	for (size_t i = 0; i < lengthof(array_order); i++)
		most += (int) meta->arrays[array_order[i]].run_count;
	job->ranges = palloc(Max(most, 1) * sizeof(WarmupRange));

	for (size_t i = 0; i < lengthof(array_order); i++)
	{
		const PageArrayMeta *array = &meta->arrays[array_order[i]];
		uint32 used_slots = count_used_slots(meta, array_order[i]);

		for (uint32 r = 0; r < array->run_count; r++)
		{
			const PageRun *run = &array->runs[r];
			uint32 from = Max(run->first_block, first_data_block);
			uint32 used_end = run->first_block + count_used_blocks(array, run, used_slots);
			uint32 end = run->first_block + run->block_count;
			BlockNumber first;
			BlockNumber block_end;

			if (from >= end)
				continue;
			/* Settle map pages in between come along. */
			first = storage_block_of_data_block(from);
			block_end = Min(storage_block_of_data_block(end - 1) + 1, file_blocks);
			if (used_end > from)
				block_end = Max(block_end, storage_block_of_data_block(used_end - 1) + 1);
			if (block_end <= first)
				continue;
			job->ranges[job->range_count].first = first;
			job->ranges[job->range_count++].count = block_end - first;
			job->total += block_end - first;
		}
	}
	job->data_block_end = meta->data_block_count;
}

/* The part of the index that memory has room for. */
static void
limit_to_memory(WarmupJob *job, Relation index)
{
	BlockNumber limit;
	BlockNumber all = job->total;

	if (job->storage == STORAGE_MMAP)
	{
		uint64 available = memory_available_bytes() / BLCKSZ;

		/* Leave a tenth for what other processes need next. */
		limit = (BlockNumber) Min(available - available / 10, MaxBlockNumber);
		job->huge = all < available / 2;
	}
	else
		limit = RelationUsesLocalBuffers(index) ? (BlockNumber) num_temp_buffers
												: (BlockNumber) NBuffers;

	if (all <= limit)
		return;
	job->total = limit;
	ereport(NOTICE, (errmsg("index \"%s\" does not fit into %s", RelationGetRelationName(index),
							job->storage == STORAGE_MMAP ? "memory" : "shared buffers"),
					 errdetail("%u of its %u blocks are brought into memory, the most used ones "
							   "first.",
							   limit, all)));
}

static void
release_map(void *argument)
{
	WarmupJob *job = argument;

	if (job->map == NULL)
		return;
	if (job->lock)
		file_map_unlock(job->map);
	file_map_release(job->map);
	job->map = NULL;
}

WarmupJob *
warmup_job_begin(Relation index, StorageKind storage, bool lock, uint32 first_data_block)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vectorstore warmup", ALLOCSET_SMALL_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	WarmupJob *job = palloc0(sizeof(WarmupJob));
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	job->context = context;
	job->storage = storage;
	job->lock = lock;
	callback->func = release_map;
	callback->arg = job;
	MemoryContextRegisterResetCallback(context, callback);

	plan_ranges(job, storage_meta_get(index), RelationGetNumberOfBlocks(index), first_data_block);
	limit_to_memory(job, index);
	if (storage == STORAGE_MMAP)
		job->map = file_map_acquire(index);
	MemoryContextSwitchTo(outer);
	return job;
}

void
warmup_job_end(WarmupJob *job)
{
	MemoryContextDelete(job->context);
}

static void
report_lock_limit(const WarmupJob *job, Relation index, int lock_errno)
{
	struct rlimit limit;
	uint64 needed = ((uint64) job->total * BLCKSZ + 1023) / 1024;
	uint64 allowed = 0;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		allowed = (uint64) limit.rlim_cur / 1024;
	errno = lock_errno;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not lock index \"%s\" in memory: %m", RelationGetRelationName(index)),
			 errdetail("The limit on locked memory (RLIMIT_MEMLOCK) is %llu kB, the index needs "
					   "%llu kB.  It is read into memory without being locked there.",
					   (unsigned long long) allowed, (unsigned long long) needed),
			 errhint("Start the server with a higher limit (\"ulimit -l\", or LimitMEMLOCK in its "
					 "systemd unit), or use warmup = prefetch.")));
}

static void
lock_blocks(WarmupJob *job, Relation index, BlockNumber first, BlockNumber count)
{
	int lock_errno;

	if (!job->lock || file_map_lock(job->map, first, count))
		return;
	lock_errno = errno;
	/* Half an index locked is worth little, and hides that the limit is too low. */
	file_map_unlock(job->map);
	job->lock = false;
	report_lock_limit(job, index, lock_errno);
}

/* Read blocks into shared (or local) buffers, with some reads under way ahead of the one in hand. */
static void
read_buffers(Relation index, BlockNumber first, BlockNumber count)
{
	BlockNumber distance =
		(BlockNumber) get_tablespace_maintenance_io_concurrency(index->rd_rel->reltablespace);
	BlockNumber asked = 0;

	for (BlockNumber i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; asked < count && asked < i + distance; asked++)
			(void) PrefetchBuffer(index, MAIN_FORKNUM, first + asked);
		ReleaseBuffer(ReadBuffer(index, first + i));
	}
}

static void
report_progress(const WarmupJob *job, Relation index)
{
	char activity[NAMEDATALEN + 100];

	snprintf(activity, sizeof(activity), "vectorstore warmup of index \"%s\": %u of %u blocks",
			 RelationGetRelationName(index), job->done, job->total);
	pgstat_report_activity(STATE_RUNNING, activity);
}

bool
warmup_job_step(WarmupJob *job, Relation index)
{
	const WarmupRange *range;
	BlockNumber first;
	BlockNumber count;

	while (job->range < job->range_count && job->offset >= job->ranges[job->range].count)
	{
		job->range++;
		job->offset = 0;
	}
	if (job->range >= job->range_count || job->done >= job->total)
		return false;

	range = &job->ranges[job->range];
	first = range->first + job->offset;
	count = Min(STEP_BLOCKS, range->count - job->offset);
	count = Min(count, job->total - job->done);
	if (job->storage == STORAGE_MMAP)
	{
		file_map_populate(job->map, first, count, job->huge);
		lock_blocks(job, index, first, count);
	}
	else
		read_buffers(index, first, count);
	job->offset += count;
	job->done += count;
	report_progress(job, index);
	return true;
}

BlockNumber
warmup_index(Relation index, StorageKind storage, WarmupKind kind)
{
	const char *reason;
	StorageKind effective = storage_effective_kind(index, storage, NULL, &reason);
	bool lock = kind == WARMUP_LOCK;
	WarmupJob *job;
	BlockNumber done;

	if (lock && effective != STORAGE_MMAP)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" cannot be locked in memory", RelationGetRelationName(index)),
				 errdetail("Its storage in effect is buffer_pool (%s).", reason),
				 errhint("Where mmap can't be in effect, use warmup = prefetch.")));

	job = warmup_job_begin(index, effective, lock, 0);
	while (warmup_job_step(job, index))
		;
	done = job->done;
	lock = job->lock;
	warmup_job_end(job);
	/* A session's lock would go with the session: a worker takes it over. */
	if (lock)
		(void) warmup_request_worker(RelationGetRelid(index));
	if (debug_query_string != NULL)
		pgstat_report_activity(STATE_RUNNING, debug_query_string);
	return done;
}
