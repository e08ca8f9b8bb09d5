/*
 * storage/settle_map.c
 *		The read side of the settle protocol, and adoption of a copied file.
 *
 * A view takes R and the metapage's stamps after its scan's snapshot.  What the
 * snapshot can see was changed, and stamped, before the snapshot; so a verdict
 * reached at any time after it holds for the scan, and is kept.  In recovery a stamp
 * is read under a share lock: replay of a full-page image shows a zeroed page as valid
 * for a moment, and a stamp of zero would mean "settled".  On a primary a stamp is one
 * aligned word that only goes up, and needs none.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"
#include "storage/page_write.h"
#include "storage/pin_cache.h"
#include "storage/proc.h"
#include "storage/settle_map.h"

#define VERDICT_SETTLED	  1
#define VERDICT_UNSETTLED 2

bool
settle_locator_matches(Relation index, const IndexMeta *meta)
{
	VsRelFileLocator locator = vs_relation_locator(index);

	return meta->locator_tablespace == vs_locator_tablespace(locator) &&
		   meta->locator_database == vs_locator_database(locator) &&
		   meta->locator_relation == vs_locator_relation(locator);
}

/* Does stamp 0 mean that the file has the group as the build wrote and synced it? */
static bool
trust_build(const IndexMeta *meta)
{
	return meta->build_tli != 0 && !RecoveryInProgress() &&
		   meta->build_tli == GetWALInsertionTimeLine();
}

static void
judge(SettleView *view, const IndexMeta *meta)
{
	TimeLineID timeline;

	GetOldestRestartPoint(&view->redo, &timeline);
	view->base_stamp = trust_build(meta) ? 0 : meta->base_stamp;
	view->nothing_settled =
		!settle_locator_matches(view->index, meta) || view->base_stamp > view->redo;
	view->everything_settled =
		!view->live && !view->nothing_settled && meta->newest_stamp <= view->redo;
}

void
settle_view_begin(SettleView *view, Relation index, const IndexMeta *meta, bool live)
{
	memset(view, 0, sizeof(SettleView));
	view->index = index;
	view->live = live;
	view->replays = RecoveryInProgress();
	view->pin_count = Min(pin_cache_limit(index), SETTLE_VIEW_PINS);
	judge(view, meta);
	if (!view->everything_settled && !view->nothing_settled)
	{
		view->group_count =
			(meta->data_block_count + SETTLE_GROUP_BLOCKS - 1) / SETTLE_GROUP_BLOCKS;
		view->verdicts = palloc0(view->group_count / 4 + 1);
	}
}

static void
release_map_pages(SettleView *view)
{
	for (uint32 i = 0; i < view->pin_count; i++)
	{
		if (BufferIsValid(view->map_buffers[i]))
			ReleaseBuffer(view->map_buffers[i]);
		view->map_buffers[i] = InvalidBuffer;
	}
}

void
settle_view_end(SettleView *view)
{
	release_map_pages(view);
	if (view->verdicts != NULL)
		pfree(view->verdicts);
	view->verdicts = NULL;
	view->group_count = 0;
}

void
settle_view_refresh(SettleView *view, const IndexMeta *meta)
{
	Relation index = view->index;
	bool live = view->live;

	settle_view_end(view);
	settle_view_begin(view, index, meta, live);
}

static uint64
read_stamp(SettleView *view, uint32 group)
{
	BlockNumber block = storage_settle_map_block(group * SETTLE_GROUP_BLOCKS);
	Buffer *buffer = &view->map_buffers[(group / SETTLE_STAMPS_PER_MAP) % view->pin_count];
	uint64 stamp;

	if (!BufferIsValid(*buffer) || BufferGetBlockNumber(*buffer) != block)
	{
		*buffer = ReleaseAndReadBuffer(*buffer, view->index, block);
		LockBuffer(*buffer, BUFFER_LOCK_SHARE);
		storage_page_check(view->index, BufferGetPage(*buffer), block, STORAGE_PAGE_SETTLE_MAP, 0);
		LockBuffer(*buffer, BUFFER_LOCK_UNLOCK);
	}
	if (view->replays)
		LockBuffer(*buffer, BUFFER_LOCK_SHARE);
	else
		pg_read_barrier(); /* what was copied before comes before this look */
	stamp = *(volatile uint64 *) &SettleMapPageGet(BufferGetPage(*buffer))
				 ->stamps[group % SETTLE_STAMPS_PER_MAP];
	if (view->replays)
		LockBuffer(*buffer, BUFFER_LOCK_UNLOCK);
	return stamp;
}

bool
settle_view_is_settled_now(SettleView *view, uint32 data_block)
{
	if (view->nothing_settled)
		return false;
	return Max(read_stamp(view, data_block / SETTLE_GROUP_BLOCKS), view->base_stamp) <= view->redo;
}

bool
settle_view_check_group(SettleView *view, uint32 group)
{
	bool settled = Max(read_stamp(view, group), view->base_stamp) <= view->redo;

	view->verdicts[group >> 2] |= (settled ? VERDICT_SETTLED : VERDICT_UNSETTLED)
								  << ((group & 3) * 2);
	return settled;
}

void
settle_adopt_file(Relation index)
{
	VsRelFileLocator locator = vs_relation_locator(index);
	Buffer buffer;
	PageWrite write;
	IndexMeta *meta;

	if (RecoveryInProgress() || index->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
		settle_locator_matches(index, storage_meta_get(index)))
		return;

	buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
	page_write_begin(&write, index);
	meta = page_write_metapage(&write, buffer);

	/* The same steps as for a page: the copied pages are written before the stamp is passed. */
	MyProc->delayChkptFlags |= DELAY_CHKPT_START;
	meta->locator_tablespace = vs_locator_tablespace(locator);
	meta->locator_database = vs_locator_database(locator);
	meta->locator_relation = vs_locator_relation(locator);
	meta->build_tli = 0;
	meta->base_stamp = GetRedoRecPtr() + 1;
	meta->newest_stamp = Max(meta->newest_stamp, meta->base_stamp);
	page_write_finish(&write);
	MyProc->delayChkptFlags &= ~DELAY_CHKPT_START;
	UnlockReleaseBuffer(buffer);
}

double
settle_map_settled_share(Relation index, const IndexMeta *meta)
{
	SettleView view;
	uint32 settled = 0;
	uint32 groups;

	settle_view_begin(&view, index, meta, false);
	groups = view.group_count;
	for (uint32 group = 0; group < groups; group++)
	{
		CHECK_FOR_INTERRUPTS();
		settled += settle_view_check_group(&view, group) ? 1 : 0;
	}
	if (view.everything_settled)
		settled = groups = 1;
	else if (view.nothing_settled)
		settled = 0, groups = 1;
	settle_view_end(&view);
	return groups == 0 ? 1.0 : (double) settled / groups;
}
