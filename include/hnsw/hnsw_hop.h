/*
 * hnsw/hnsw_hop.h
 *		One hop of a walk: the neighbors of a node that the walk has not met, and
 *		their distances to the query.
 *
 * Where the whole index is settled and warm, a hop is one mapped-read section: the
 * list is read in place, ids are checked against the bounds, codes are addressed by
 * arithmetic and asked for together before the first is read.  In buffer_pool mode,
 * and where a part of the index is not settled, list and codes are read in place too,
 * without pins (storage/slot_look.h); what they lead to is read again with a pin
 * before it is given out.  In all other cases the node is copied and codes are fetched in batches (hnsw_node.c, storage_read_batch), which
 * also is what reports a corrupted node.
 */
#ifndef HNSW_HNSW_HOP_H
#define HNSW_HNSW_HOP_H

#include "hnsw/hnsw_node.h"
#include "index/index_query.h"
#include "index/visited_set.h"
#include "storage/mapped_array.h"

/* Most nodes of one hop (hnsw_hop_together) */
#define HNSW_HOP_NODES 3

typedef struct HnswHop
{
	StorageReader *reader;
	const IndexQuery *query;
	uint32 m;
	void *long_vector; /* room for one that is longer than its slot; NULL as long as none was met */

	/* Reading in place, in the map alone or (by_looks) in shared buffers too */
	bool in_place;
	bool by_looks;
	uint32 touched; /* bytes of a code that are asked for before the first distance */
	MappedArray nodes;
	MappedArray upper; /* its limit is 0 where there are no upper levels */
	MappedArray codes;
	const void **slots;

	/* The hop to make; `visited` is NULL for one that takes all neighbors */
	uint32 ordinal;
	int level;
	VisitedSet *visited;
	bool done; /* in place */

	/* What it found */
	uint8 state; /* of the node */
	uint8 flags;
	uint32 next; /* with an equal vector */
	uint32 count;
	uint32 *ordinals;
	float *distances; /* INFINITY for what has none */
} HnswHop;

/* Prepare; memory in the current context. */
extern void hnsw_hop_begin(HnswHop *hop, StorageReader *reader, const IndexQuery *query);

/* Read the node's list of a level.  The visited set must have room for 2m more. */
extern void hnsw_hop(HnswHop *hop, uint32 ordinal, int level, VisitedSet *visited);

/*
 * The same for several nodes at once, so that the cache misses of one overlap with those of the others;
 * only where hop->by_looks.  `linkable` tells of each whether it is LIVE and starts its chain.  The
 * visited set must have room for 2m of each.
 */
extern void hnsw_hop_together(HnswHop *hop, const uint32 *nodes, uint32 count, int level,
							  VisitedSet *visited, bool *linkable);

/* Ask for a node that a hop may read soon. */
extern void hnsw_hop_touch(HnswHop *hop, uint32 ordinal);

/* Distances of any number of nodes; NaN (corrupt or overflowing data) becomes INFINITY. */
extern void hnsw_hop_measure(HnswHop *hop, PageArrayId array, const uint32 *ordinals, uint32 count,
							 float *distances);

#endif
