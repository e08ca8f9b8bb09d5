/*
 * index/candidate_pool.h
 *		All candidates of a search that measures every one of them (a list scan),
 *		given out nearest first, as many as are asked for.
 *
 * Most searches want a few of many thousands.  So the nearest few hundred so far are
 * kept apart from all others as they come ("near" and "far"), and only what is asked
 * for is ever sorted.  Memory is bounded: where more candidates come than fit, the
 * furthest are dropped; candidate_pool_restart() makes a second pass over the same
 * candidates take up where the first one ended.
 *
 * The order is that of candidate_heap.h, total, so what is given out does not depend
 * on the way candidates came.
 */
#ifndef INDEX_CANDIDATE_POOL_H
#define INDEX_CANDIDATE_POOL_H

#include "index/candidate_heap.h"

typedef struct CandidatePool
{
	MemoryContext context;
	Candidate *near;
	uint32 near_given;
	uint32 near_count;
	float near_limit; /* nearer candidates are in near, all others in far */
	Candidate *far;
	uint32 far_given; /* far is sorted once this is not 0 */
	uint32 far_count;
	uint32 far_capacity;
	uint32 far_max;		 /* bound of the capacity */
	bool dropped;		 /* some that are further than all of far are missing */
	Candidate far_limit; /* the furthest that was kept when some were dropped */
	bool any_given;
	Candidate last_given;  /* the furthest that was given out */
	bool after_last_given; /* second pass: take what is further than last_given alone */
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
 * When nothing is left: whether some were dropped for want of memory.  If so the pool is ready to be
 * given the same candidates again, and takes those that come after the last one given out.
 */
extern bool candidate_pool_restart(CandidatePool *pool);

#endif
