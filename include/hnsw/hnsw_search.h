/*
 * hnsw/hnsw_search.h
 *		Search of one query in the graph (Algorithms 2 and 5), for scans, inserts
 *		and repairs.
 *
 * The walk reads codes (stored vectors with quantizer none); exact distances are
 * made from stored vectors afterwards (hnsw_search_rerank).
 */
#ifndef HNSW_HNSW_SEARCH_H
#define HNSW_HNSW_SEARCH_H

#include "hnsw/hnsw_hop.h"
#include "index/beam.h"

typedef struct HnswSearch
{
	StorageReader *reader;
	IndexQuery query;
	HnswHop hop;

	/*
	 * Whether nodes that continue a chain of equal vectors are results too: for a scan, which
	 * wants rows, and not for an insert or repair, which want neighbors.
	 */
	bool follow_chains;

	/* Where codes lie beside the edges (hnsw_search_edges.c); NULL elsewhere */
	struct HnswEdgeSearch *edges;
	Candidate *candidates; /* of that walk, a heap, nearest first */
	uint32 candidate_count;
	uint32 candidate_capacity;
	bool estimated; /* the results' distances are, and not exact */

	VisitedSet visited;
	Beam beam;
	Candidate
		*results; /* nearest first (in the other walk a heap, furthest first, until it ends) */
	uint32 result_count;
	uint32 result_capacity;
	uint32 widening; /* places of the beam beyond ef, on level 0 */

	/*
	 * For a search that may go on (set keep_discarded after hnsw_search_begin): what was met on
	 * level 0 and is no result.  A heap, nearest first, by the distances of codes.  (In the walk of
	 * another search, what fell off its beam.)
	 */
	bool keep_discarded;
	Candidate *discarded;
	uint32 discarded_count;
	uint32 discarded_capacity;
	uint64 met_count; /* nodes met on level 0 */
} HnswSearch;

/* Prepare; memory in the current context.  `vector` must outlive the search. */
extern void hnsw_search_begin(HnswSearch *search, StorageReader *reader, const IndexType *type,
							  const void *vector, uint32 max_ef, bool follow_chains);

/* Have a search by codes keep some nodes more than its `ef` on the way; for scans. */
extern void hnsw_search_widen(HnswSearch *search);

/*
 * From the entry point down to (and not including) level `level`, one nearest node at a time
 * (Algorithm 5, lines 2 to 4); false where the index is empty.  Leaves the nearest one as the only
 * result.
 */
extern bool hnsw_search_descend(HnswSearch *search, int level);

/*
 * Algorithm 2 on one level: the results so far are the entry points, the `ef` nearest nodes found
 * become the results, sorted nearest first.  Distances are those of codes.
 */
extern void hnsw_search_level(HnswSearch *search, int level, uint32 ef);

/*
 * Go on after hnsw_search_level() on level 0: the nearest discarded nodes are the entry points, and
 * the `ef` nearest that were no results before become the results.  Fewer, or none, where all that
 * is left has no rows; nothing is left when discarded_count is 0.
 */
extern void hnsw_search_resume(HnswSearch *search, uint32 ef);

/* The `count` nearest discarded nodes become the results, without a look at their neighbors. */
extern void hnsw_search_take_discarded(HnswSearch *search, uint32 count);

/* Give the results exact distances and sort them anew. */
extern void hnsw_search_rerank(HnswSearch *search);

#endif
