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

/* The pages of nodes that there are now */
static inline PageArrayBlocks
hnsw_node_blocks(const HnswVacuum *vacuum)
{
	const IndexMeta *meta = vacuum->reader->meta;

	return page_array_blocks(meta, HNSW_NODES, meta->ordinal_count);
}

/* The node in slot `at` of a page (or copy), its counts checked. */
extern HnswNode *hnsw_node_in_page(HnswVacuum *vacuum, char *page, uint32 at);

/* hnsw_repair.c: pass 3 */
extern void hnsw_repair(HnswVacuum *vacuum);

#endif
