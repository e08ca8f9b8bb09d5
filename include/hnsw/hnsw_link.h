/*
 * hnsw/hnsw_link.h
 *		Choosing and writing neighbor lists of nodes that are in the graph, for
 *		insert and vacuum.
 */
#ifndef HNSW_HNSW_LINK_H
#define HNSW_HNSW_LINK_H

#include "hnsw/hnsw_node.h"
#include "index/beam.h"

/* Room to choose a list in; one for each insert or vacuum. */
typedef struct HnswLinker
{
	StorageReader *reader;
	IndexType type;
	uint16 m;
	MemoryContext context;
	void *base; /* one stored vector */
	/*
	 * What is compared: codes where the quantizer measures one from another (then code_query has room
	 * for one of them), vectors elsewhere.
	 */
	PageArrayId array;
	const QuantizerRoutine *quantizer;
	const void *parameters;
	QuantizerQuery *code_query;
	/* `capacity` of each */
	const void **slots;	   /* of the candidates */
	const void **pointers; /* the same, sorted */
	float *distances;
	Candidate *candidates;
	uint32 *order;
	Beam sorted; /* where they are sorted */
	uint32 capacity;
} HnswLinker;

/* Memory in the context that is current now; grows with the number of candidates. */
extern void hnsw_linker_begin(HnswLinker *linker, StorageReader *reader);

/*
 * Of `count` candidates choose at most `max` neighbors for node `base`, by Algorithm 4.  Candidates
 * are distinct and are not the base; `chosen` gets ordinals, nearest first.
 */
extern uint32 hnsw_linker_choose(HnswLinker *linker, uint32 base, const uint32 *ordinals,
								 uint32 count, uint32 max, uint32 *chosen);

/*
 * The same of candidates that a search has found and measured, nearest first: by its own distances
 * where the linker compares codes, by exact ones elsewhere.
 */
extern uint32 hnsw_linker_choose_found(HnswLinker *linker, const Candidate *found, uint32 count,
									   uint32 max, uint32 *chosen);

/*
 * Complete a list of node `base_ordinal` that has lost members: the first `kept` of the `count`
 * ordinals stay, the others are candidates for the places that are left.  `chosen` gets all of them.
 */
extern uint32 hnsw_linker_complete(HnswLinker *linker, uint32 base_ordinal, const uint32 *ordinals,
								   uint32 kept, uint32 count, uint32 max, uint32 *chosen);

/* How much a new edge is wanted */
typedef enum HnswLinkForce
{
	HNSW_LINK_IF_CHOSEN,	 /* by Algorithm 4 */
	HNSW_LINK_FOR_REDUNDANT, /* or in the place of a node that another edge leads to as well */
	HNSW_LINK_IN_ANY_CASE	 /* or in the place of the furthest */
} HnswLinkForce;

/*
 * Add an edge from `from` to `to` on a level: appended where there is room, otherwise chosen among
 * the list and `to` by Algorithm 4; where that leaves `to` out, `force` may help.  A node that no
 * other edge leads to is not pruned, as long as there is one in the list that is reached otherwise.
 * Returns whether the edge is there now: not where `from` can't be linked to on this level.
 */
extern bool
hnsw_linker_add_edge(HnswLinker *linker, uint32 from, uint32 to, int level, HnswLinkForce force);

/*
 * Link the neighbors that a node was given back to it on a level.  Where all of them choose others,
 * one is made to take it, since nothing would lead to the node: the nearest that can do so without
 * another node's being lost by it.
 */
extern void
hnsw_linker_link_back(HnswLinker *linker, uint32 ordinal, int level, const HnswList *neighbors);

#endif
