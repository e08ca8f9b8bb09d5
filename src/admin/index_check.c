/*
 * admin/index_check.c
 *		vectorstore_index_check(regclass): verifies an index, ERROR at the first
 *		violation.
 *
 * Every block of the file: its checksum as it stands on disk (reads through the
 * map don't verify it), and its header, kind and array as seen through shared
 * buffers.  The runs of the page arrays: none overlaps another, together they
 * are all data blocks.  Then the index method's own structures (hnsw_check.c,
 * ivf_check.c).
 *
 * The table is locked in SHARE mode: reads go on, writes wait.  On a standby,
 * where that lock can't be had and replay writes all the while, only what holds
 * for every page on its own is checked.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "admin/own_index.h"
#include "hnsw/hnsw_check.h"
#include "ivf/ivf.h"
#include "miscadmin.h"
#include "storage/checksum.h"
#include "storage/page_array.h"
#include "storage/settle_map.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(vectorstore_index_check);

/* Which array a data block belongs to, sorted by blocks */
typedef struct RunOfArray
{
	uint32 first;
	uint32 end;
	uint16 array;
} RunOfArray;

typedef struct PageCheck
{
	Relation index;
	bool strict;
	bool has_checksums;
	BufferAccessStrategy strategy;
	const IndexMeta *meta;
	RunOfArray *runs;
	int run_count;
} PageCheck;

static int
compare_runs(const void *a, const void *b)
{
	uint32 first_a = ((const RunOfArray *) a)->first;
	uint32 first_b = ((const RunOfArray *) b)->first;

	return (first_a > first_b) - (first_a < first_b);
}

static void
collect_runs(PageCheck *check)
{
	const IndexMeta *meta = check->meta;
	uint32 end = 0;

	check->runs = palloc(PAGE_ARRAY_COUNT * PAGE_ARRAY_MAX_RUNS * sizeof(RunOfArray));
	for (int i = 0; i < PAGE_ARRAY_COUNT; i++)
	{
		for (uint32 r = 0; r < meta->arrays[i].run_count; r++)
		{
			RunOfArray *run = &check->runs[check->run_count++];

			run->first = meta->arrays[i].runs[r].first_block;
			run->end = run->first + meta->arrays[i].runs[r].block_count;
			run->array = (uint16) i;
		}
	}
	qsort(check->runs, check->run_count, sizeof(RunOfArray), compare_runs);

	/* Every data block belongs to one array. */
	for (int i = 0; i < check->run_count; i++)
	{
		if (check->runs[i].first != end)
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("metapage of index \"%s\" is corrupted",
								   RelationGetRelationName(check->index)),
							errdetail("Data block %u belongs to %s page array.",
									  Min(end, check->runs[i].first),
									  end < check->runs[i].first ? "no" : "more than one"),
							errhint("Please REINDEX it.")));
		end = check->runs[i].end;
	}
	if (end != meta->data_block_count)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("metapage of index \"%s\" is corrupted",
							   RelationGetRelationName(check->index)),
						errdetail("It counts %u data blocks, but its page arrays have %u.",
								  meta->data_block_count, end),
						errhint("Please REINDEX it.")));
}

/* The kind of page that a block of the file must be; false where no run covers it. */
static bool
expected_kind(const PageCheck *check, BlockNumber block, StoragePageKind *kind, uint16 *array)
{
	uint32 data_block;

	*array = 0;
	if (block == STORAGE_METAPAGE_BLOCK)
	{
		*kind = STORAGE_PAGE_META;
		return true;
	}
	if (storage_block_is_settle_map(block))
	{
		*kind = STORAGE_PAGE_SETTLE_MAP;
		/* The first data block behind it tells whether it is in use. */
		data_block = block - 1 - (block - 1) / (SETTLE_BLOCKS_PER_MAP + 1);
		return data_block < check->meta->data_block_count;
	}
	*kind = STORAGE_PAGE_ARRAY;
	data_block = block - 2 - (block - 1) / (SETTLE_BLOCKS_PER_MAP + 1);
	for (int i = 0; i < check->run_count; i++)
	{
		if (data_block >= check->runs[i].first && data_block < check->runs[i].end)
		{
			*array = check->runs[i].array;
			return true;
		}
	}
	return false;
}

static bool
checksum_is_right(char *page, BlockNumber block)
{
	return PageIsNew(page) || ((PageHeader) page)->pd_checksum == pg_checksum_page(page, block);
}

/*
 * The block as the file has it.  A page that is being written just now may look torn: it is read
 * again with its buffer locked, so that nobody writes it.  Where the page isn't in shared buffers,
 * reading it there complains by itself.
 */
static void
check_checksum(PageCheck *check, BlockNumber block)
{
	PGIOAlignedBlock page;
	Buffer buffer;

	smgrread(RelationGetSmgr(check->index), MAIN_FORKNUM, block, page.data);
	if (checksum_is_right(page.data, block))
		return;

	buffer = ReadBufferExtended(check->index, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	smgrread(RelationGetSmgr(check->index), MAIN_FORKNUM, block, page.data);
	UnlockReleaseBuffer(buffer);
	if (!checksum_is_right(page.data, block))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains corrupted page at block %u",
							   RelationGetRelationName(check->index), block),
						errdetail("Its checksum in the file is %u, expected %u.",
								  ((PageHeader) page.data)->pd_checksum,
								  pg_checksum_page(page.data, block)),
						errhint("Please REINDEX it.")));
}

/* No group's stamp is above the newest one: searches rely on that to skip the settle map. */
static void
check_stamps(PageCheck *check, BlockNumber block, Page page)
{
	const SettleMapPage *map = SettleMapPageGet(page);

	for (size_t i = 0; i < SETTLE_STAMPS_PER_MAP; i++)
	{
		if (map->stamps[i] > check->meta->newest_stamp)
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("settle map of index \"%s\" is corrupted at block %u",
								   RelationGetRelationName(check->index), block),
							errdetail("Stamp %X/%X is above the newest one, %X/%X.",
									  LSN_FORMAT_ARGS(map->stamps[i]),
									  LSN_FORMAT_ARGS(check->meta->newest_stamp)),
							errhint("Please REINDEX it.")));
	}
}

static void
check_header(PageCheck *check, BlockNumber block)
{
	StoragePageKind kind;
	uint16 array;
	bool is_used = expected_kind(check, block, &kind, &array);
	Buffer buffer =
		ReadBufferExtended(check->index, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	/*
	 * Pages of an array may be new until they are first written; the method knows whether there
	 * should be something on them.  On a standby a run may be older than what is seen of it here.
	 */
	if (is_used &&
		!(PageIsNew(BufferGetPage(buffer)) && (kind == STORAGE_PAGE_ARRAY || !check->strict)))
	{
		storage_page_check(check->index, BufferGetPage(buffer), block, kind, array);
		if (kind == STORAGE_PAGE_SETTLE_MAP && check->strict)
			check_stamps(check, block, BufferGetPage(buffer));
	}
	UnlockReleaseBuffer(buffer);
}

static void
check_pages(Relation index, bool strict)
{
	const char *checksums = GetConfigOption("data_checksums", false, false);
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	PageCheck check = {.index = index, .strict = strict};
	IndexMeta meta;

	/* A copy: the relation's own goes with any invalidation. */
	storage_meta_copy(&meta, storage_meta_get(index));
	check.meta = &meta;
	check.has_checksums = checksums != NULL && strcmp(checksums, "on") == 0;
	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	collect_runs(&check);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		if (check.has_checksums)
			check_checksum(&check, block);
		check_header(&check, block);
	}
	FreeAccessStrategy(check.strategy);
}

Datum
vectorstore_index_check(PG_FUNCTION_ARGS)
{
	bool strict = !RecoveryInProgress();
	Relation table;
	Relation index = own_index_open(PG_GETARG_OID(0), TABLE_PRIVILEGE_MAINTAIN,
									strict ? ShareLock : AccessShareLock, &table);

	check_pages(index, strict);
	switch ((IndexMethod) storage_meta_get(index)->method)
	{
		case INDEX_METHOD_HNSW:
			hnsw_check(index, table, strict);
			break;
		case INDEX_METHOD_IVF:
			ivf_check(index, table, strict);
			break;
		default:
			ereport(
				ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("metapage of index \"%s\" is corrupted", RelationGetRelationName(index)),
				 errdetail("It names unknown method %u.", storage_meta_get(index)->method),
				 errhint("Please REINDEX it.")));
	}
	if (!strict)
		ereport(NOTICE, (errmsg("links between pages were not checked"),
						 errdetail("Recovery is in progress.")));
	relation_close(index, NoLock);
	table_close(table, NoLock);
	PG_RETURN_VOID();
}
