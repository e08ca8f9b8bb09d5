/*
 * hnsw/hnsw_inserter.h
 *		One process's means to insert nodes into the graph under construction, as
 *		the two files that do it see them: hnsw_build_graph.c searches for a node's
 *		neighbors, hnsw_build_link.c selects among them and links them back.
 *
 * Concurrency: lists are read without a lock, one 32-bit load a neighbor; a
 * reader may meet a mixture of two versions of a list, whose ids are all valid
 * nodes and whose end is bounded by the list's size.  A list is written under
 * its lock.  A node is searched for on all levels and its own lists are written
 * before the first link to it, so whoever finds it finds its neighbors too.
 */
#ifndef HNSW_HNSW_INSERTER_H
#define HNSW_HNSW_INSERTER_H

#include <math.h>

#include "utils/float.h"

#include "hnsw/hnsw_build.h"

/* What one level's search found and selection chose */
typedef struct LevelNeighbors
{
	uint32 count;
	uint32 *ordinals;
	float *distances;  /* from the node being inserted, as selection measures them */
	bool *spare;	   /* hnsw_select_neighbors_filled() */
	bool knows_spares; /* `spare` is filled in */
} LevelNeighbors;

/* The distance of a candidate from the node being inserted, in a place that others of them may take */
typedef struct NotedNode
{
	uint32 ordinal;
	uint32 insertion; /* HnswInserter.insertion at that time */
	float distance;
} NotedNode;

#define NOTED_NODES 1024 /* a power of two */

struct HnswInserter
{
	HnswBuildSource source;
	HnswEdges edges;
	HnswBuildShared *shared;
	bool parallel;
	bool measured_alike; /* distances of the search are those that selection compares */

	/* The node being inserted */
	uint32 ordinal;
	uint32 insertion; /* counts them */
	NotedNode *noted;
	void *vector;
	float *floats;					/* the vector's, where it is something else */
	QuantizerQuery *query;			/* NULL: the search is on raw vectors */
	QuantizerQuery *compared_query; /* one of a selection; NULL: it compares raw vectors */
	const uint32 *starts;			/* where its search begins */
	uint32 start_count;
	LevelNeighbors selected[HNSW_MAX_LEVEL];

	/* The search of one level: the nearest nodes found, nearest first */
	int search_level;
	uint32 ef;
	uint32 beam_count;
	uint32 cursor; /* all before it are expanded */
	uint64 *beam;  /* beam_key() */
	bool *expanded;
	VisitedSet visited;
	bool search_done;

	/* Scratch of a hop, a selection, a link; fan = the longest list + 1.  A hop's: the neighbors of
	 * several nodes, or HNSW_BUILD_STARTS */
	uint32 fan;
	uint32 *found;
	const void **slots;
	float *distances;
	char *code_copies; /* as many codes */

	uint32 candidate_limit; /* candidates that selection considers */
	Candidate *candidates;
	const void **candidate_slots;
	float *candidate_distances;
	bool *candidate_spare;
	uint32 *chosen;
	char *candidate_copies; /* of candidates, and of the node: vectors or codes */

	/* The link being made */
	uint32 *link_list;
	float *link_distances;
	uint32 *link_spares;
	float link_distance; /* of the node being inserted from the list's node */
	uint32 link_max;
};

/* Select the node's neighbors on the level that was searched; runs in a mapped-read section. */
extern void hnsw_inserter_select(void *inserter);

/* Write the node's own lists of the levels up to `top`; nobody can reach it yet. */
extern void hnsw_inserter_write_lists(HnswInserter *inserter, int top);

/* Link the node from the list of the n-th one that was selected. */
extern void hnsw_inserter_link(HnswInserter *inserter, int level, uint32 n);

/* Infinite distances may cancel to NaN (inner product), which has no place in an order. */
static inline float
ordered_distance(float distance)
{
	return isnan(distance) ? get_float4_infinity() : distance;
}

static inline NotedNode *
noted_node(const HnswInserter *inserter, uint32 ordinal)
{
	return &inserter->noted[ordinal % NOTED_NODES];
}

/* An entry of the beam as a candidate */
static inline Candidate
inserter_candidate(uint64 key)
{
	Candidate candidate = {.ordinal = ~(uint32) key};
	uint32 bits = (uint32) (key >> 32);

	bits ^= (bits >> 31) != 0 ? UINT32_C(0x80000000) : PG_UINT32_MAX;
	memcpy(&candidate.distance, &bits, sizeof(bits));
	return candidate;
}

#endif
