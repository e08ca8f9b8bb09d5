/*
 * storage/page_write.c
 *		The write side of the settle protocol: a page, its group's stamp and the
 *		metapage's newest stamp change in one generic WAL record.
 *
 * At most four pages a record (storage/page_record.h): an array page, the
 * metapage, a settle map page.  Locks are taken in that order.
 *
 * Stamping goes for every permanent relation, also where it is not WAL-logged
 * (created in this transaction under wal_level = minimal): whether a change is
 * in the file depends on checkpoints, not on WAL, and the transaction's commit
 * may log the pages without writing them to the file.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/page_record.h"
#include "storage/page_write.h"
#include "storage/pin_cache.h"
#include "storage/proc.h"
#include "storage/settle_map.h"

void
page_write_begin(PageWrite *write, Relation index)
{
	memset(write, 0, sizeof(PageWrite));
	write->index = index;
	page_record_begin();
}

Page
page_write_page(PageWrite *write, Buffer buffer, uint32 data_block, bool fresh, uint16 array)
{
	Page page;

	Assert(!write->has_page);
	Assert(BufferGetBlockNumber(buffer) == storage_block_of_data_block(data_block));
	page = page_record_add(buffer, fresh);
	if (fresh)
		storage_page_init(page, STORAGE_PAGE_ARRAY, array);
	write->has_page = true;
	write->data_block = data_block;
	return page;
}

char *
page_write_part(PageWrite *write, Buffer buffer, uint32 data_block, uint32 offset, uint32 length)
{
	Assert(!write->has_page);
	Assert(BufferGetBlockNumber(buffer) == storage_block_of_data_block(data_block));
	write->has_page = true;
	write->data_block = data_block;
	return page_record_add_part(buffer, STORAGE_PAYLOAD_OFFSET + offset, length);
}

IndexMeta *
page_write_metapage(PageWrite *write, Buffer buffer)
{
	Page page = page_record_add(buffer, false);

	write->meta_buffer = buffer;
	write->meta = storage_meta_of_page(write->index, page);
	return write->meta;
}

/*
 * Whether a stamp is above the redo pointer already.  Under a lock, although stamps only go up:
 * generic WAL changes the page before it inserts the record, and a stamp that is on the page but not
 * yet in WAL must not be relied on by a record that may come first.
 */
static bool
is_above(Buffer buffer, const uint64 *stamp, XLogRecPtr redo)
{
	bool above;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	above = *stamp > redo;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return above;
}

/*
 * Put the stamp of the page's group, and the newest stamp, above the redo pointer, which the caller
 * has read after it set DELAY_CHKPT_START.  Buffers that this function locks stay locked, for the caller.
 */
static void
set_stamps(PageWrite *write, XLogRecPtr redo, Buffer meta_buffer, Buffer map_buffer,
		   bool *meta_locked, bool *map_locked)
{
	uint32 at = (write->data_block / SETTLE_GROUP_BLOCKS) % SETTLE_STAMPS_PER_MAP;

	if (write->meta != NULL)
		write->meta->newest_stamp = Max(write->meta->newest_stamp, redo + 1);
	else if (!is_above(meta_buffer, &StorageMetaPageGet(BufferGetPage(meta_buffer))->newest_stamp,
					   redo))
	{
		IndexMeta *meta;

		LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
		*meta_locked = true;
		meta = StorageMetaPageGet(page_record_add(meta_buffer, false));
		meta->newest_stamp = Max(meta->newest_stamp, redo + 1);
	}

	if (!is_above(map_buffer, &SettleMapPageGet(BufferGetPage(map_buffer))->stamps[at], redo))
	{
		SettleMapPage *map;

		LockBuffer(map_buffer, BUFFER_LOCK_EXCLUSIVE);
		*map_locked = true;
		map = SettleMapPageGet(page_record_add(map_buffer, false));
		map->stamps[at] = Max(map->stamps[at], redo + 1);
	}
}

/*
 * What this backend knows of stamps: that the one of a group, and the newest one, were above a redo
 * pointer, under a lock (is_above).  Stamps only go up, so it stays true for the file; a locator gets
 * another file only after a checkpoint, which moves the redo pointer, and one that is truncated in the
 * transaction that made it is built anew by this backend, which forgets what it knew then.
 */
typedef struct KnownStamp
{
	VsRelFileLocator locator;
	uint32 group;
	XLogRecPtr redo;
} KnownStamp;

#define KNOWN_STAMPS 1024

static KnownStamp known_stamps[KNOWN_STAMPS];

static KnownStamp *
known_stamp(const PageWrite *write)
{
	VsRelFileLocator locator = vs_relation_locator(write->index);
	uint32 group = write->data_block / SETTLE_GROUP_BLOCKS;

	return &known_stamps[(group ^ (uint32) vs_locator_relation(locator) * 0x9E3779B1U) %
						 KNOWN_STAMPS];
}

void
page_write_forget_stamps(void)
{
	memset(known_stamps, 0, sizeof(known_stamps));
}

static void
remember_stamp(const PageWrite *write, XLogRecPtr redo)
{
	*known_stamp(write) = (KnownStamp){.locator = vs_relation_locator(write->index),
									   .group = write->data_block / SETTLE_GROUP_BLOCKS,
									   .redo = redo};
}

/* The steps of a write whose stamps are known to be above the redo pointer; false where they are not. */
static bool
finish_with_known_stamp(PageWrite *write)
{
	const KnownStamp *known = known_stamp(write);
	bool is_above_redo = false;

	if (known->redo == InvalidXLogRecPtr ||
		known->group != write->data_block / SETTLE_GROUP_BLOCKS ||
		!vs_locators_equal(known->locator, vs_relation_locator(write->index)))
		return false;

	Assert((MyProc->delayChkptFlags & DELAY_CHKPT_START) == 0);
	MyProc->delayChkptFlags |= DELAY_CHKPT_START;
	if (GetRedoRecPtr() == known->redo)
	{
		page_record_finish(write->index);
		is_above_redo = true;
	}
	MyProc->delayChkptFlags &= ~DELAY_CHKPT_START;
	return is_above_redo;
}

void
page_write_finish(PageWrite *write)
{
	Relation index = write->index;
	Buffer meta_buffer = InvalidBuffer;
	Buffer map_buffer = InvalidBuffer;
	bool meta_locked = false;
	bool map_locked = false;
	XLogRecPtr redo;

	if (!write->has_page || index->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
	{
		page_record_finish(index);
		return;
	}

	if (write->meta == NULL && finish_with_known_stamp(write))
		return;

	/* All that may fail or wait for the disk comes before the checkpointer is held back. */
	map_buffer = pin_cache_read_buffer(index, storage_settle_map_block(write->data_block));
	storage_page_check(index, BufferGetPage(map_buffer), BufferGetBlockNumber(map_buffer),
					   STORAGE_PAGE_SETTLE_MAP, 0);
	meta_buffer = write->meta != NULL ? write->meta_buffer
									  : pin_cache_read_buffer(index, STORAGE_METAPAGE_BLOCK);

	Assert((MyProc->delayChkptFlags & DELAY_CHKPT_START) == 0);
	MyProc->delayChkptFlags |= DELAY_CHKPT_START;
	redo = GetRedoRecPtr();
	set_stamps(write, redo, meta_buffer, map_buffer, &meta_locked, &map_locked);
	page_record_finish(index);
	MyProc->delayChkptFlags &= ~DELAY_CHKPT_START;
	remember_stamp(write, redo);

	if (map_locked)
		LockBuffer(map_buffer, BUFFER_LOCK_UNLOCK);
	ReleaseBuffer(map_buffer);
	if (meta_locked)
		LockBuffer(meta_buffer, BUFFER_LOCK_UNLOCK);
	if (write->meta == NULL)
		ReleaseBuffer(meta_buffer);
}

void
page_write_abort(PageWrite *write)
{
	page_record_begin();
}

void
page_write_new_settle_map(Relation index, BlockNumber block)
{
	Buffer buffer = ReadBuffer(index, block);
	Page page;

	Assert(storage_block_is_settle_map(block));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	if (PageIsNew(page))
	{
		page_record_begin();
		page = page_record_add(buffer, true);
		storage_page_init(page, STORAGE_PAGE_SETTLE_MAP, 0);
		page_record_finish(index);
	}
	else
		storage_page_check(index, page, block, STORAGE_PAGE_SETTLE_MAP, 0);
	UnlockReleaseBuffer(buffer);
}
