/*
 * hnsw/hnsw_search_edges.h
 *		The walk of a search where codes lie beside the edges, for hnsw_search.c.
 */
#ifndef HNSW_HNSW_SEARCH_EDGES_H
#define HNSW_HNSW_SEARCH_EDGES_H

#include "hnsw/hnsw_search.h"

/* Prepare search->edges, after search->query; memory in the current context. */
extern void hnsw_search_edges_begin(HnswSearch *search);

/*
 * Algorithm 2 on one level, from the results so far, which are sorted and visited, and may have
 * estimated distances: the `ef` nearest nodes found become the results, sorted, with exact ones.
 */
extern void hnsw_search_edges_walk(HnswSearch *search, int level, uint32 ef);

/* hnsw_search.c, for both walks */
extern void hnsw_search_reserve_candidates(HnswSearch *search, uint32 more);
extern void hnsw_search_discard(HnswSearch *search, Candidate candidate);

#endif
