/*
 * storage/page.h
 *		The pages of an index file, and how a data block's number becomes a
 *		block of the file.
 *
 * Every page has PostgreSQL's standard header and an 8-byte special area that
 * names its kind; what lies between is the payload.  pd_lower is kept at
 * pd_special, so that generic WAL takes the whole payload for data (it drops
 * the "hole" of a page).
 *
 *		block 0                    metapage
 *		block 1                    settle map page 0
 *		blocks 2 .. 1+COVER        data blocks 0 .. COVER-1
 *		block 2+COVER              settle map page 1
 *		...
 *
 * A settle map page stands before the SETTLE_BLOCKS_PER_MAP data blocks whose
 * stamps it holds, as in the free space map.  Everything above this header
 * counts in data blocks; storage_block_of_data_block() is the only arithmetic
 * that knows of map pages.
 */
#ifndef STORAGE_PAGE_H
#define STORAGE_PAGE_H

#include "storage/block.h"
#include "storage/bufpage.h"

/* Data blocks that an index may have: the file's blocks, less the settle map's share and a reserve */
#define STORAGE_MAX_DATA_BLOCKS (MaxBlockNumber - MaxBlockNumber / 8)

typedef enum StoragePageKind
{
	STORAGE_PAGE_META = 1,
	STORAGE_PAGE_SETTLE_MAP = 2,
	STORAGE_PAGE_ARRAY = 3 /* array number in StoragePageOpaque.array */
} StoragePageKind;

typedef struct StoragePageOpaque
{
	uint16 kind;  /* StoragePageKind */
	uint16 array; /* which page array, for STORAGE_PAGE_ARRAY */
	uint16 unused;
	uint16 page_id; /* STORAGE_PAGE_ID, the last bytes of the page, for pg_filedump and friends */
} StoragePageOpaque;

#define STORAGE_PAGE_ID 0x5653 /* "VS" */

/* Payload: from the page header to the special area */
#define STORAGE_PAYLOAD_OFFSET MAXALIGN(SizeOfPageHeaderData)
#define STORAGE_PAYLOAD_SIZE   (BLCKSZ - STORAGE_PAYLOAD_OFFSET - MAXALIGN(sizeof(StoragePageOpaque)))

#define STORAGE_METAPAGE_BLOCK 0

/* Settle map geometry: 8-byte stamps, one for each group of blocks */
#define SETTLE_GROUP_BLOCKS	  16
#define SETTLE_STAMPS_PER_MAP (STORAGE_PAYLOAD_SIZE / sizeof(uint64))
#define SETTLE_BLOCKS_PER_MAP (SETTLE_STAMPS_PER_MAP * SETTLE_GROUP_BLOCKS)

#define StoragePageGetOpaque(page) ((StoragePageOpaque *) PageGetSpecialPointer(page))

/* The block of the file that holds a data block. */
static inline BlockNumber
storage_block_of_data_block(uint32 data_block)
{
	return 2 + data_block + data_block / SETTLE_BLOCKS_PER_MAP;
}

/* The block of the file that holds the settle map page of a data block. */
static inline BlockNumber
storage_settle_map_block(uint32 data_block)
{
	return 1 + (data_block / SETTLE_BLOCKS_PER_MAP) * (SETTLE_BLOCKS_PER_MAP + 1);
}

/* Whether a block of the file is a settle map page. */
static inline bool
storage_block_is_settle_map(BlockNumber block)
{
	return block > 0 && (block - 1) % (SETTLE_BLOCKS_PER_MAP + 1) == 0;
}

static inline char *
storage_page_payload(Page page)
{
	return (char *) page + STORAGE_PAYLOAD_OFFSET;
}

/* Give a zeroed or new page its header and kind. */
extern void storage_page_init(Page page, StoragePageKind kind, uint16 array);

/* ERROR with ERRCODE_INDEX_CORRUPTED unless the page is of that kind (and array). */
extern void storage_page_check(Relation index, Page page, BlockNumber block, StoragePageKind kind,
							   uint16 array);

#endif
