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

pg_attribute_noreturn() static void report_page(Relation index, Page page, BlockNumber block)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 PageIsNew(page) ? errmsg("index \"%s\" contains unexpected zero page at block %u",
									  RelationGetRelationName(index), block)
							 : errmsg("index \"%s\" contains corrupted page at block %u",
									  RelationGetRelationName(index), block),
			 errhint("Please REINDEX it.")));
}

/*
 * The special area alone tells: it names kind, array and us, and is all zeroes on a zero page.  A
 * scan that comes to a page for one slot would pay a cache miss more for a look at the header.
 */
void
storage_page_check(Relation index, Page page, BlockNumber block, StoragePageKind kind, uint16 array)
{
	StoragePageOpaque *opaque =
		(StoragePageOpaque *) (page + BLCKSZ - MAXALIGN(sizeof(StoragePageOpaque)));

	if (opaque->page_id != STORAGE_PAGE_ID || opaque->kind != kind || opaque->array != array)
		report_page(index, page, block);
}
