/*
 * hnsw/hnsw_vacuum.h
 *		State of one vacuum, shared by hnsw_vacuum.c and hnsw_repair.c.
 */
#ifndef HNSW_HNSW_VACUUM_H
#define HNSW_HNSW_VACUUM_H

#include "hnsw/hnsw_link.h"
#include "index/ordinal_set.h"

typedef struct HnswVacuum
{
	Relation index;
	BufferAccessStrategy strategy;
	StorageReader *reader;
	uint16 m;
	OrdinalSet dead;	  /* DEAD nodes, to be freed */
	OrdinalSet linkable;  /* nodes that pass 1 saw fit to be neighbors on level 0 */
	OrdinalSet abandoned; /* EMPTY and RESERVED nodes found by pass 1 */
} HnswVacuum;

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
