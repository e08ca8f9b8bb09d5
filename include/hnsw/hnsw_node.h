/*
 * hnsw/hnsw_node.h
 *		Reading and changing nodes of the graph on their pages.
 *
 * A "list" is the neighbors of one node on one level, wherever it is stored.
 * Readers get copies; every id in a copy is below the number of ordinals.
 */
#ifndef HNSW_HNSW_NODE_H
#define HNSW_HNSW_NODE_H

#include "hnsw/hnsw.h"
#include "storage/page_write.h"
#include "storage/vector_store.h"

/* Room for any node or upper slot without codes, m <= HNSW_MAX_M; aligned */
typedef union HnswSlot
{
	HnswNode node;
	HnswUpper upper;
	char bytes[1024];
} HnswSlot;

/* One list, copied */
typedef struct HnswList
{
	uint32 count;
	uint32 ids[2 * HNSW_MAX_M];
} HnswList;

/*
 * Copy a node, without codes beside its edges.  Where the map shows one that was never written or is free, the page in shared
 * buffers decides.  ERROR (ERRCODE_INDEX_CORRUPTED) for an EMPTY node and for counts or ids out of
 * range.  The lists of FREE and RESERVED nodes read as empty.
 */
extern void hnsw_read_node(StorageReader *reader, uint32 ordinal, HnswSlot *slot);

/* The same, and its TIDs are whole: vacuum moves TIDs of rows that a snapshot sees. */
extern void hnsw_read_node_whole(StorageReader *reader, uint32 ordinal, HnswSlot *slot);

/* The same, always from shared buffers: what is on the page now. */
extern void hnsw_read_node_current(StorageReader *reader, uint32 ordinal, HnswSlot *slot);

/*
 * Copy a node's list of a level; `node` is its slot as read before.  A node that has no such level
 * gives an empty list.  `current` = from shared buffers.
 */
extern void hnsw_read_list(StorageReader *reader, uint32 ordinal, const HnswNode *node, int level,
						   bool current, HnswList *list);

static inline bool
hnsw_list_contains(const HnswList *list, uint32 ordinal)
{
	for (uint32 i = 0; i < list->count; i++)
	{
		if (list->ids[i] == ordinal)
			return true;
	}
	return false;
}

/*
 * Replace a node's list of a level, and the codes beside it, in one WAL record, if the list on the page still is `expected`
 * and the node is still LIVE; false otherwise.  Neighbors that stay keep their places in the list, so
 * that little has to be written.
 */
extern bool hnsw_replace_list(StorageReader *reader, uint32 ordinal, const HnswNode *node,
							  int level, const HnswList *expected, const HnswList *replacement);

/* The change of one node's list of level 0 */
typedef struct HnswListChange
{
	uint32 ordinal;
	const HnswList *expected;
	const HnswList *replacement;
	bool done;
} HnswListChange;

/*
 * The same for lists of level 0 of nodes that are on one page and in order, in one WAL record; `done` is what
 * hnsw_replace_list returns.
 */
extern void
hnsw_replace_lists_of_page(StorageReader *reader, HnswListChange *changes, uint32 count);

/*
 * Set a node's link to the next one with an equal vector, if it still is `expected` and the node is
 * LIVE; false otherwise.
 */
extern bool
hnsw_replace_next(StorageReader *reader, uint32 ordinal, uint32 expected, uint32 replacement);

/* May the node be a neighbor on this level? */
static inline bool
hnsw_node_is_linkable(const HnswNode *node, int level)
{
	return node->state == HNSW_NODE_LIVE && node->level >= level &&
		   (node->flags & HNSW_NODE_CONTINUATION) == 0;
}

#endif
