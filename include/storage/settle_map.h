/*
 * storage/settle_map.h
 *		When may a group of blocks be read through a memory map of the file?
 *
 * Each group of SETTLE_GROUP_BLOCKS data blocks has a stamp.  A group is
 * settled when its stamp is not above R, the redo pointer of the last
 * completed checkpoint (on a standby: restartpoint): every change of it is in
 * the file then.  The protocol and the proof are in src/README.md, "Settled
 * groups"; the write side is storage/page_write.h.
 *
 * Stamp 0 means "not changed since the build".  It counts as settled at once on
 * the node and timeline that built the index (the build synced the file), and
 * as `base_stamp` elsewhere.  Stamps belong to one file: where the metapage's
 * locator is not the relation's own, nothing is settled.
 */
#ifndef STORAGE_SETTLE_MAP_H
#define STORAGE_SETTLE_MAP_H

#include "storage/metapage.h"

typedef struct SettleMapPage
{
	uint64 stamps[SETTLE_STAMPS_PER_MAP];
} SettleMapPage;

#define SettleMapPageGet(page) ((SettleMapPage *) storage_page_payload(page))

/* Settle map pages that a view keeps pinned */
#define SETTLE_VIEW_PINS 8

/*
 * One scan's view.  Created after the scan's snapshot was taken; verdicts are kept for the scan:
 * what a snapshot can see was stamped before the snapshot, hence before the verdict.  A reader
 * without a snapshot (an insert, a vacuum) has no such line between what it must see and what not:
 * its view is `live`.  Its verdicts are right for what was written before the view began; it is begun
 * anew for each row or page (storage/vector_store.h tells what that leaves).
 */
typedef struct SettleView
{
	Relation index;
	XLogRecPtr redo;		 /* R */
	bool nothing_settled;	 /* wrong locator, or base stamp above R */
	bool everything_settled; /* newest stamp not above R */
	bool trust_build;		 /* stamp 0 is settled */
	XLogRecPtr base_stamp;
	bool live;
	bool replays;	  /* WAL is replayed: pages change in ways that no writer does */
	uint32 pin_count; /* pages that may be kept pinned, at least 1 */
	Buffer map_buffers[SETTLE_VIEW_PINS]; /* settle map page p in place p % pin_count */
	uint32 group_count;
	uint8 *verdicts; /* per group, two bits: unknown, settled, unsettled */
} SettleView;

/* Memory comes from the current context; pins are the caller's resource owner's. */
extern void settle_view_begin(SettleView *view, Relation index, const IndexMeta *meta, bool live);
extern void settle_view_end(SettleView *view);

/* Forget pins and verdicts, and learn R anew (a rescan with a later snapshot). */
extern void settle_view_refresh(SettleView *view, const IndexMeta *meta);

extern bool settle_view_check_group(SettleView *view, uint32 group);

/*
 * Whether the block is settled now, by its stamp as it is at this moment.  If so after a copy was
 * made through the map, the copy is whole: a change is stamped before it can reach the file.
 */
extern bool settle_view_is_settled_now(SettleView *view, uint32 data_block);

static inline bool
settle_view_is_settled(SettleView *view, uint32 data_block)
{
	uint32 group;
	uint8 verdict;

	if (view->everything_settled)
		return true;
	if (view->nothing_settled)
		return false;
	group = data_block / SETTLE_GROUP_BLOCKS;
	if (group >= view->group_count)
		return false;
	verdict = (view->verdicts[group >> 2] >> ((group & 3) * 2)) & 3;
	if (verdict != 0)
		return verdict == 1;
	return settle_view_check_group(view, group);
}

/* Forget the verdict on a block's group: this reader's backend has changed it. */
static inline void
settle_view_forget(SettleView *view, uint32 data_block)
{
	uint32 group = data_block / SETTLE_GROUP_BLOCKS;

	if (view->verdicts != NULL && group < view->group_count)
		view->verdicts[group >> 2] &= ~(3 << ((group & 3) * 2));
}

/* Whether the stamps on the metapage are for this relation's current file. */
extern bool settle_locator_matches(Relation index, const IndexMeta *meta);

/*
 * Make this file the one that the stamps are for (after SET TABLESPACE, CREATE DATABASE and the
 * like): nothing is settled until the next checkpoint.  Primary only; a no-op where it matches.
 */
extern void settle_adopt_file(Relation index);

/* Share of settled groups in use, 0 to 1, for vectorstore_index_info. */
extern double settle_map_settled_share(Relation index, const IndexMeta *meta);

#endif
