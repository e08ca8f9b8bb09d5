/*
 * index/candidate_pool.c
 *		Candidates of a list scan, partly ordered; see index/candidate_pool.h.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "index/candidate_pool.h"

/* "near" is cut back to NEAR_KEPT when it is full: what a search with a common LIMIT asks for */
#define NEAR_CAPACITY 1024
#define NEAR_KEPT	  256
/* Below this a range is sorted by insertion */
#define SMALL_RANGE 16

/* far may be as large as work_mem: its sort can be cancelled */
#define ST_SORT			 sort_far
#define ST_ELEMENT_TYPE	 Candidate
#define ST_COMPARE(a, b) (candidate_is_nearer(*(a), *(b)) ? -1 : candidate_is_nearer(*(b), *(a)))
#define ST_SCOPE		 static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

void
candidate_pool_clear(CandidatePool *pool)
{
	pool->near_given = pool->near_count = 0;
	pool->far_given = pool->far_count = 0;
	pool->near_limit = INFINITY;
	pool->dropped = false;
	pool->any_given = false;
	pool->after_last_given = false;
}

void
candidate_pool_init(CandidatePool *pool, Size memory)
{
	pool->context = CurrentMemoryContext;
	pool->near = palloc(NEAR_CAPACITY * sizeof(Candidate));
	pool->far_max = (uint32) Min(Max(memory / sizeof(Candidate), 4 * NEAR_CAPACITY), PG_INT32_MAX);
	pool->far_capacity = Min(pool->far_max, 16 * NEAR_CAPACITY);
	pool->far = palloc(pool->far_capacity * sizeof(Candidate));
	candidate_pool_clear(pool);
}

static inline void
swap(Candidate *a, Candidate *b)
{
	Candidate c = *a;

	*a = *b;
	*b = c;
}

/* Median of three, put in the middle. */
static Candidate
choose_pivot(Candidate *candidates, uint32 count)
{
	Candidate *first = &candidates[0];
	Candidate *middle = &candidates[count / 2];
	Candidate *last = &candidates[count - 1];

	if (candidate_is_nearer(*middle, *first))
		swap(middle, first);
	if (candidate_is_nearer(*last, *middle))
	{
		swap(last, middle);
		if (candidate_is_nearer(*middle, *first))
			swap(middle, first);
	}
	return *middle;
}

/* Put the `wanted` nearest of `count` candidates first, in any order (Hoare's selection). */
static void
select_nearest(Candidate *candidates, uint32 count, uint32 wanted)
{
	while (wanted > 0 && wanted < count)
	{
		Candidate pivot;
		uint32 low = 0;
		uint32 high = count - 1;

		if (count <= SMALL_RANGE)
		{
			candidates_sort(candidates, count);
			return;
		}
		pivot = choose_pivot(candidates, count);
		for (;;)
		{
			while (candidate_is_nearer(candidates[low], pivot))
				low++;
			while (candidate_is_nearer(pivot, candidates[high]))
				high--;
			if (low >= high)
				break;
			swap(&candidates[low++], &candidates[high--]);
		}
		/* [0, high] are not further than the pivot, [high + 1, count) not nearer. */
		if (wanted <= high)
			count = high + 1;
		else
		{
			candidates += high + 1;
			count -= high + 1;
			wanted -= high + 1;
		}
	}
}

static Candidate
find_furthest(const Candidate *candidates, uint32 count)
{
	Candidate furthest = candidates[0];

	for (uint32 i = 1; i < count; i++)
	{
		if (candidate_is_nearer(furthest, candidates[i]))
			furthest = candidates[i];
	}
	return furthest;
}

/* Room for `more` in far: the array grows, or the furthest half is dropped. */
static void
reserve_far(CandidatePool *pool, uint32 more)
{
	if (pool->far_count + more <= pool->far_capacity)
		return;
	if (pool->far_capacity < pool->far_max)
	{
		pool->far_capacity = (uint32) Min((uint64) pool->far_capacity * 2, pool->far_max);
		pool->far = repalloc_huge(pool->far, pool->far_capacity * sizeof(Candidate));
		if (pool->far_count + more <= pool->far_capacity)
			return;
	}
	select_nearest(pool->far, pool->far_count, pool->far_max / 2);
	pool->far_count = pool->far_max / 2;
	pool->far_limit = find_furthest(pool->far, pool->far_count);
	pool->dropped = true;
}

/*
 * Keep the nearest of near there; the others go to far.  Of equally far ones all or none stay, so
 * that the limit is a distance alone.
 */
static void
cut_near(CandidatePool *pool)
{
	uint32 kept = 0;

	reserve_far(pool, pool->near_count);
	select_nearest(pool->near, pool->near_count, NEAR_KEPT);
	pool->near_limit = find_furthest(pool->near, NEAR_KEPT).distance;
	for (uint32 i = 0; i < pool->near_count; i++)
	{
		if (pool->near[i].distance < pool->near_limit)
			pool->near[kept++] = pool->near[i];
		else
			pool->far[pool->far_count++] = pool->near[i];
	}
	pool->near_count = kept;
}

/* Some candidates are not to be taken: those given out by the first pass, those dropped. */
static bool
is_wanted(const CandidatePool *pool, Candidate candidate)
{
	if (pool->after_last_given && !candidate_is_nearer(pool->last_given, candidate))
		return false;
	return !pool->dropped || !candidate_is_nearer(pool->far_limit, candidate);
}

void
candidate_pool_add(CandidatePool *pool, uint32 first_ordinal, const float *distances, uint32 count)
{
	Candidate *near = pool->near;
	Candidate *far;
	uint32 near_count;
	uint32 far_count;
	float limit;
	bool filtered;

	Assert(count <= NEAR_CAPACITY - NEAR_KEPT);
	Assert(pool->near_given == 0 && pool->far_given == 0);
	if (pool->near_count + count > NEAR_CAPACITY)
		cut_near(pool);
	reserve_far(pool, count);
	filtered = pool->dropped || pool->after_last_given;

	far = pool->far;
	near_count = pool->near_count;
	far_count = pool->far_count;
	limit = pool->near_limit;
	for (uint32 i = 0; i < count; i++)
	{
		Candidate candidate = {.distance = distances[i], .ordinal = first_ordinal + i};
		bool is_near;

		if (unlikely(isnan(candidate.distance)))
			candidate.distance = INFINITY;
		if (unlikely(filtered) && !is_wanted(pool, candidate))
			continue;

		/* Written to both, kept in one: without a branch, which would be guessed wrong often */
		is_near = candidate.distance < limit;
		near[near_count] = candidate;
		far[far_count] = candidate;
		near_count += is_near;
		far_count += !is_near;
	}
	pool->near_count = near_count;
	pool->far_count = far_count;
}

/*
 * Bring the nearest of far to near, which has been given out.  Who asks for more than near held may
 * ask for all: far is sorted then, once.
 */
static void
refill_near(CandidatePool *pool)
{
	uint32 moved = Min(pool->far_count - pool->far_given, NEAR_KEPT);

	if (pool->far_given == 0)
		sort_far(pool->far, pool->far_count);
	memcpy(pool->near, pool->far + pool->far_given, moved * sizeof(Candidate));
	pool->far_given += moved;
	pool->near_given = 0;
	pool->near_count = moved;
}

uint32
candidate_pool_take(CandidatePool *pool, Candidate *candidates, uint32 wanted)
{
	Candidate *left;
	uint32 left_count;

	if (pool->near_given == pool->near_count)
		refill_near(pool);
	left = pool->near + pool->near_given;
	left_count = pool->near_count - pool->near_given;
	wanted = Min(wanted, left_count);
	if (wanted == 0)
		return 0;

	select_nearest(left, left_count, wanted);
	candidates_sort(left, wanted);
	memcpy(candidates, left, wanted * sizeof(Candidate));
	pool->near_given += wanted;
	pool->last_given = left[wanted - 1];
	pool->any_given = true;
	return wanted;
}

bool
candidate_pool_restart(CandidatePool *pool)
{
	Candidate last = pool->last_given;
	bool again = pool->dropped && pool->any_given;

	Assert(pool->near_given == pool->near_count && pool->far_given == pool->far_count);
	if (!again)
		return false;
	candidate_pool_clear(pool);
	pool->last_given = last;
	pool->any_given = true;
	pool->after_last_given = true;
	return true;
}
