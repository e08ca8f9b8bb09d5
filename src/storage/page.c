/*
 * storage/page.c
 *		Initialising and checking the pages of an index file.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/page.h"

void
storage_page_init(Page page, StoragePageKind kind, uint16 array)
{
	StoragePageOpaque *opaque;

	PageInit(page, BLCKSZ, sizeof(StoragePageOpaque));
	opaque = StoragePageGetOpaque(page);
	opaque->kind = kind;
	opaque->array = array;
	opaque->unused = 0;
	opaque->page_id = STORAGE_PAGE_ID;

	/* No hole: generic WAL would drop what lies between the two. */
	((PageHeader) page)->pd_lower = ((PageHeader) page)->pd_special;
	((PageHeader) page)->pd_upper = ((PageHeader) page)->pd_special;
}

void
storage_page_check(Relation index, Page page, BlockNumber block, StoragePageKind kind, uint16 array)
{
	PageHeader header = (PageHeader) page;
	StoragePageOpaque *opaque;

	if (PageIsNew(page))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains unexpected zero page at block %u",
							   RelationGetRelationName(index), block),
						errhint("Please REINDEX it.")));

	opaque = (StoragePageOpaque *) (page + BLCKSZ - MAXALIGN(sizeof(StoragePageOpaque)));
	if (header->pd_special != BLCKSZ - MAXALIGN(sizeof(StoragePageOpaque)) ||
		PageGetPageSize(page) != BLCKSZ || opaque->page_id != STORAGE_PAGE_ID ||
		opaque->kind != kind || opaque->array != array)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" contains corrupted page at block %u",
							   RelationGetRelationName(index), block),
						errhint("Please REINDEX it.")));
}
