/*
 * index/candidate_order.h
 *		Candidates in order, as many of them as are asked for: the rest stays unsorted.
 *
 * Incremental sorting (Paredes and Navarro, "Optimal incremental sorting", ALENEX 2006):
 * quicksort that leaves alone whatever is behind what is wanted, and remembers where its
 * partitions ended.  The first k of n take O(n + k log k), however they are asked for.
 *
 * The order is that of candidate_heap.h.  Nothing here allocates or throws.
 */
#ifndef INDEX_CANDIDATE_ORDER_H
#define INDEX_CANDIDATE_ORDER_H

#include "index/candidate_heap.h"

#define CANDIDATE_ORDER_DEPTH 64

typedef struct CandidateOrder
{
	Candidate *candidates; /* the caller's; moved about */
	uint32 count;
	uint32 sorted; /* so many in front are in their places */
	uint32 depth;
	uint32 ends[CANDIDATE_ORDER_DEPTH]; /* what is before an end is nearer than what is behind it */
} CandidateOrder;

extern void candidate_order_begin(CandidateOrder *order, Candidate *candidates, uint32 count);

/* Bring the nearest `wanted` (at most `count`) to the front, in order. */
extern void candidate_order_extend(CandidateOrder *order, uint32 wanted);

/*
 * Put those nearer than *pivot first, and choose it so that they are about the `share`-th part
 * (0 < share < 1) of a sample; returns how many they are, fewer than `count`.
 */
extern uint32
candidates_partition(Candidate *candidates, uint32 count, float share, Candidate *pivot);

#endif
