/*
 * hnsw/hnsw_vacuum.h
 *		State of one vacuum, shared by hnsw_vacuum.c and hnsw_repair.c.
 */
#ifndef HNSW_HNSW_VACUUM_H
#define HNSW_HNSW_VACUUM_H

#include "hnsw/hnsw_link.h"

typedef struct HnswVacuum
{
	Relation index;
	BufferAccessStrategy strategy;
	StorageReader *reader;
	uint16 m;
	uint32 marked_count; /* ordinals that the bitmaps cover */
	uint8 *dead;		 /* DEAD nodes, to be freed */
	uint8 *abandoned;	 /* EMPTY and RESERVED nodes found by pass 1 */
	uint32 dead_count;
	uint32 abandoned_count;
} HnswVacuum;

/*
 * Iterates over the pages of the nodes' array, as far as it went when the iteration began: the
 * reader's metadata may take in new ordinals meanwhile, in the middle of a page.
 */
typedef struct HnswNodeBlocks
{
	const IndexMeta *meta;
	uint32 limit;
	uint32 next_ordinal;
	/* the current page */
	uint32 data_block;
	uint32 first_ordinal;
	uint32 count;
} HnswNodeBlocks;

static inline void
hnsw_vacuum_mark(HnswVacuum *vacuum, uint8 *bitmap, uint32 ordinal)
{
	Assert(ordinal < vacuum->marked_count);
	bitmap[ordinal >> 3] |= 1 << (ordinal & 7);
}

static inline bool
hnsw_vacuum_is_marked(const HnswVacuum *vacuum, const uint8 *bitmap, uint32 ordinal)
{
	return ordinal < vacuum->marked_count && (bitmap[ordinal >> 3] & (1 << (ordinal & 7))) != 0;
}

static inline HnswNodeBlocks
hnsw_node_blocks(const IndexMeta *meta)
{
	return (HnswNodeBlocks){.meta = meta, .limit = meta->ordinal_count};
}

extern bool hnsw_next_node_block(HnswNodeBlocks *blocks);

/* Copy a page of nodes under a share lock; false where it was never written. */
extern bool hnsw_copy_node_block(HnswVacuum *vacuum, const HnswNodeBlocks *blocks, char *page_copy);

/* The node in slot `at` of a page (or copy), its counts checked. */
extern HnswNode *hnsw_node_in_page(HnswVacuum *vacuum, char *page, uint32 at);

/* hnsw_repair.c: pass 3 */
extern void hnsw_repair(HnswVacuum *vacuum);

#endif
