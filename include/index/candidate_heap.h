/*
 * index/candidate_heap.h
 *		Candidates of a search and binary heaps of them, in arrays that the caller
 *		provides: no allocation, so usable inside a mapped-read section.
 *
 * Ties in distance are broken by ordinal, so that a search gives one answer
 * whatever way its slots were read.  The higher ordinal comes first: of nodes with
 * equal vectors it is the likelier to hold the newest version of a row.
 */
#ifndef INDEX_CANDIDATE_HEAP_H
#define INDEX_CANDIDATE_HEAP_H

typedef struct Candidate
{
	float distance; /* smaller is nearer */
	uint32 ordinal;
} Candidate;

static inline bool
candidate_is_nearer(Candidate a, Candidate b)
{
	return a.distance < b.distance || (a.distance == b.distance && a.ordinal > b.ordinal);
}

/* Heap with the nearest on top (candidates to expand). */
extern void nearest_heap_push(Candidate *heap, uint32 *count, Candidate candidate);
extern Candidate nearest_heap_pop(Candidate *heap, uint32 *count);

/* Heap with the furthest on top (results kept). */
extern void furthest_heap_push(Candidate *heap, uint32 *count, Candidate candidate);
extern void furthest_heap_replace_top(Candidate *heap, uint32 count, Candidate candidate);
extern Candidate furthest_heap_pop(Candidate *heap, uint32 *count);

/* Sort nearest first. */
extern void candidates_sort(Candidate *candidates, uint32 count);

#endif
