/*
 * hnsw/hnsw_edge_codes.h
 *		Codes beside the edges: making those of a list, and changing them with it.
 *
 * A list of an index with codes = edges has a code of each neighbor, relative to the vector of the
 * node that the list belongs to (hnsw/hnsw_page.h).  A list is encoded before its page is locked;
 * under the lock codes are only moved.
 */
#ifndef HNSW_HNSW_EDGE_CODES_H
#define HNSW_HNSW_EDGE_CODES_H

#include "hnsw/hnsw_node.h"

/* Means to encode lists */
typedef struct HnswEdgeCoder
{
	DistanceMetric metric;
	uint32 dimensions;
	uint32 bits;
	uint32 block_size;
	float *center;	/* rotated */
	float *rotated; /* of a neighbor */
} HnswEdgeCoder;

/* Memory in the current context. */
extern void hnsw_edge_coder_init(HnswEdgeCoder *coder, const IndexMeta *meta);
extern void hnsw_edge_coder_free(HnswEdgeCoder *coder);

/* The code in a lane of a list's blocks; `block` is the list's first block. */
static inline char *
hnsw_edge_block(const HnswEdgeCoder *coder, char *blocks, uint32 lane)
{
	return blocks + (Size) (lane / RABITQ_BLOCK) * coder->block_size;
}

extern void
hnsw_edge_coder_put(const HnswEdgeCoder *coder, const float *rotated, char *blocks, uint32 lane);
extern void hnsw_edge_coder_move(const HnswEdgeCoder *coder, const char *from, uint32 from_lane,
								 char *to, uint32 to_lane);

/*
 * Codes of the neighbors of node `base`, whose vector is written, from lane 0 on; of those alone that
 * are not in `known`, if that is given.  `blocks` is zeroed memory for all blocks of the list.  Nodes
 * are not freed meanwhile.
 */
extern void hnsw_edge_codes_encode(StorageReader *reader, uint32 base, const HnswList *list,
								   const HnswList *known, char *blocks);

#endif
