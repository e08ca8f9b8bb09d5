/*
 * index/candidate_heap.c
 *		Binary heaps of candidates over arrays that the caller provides.
 *
 * The two heaps are one algorithm with the order turned round; the compiler
 * makes two copies of the inline functions below.  Nothing here allocates or
 * throws.
 */
#include "postgres.h"
#include "compat.h"

#include "index/candidate_heap.h"

/* Whether a belongs above b in the heap. */
static inline bool
is_above(Candidate a, Candidate b, bool furthest_first)
{
	return furthest_first ? candidate_is_nearer(b, a) : candidate_is_nearer(a, b);
}

static inline void
sift_up(Candidate *heap, uint32 at, Candidate candidate, bool furthest_first)
{
	while (at > 0)
	{
		uint32 parent = (at - 1) / 2;

		if (!is_above(candidate, heap[parent], furthest_first))
			break;
		heap[at] = heap[parent];
		at = parent;
	}
	heap[at] = candidate;
}

static inline void
sift_down(Candidate *heap, uint32 count, Candidate candidate, bool furthest_first)
{
	uint32 at = 0;

	for (;;)
	{
		uint32 child = 2 * at + 1;

		if (child >= count)
			break;
		if (child + 1 < count && is_above(heap[child + 1], heap[child], furthest_first))
			child++;
		if (!is_above(heap[child], candidate, furthest_first))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = candidate;
}

static inline Candidate
pop(Candidate *heap, uint32 *count, bool furthest_first)
{
	Candidate top = heap[0];

	Assert(*count > 0);
	(*count)--;
	if (*count > 0)
		sift_down(heap, *count, heap[*count], furthest_first);
	return top;
}

void
nearest_heap_push(Candidate *heap, uint32 *count, Candidate candidate)
{
	sift_up(heap, (*count)++, candidate, false);
}

Candidate
nearest_heap_pop(Candidate *heap, uint32 *count)
{
	return pop(heap, count, false);
}

void
furthest_heap_push(Candidate *heap, uint32 *count, Candidate candidate)
{
	sift_up(heap, (*count)++, candidate, true);
}

void
furthest_heap_replace_top(Candidate *heap, uint32 count, Candidate candidate)
{
	sift_down(heap, count, candidate, true);
}

Candidate
furthest_heap_pop(Candidate *heap, uint32 *count)
{
	return pop(heap, count, true);
}

static int
compare_candidates(const void *a, const void *b)
{
	Candidate left = *(const Candidate *) a;
	Candidate right = *(const Candidate *) b;

	if (candidate_is_nearer(left, right))
		return -1;
	return candidate_is_nearer(right, left) ? 1 : 0;
}

void
candidates_sort(Candidate *candidates, uint32 count)
{
	qsort(candidates, count, sizeof(Candidate), compare_candidates);
}
