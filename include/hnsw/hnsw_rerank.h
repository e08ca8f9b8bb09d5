/*
 * hnsw/hnsw_rerank.h
 *		Exact distances of a search's results, as far as they are asked for.
 *
 * Results come in the order of their codes.  Those whose turn it is are measured in
 * chunks, from the most promising on; one is given when no result that is left can be
 * nearer.  So how many stored vectors are read follows from how good the codes are and
 * from how many rows are taken, and not from hnsw.ef_search.
 *
 * What a result that is left can be at best: its lower bound, where the quantizer knows
 * one, and else its code's distance less the largest error that codes had so far in this
 * scan, with a margin.
 */
#ifndef HNSW_HNSW_RERANK_H
#define HNSW_HNSW_RERANK_H

#include "hnsw/hnsw_search.h"

typedef struct HnswRerank
{
	HnswSearch *search;
	bool needed;	  /* the results' distances are estimates */
	bool has_bounds;  /* and were replaced by lower bounds */
	uint32 next;	  /* of the results: those in front of it were measured, or given */
	Candidate *exact; /* measured and not given: a heap, nearest first */
	uint32 exact_count;
	uint32 exact_capacity;
	float largest_error;
} HnswRerank;

/*
 * Begin with the results of a search that has ended, and with those of each further batch of it: all
 * of the batch before must have been given.  Zeros before the first; memory in the current context.
 */
extern void hnsw_rerank_begin(HnswRerank *rerank, HnswSearch *search);

/* The next result by exact distance; false after the last. */
extern bool hnsw_rerank_next(HnswRerank *rerank, Candidate *next);

#endif
