/*
 * index/candidate_pool.h
 *		All candidates of a search that measures every one of them (a list scan),
 *		given out nearest first, as many as are asked for.
 *
 * Most searches want a few of many thousands.  So the pool takes the nearest thousand or
 * so alone: when it is full the further half is dropped, and what is as far as that is
 * not even taken from then on, which costs one comparison for most.  Of what it holds,
 * only what is asked for is sorted.
 *
 * Where more is asked for, candidate_pool_restart() makes another pass over the same
 * candidates take up where the last one ended, in a pool several times as large, within
 * its bound of memory.
 *
 * The order is that of candidate_heap.h, total, so what is given out does not depend
 * on the way candidates came.
 */
#ifndef INDEX_CANDIDATE_POOL_H
#define INDEX_CANDIDATE_POOL_H

#include "index/candidate_order.h"

typedef struct CandidatePool
{
	MemoryContext context;
	Candidate *candidates;
	uint32 count;
	uint32 given; /* so many were given out; they are in front */
	uint32 capacity;
	uint32 capacity_max;
	CandidateOrder order; /* begins when the first is given out */
	bool dropped;		  /* some are missing: `limit`, and what is further */
	Candidate limit;
	bool any_given;
	Candidate last_given;  /* the furthest that was given out */
	bool after_last_given; /* another pass: take what is further than last_given alone */
} CandidatePool;

/* An empty pool in the current context that takes about `memory` bytes at most. */
extern void candidate_pool_init(CandidatePool *pool, Size memory);

/* Add candidates of consecutive ordinals.  NaN counts as infinitely far. */
extern void
candidate_pool_add(CandidatePool *pool, uint32 first_ordinal, const float *distances, uint32 count);

/* Take out the nearest ones left, sorted; fewer than `wanted` when there are no more. */
extern uint32 candidate_pool_take(CandidatePool *pool, Candidate *candidates, uint32 wanted);

/* Forget everything: other candidates come. */
extern void candidate_pool_clear(CandidatePool *pool);

/*
 * When nothing is left: whether some were dropped.  If so the pool is ready to be given the same
 * candidates again, and takes those that come after the last one given out.
 */
extern bool candidate_pool_restart(CandidatePool *pool);

#endif
