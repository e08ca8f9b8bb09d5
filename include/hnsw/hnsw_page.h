/*
 * hnsw/hnsw_page.h
 *		What an hnsw index keeps in its page arrays and in the metapage.
 *
 *		PAGE_ARRAY_VECTORS    vectors as their type stores them (normalized for cosine)
 *		PAGE_ARRAY_CODES      their codes, unless quantizer = none or codes = edges
 *		HNSW_NODES            a node for each ordinal: level-0 neighbors, heap TIDs
 *		HNSW_UPPER            neighbors of the levels above 0
 *		HNSW_LONG             vectors that are longer than their slots, where vectors
 *		                      differ in size (hnsw/hnsw_vector.h)
 *
 * A node slot (16 + 8m + 60 bytes, rounded up to 4):
 *
 *		state level tids flags | next | upper | count -  | neighbors[2m] | tids[10]
 *
 * Level l >= 1 of a node has slot `upper + l - 1` of HNSW_UPPER: count, neighbors[m].
 *
 * With codes = edges both slots go on with the codes of those neighbors, relative to the node's own
 * vector, in blocks of 32 (quantizer/rabitq.h): lane i % 32 of block i / 32 is that of neighbors[i].
 * List and codes change in one WAL record.  Lanes from `count` on mean nothing.
 *
 * A freed node keeps its level and its upper slots; the row that takes its ordinal
 * inherits them (levels are drawn independently of the data).
 *
 * The node that starts a chain of continuations stays LIVE without TIDs as long as
 * the chain goes on.
 *
 * Node states: EMPTY (never written) -> LIVE -> DEAD (no TID left; still walked
 * through, never linked to, never given a TID) -> FREE (on the free list) ->
 * RESERVED (taken off the list by an insert, not yet written) -> LIVE.  An edge to
 * an EMPTY node is a corruption; FREE and RESERVED ones may be met by a scan that
 * read the edge before it was removed.  Vacuum frees EMPTY and RESERVED nodes that
 * a failed insert has left behind.
 */
#ifndef HNSW_HNSW_PAGE_H
#define HNSW_HNSW_PAGE_H

#include "index/vector_type.h"
#include "quantizer/rabitq.h"
#include "storage/itemptr.h"
#include "storage/metapage.h"

#define HNSW_NODES PAGE_ARRAY_METHOD_0
#define HNSW_UPPER PAGE_ARRAY_METHOD_1
#define HNSW_LONG  PAGE_ARRAY_METHOD_2

#define HNSW_NODE_TIDS 10
#define HNSW_MAX_LEVEL 30 /* levels are drawn below this; m >= 2 */

typedef enum HnswNodeState
{
	HNSW_NODE_EMPTY = 0,
	HNSW_NODE_LIVE = 1,
	HNSW_NODE_DEAD = 2,
	HNSW_NODE_FREE = 3,
	HNSW_NODE_RESERVED = 4
} HnswNodeState;

/*
 * The vector is that of another node, whose TIDs were full.  Such a node has no neighbors and is
 * nobody's; it is reached through `next` of a node with the same vector.  So a great number of equal
 * vectors costs one hop each, and does not fill neighbor lists with copies, which would cut the
 * graph in pieces.
 */
#define HNSW_NODE_CONTINUATION 0x01

typedef struct HnswNode
{
	uint8 state;
	uint8 level;
	uint8 tid_count;
	uint8 flags;  /* HNSW_NODE_CONTINUATION */
	uint32 next;  /* FREE: next on the free list; else next node with an equal vector */
	uint32 upper; /* first slot in HNSW_UPPER, if level > 0 */
	uint16 count; /* neighbors of level 0 */
	uint16 unused2;
	uint32 neighbors[FLEXIBLE_ARRAY_MEMBER]; /* 2m, then the TIDs */
} HnswNode;

typedef struct HnswUpper
{
	uint32 owner; /* the node's ordinal, for checks */
	uint16 count;
	uint16 level;
	uint32 neighbors[FLEXIBLE_ARRAY_MEMBER]; /* m */
} HnswUpper;

typedef struct HnswLongVector
{
	uint32 owner; /* the node's ordinal */
	uint32 unused;
	VaryingVector vector; /* and what is behind its header */
} HnswLongVector;

/* In IndexMeta.method_meta */
typedef struct HnswMeta
{
	uint16 m;
	uint16 ef_construction;
	uint32 entry; /* ordinal of the entry point, INVALID_ORDINAL = empty index */
	uint32 entry_level;
	uint32 upper_count; /* slots of HNSW_UPPER handed out */
	uint32 long_count;	/* slots of HNSW_LONG handed out */
	uint16 edge_bits;	/* of codes beside the edges, a dimension; 0 = codes are dense, or none */
	uint16 unused;
} HnswMeta;

static inline HnswMeta *
hnsw_meta(const IndexMeta *meta)
{
	return (HnswMeta *) meta->method_meta;
}

static inline ItemPointer
hnsw_node_tids(const HnswNode *node, uint16 m)
{
	return (ItemPointer) &node->neighbors[2 * m];
}

/* Neighbors a node may have on a level: 2m on level 0, m above. */
static inline uint32
hnsw_level_m(uint16 m, int level)
{
	return level == 0 ? 2 * (uint32) m : m;
}

/* Bytes of a node, and of an upper slot, without codes */
static inline uint32
hnsw_node_head_size(uint16 m)
{
	return (uint32) TYPEALIGN(4, offsetof(HnswNode, neighbors) + 2 * m * sizeof(uint32) +
									 HNSW_NODE_TIDS * sizeof(ItemPointerData));
}

static inline uint32
hnsw_upper_head_size(uint16 m)
{
	return (uint32) (offsetof(HnswUpper, neighbors) + m * sizeof(uint32));
}

/* Blocks of codes behind a list of a level; 0 where codes are elsewhere. */
static inline uint32
hnsw_edge_blocks(const HnswMeta *meta, int level)
{
	if (meta->edge_bits == 0)
		return 0;
	return (hnsw_level_m(meta->m, level) + RABITQ_BLOCK - 1) / RABITQ_BLOCK;
}

/* Bytes of them */
static inline uint32
hnsw_edge_codes_size(const HnswMeta *meta, uint32 dimensions, int level)
{
	if (meta->edge_bits == 0)
		return 0;
	return hnsw_edge_blocks(meta, level) * rabitq_block_size(dimensions, meta->edge_bits);
}

static inline uint32
hnsw_node_size(const HnswMeta *meta, uint32 dimensions)
{
	return hnsw_node_head_size(meta->m) + hnsw_edge_codes_size(meta, dimensions, 0);
}

static inline uint32
hnsw_upper_size(const HnswMeta *meta, uint32 dimensions)
{
	return hnsw_upper_head_size(meta->m) + hnsw_edge_codes_size(meta, dimensions, 1);
}

#endif
