/*
 * index/candidate_pool.c
 *		The nearest candidates of a list scan; see index/candidate_pool.h.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "utils/memutils.h"

#include "index/candidate_pool.h"

/* Enough for the candidates that a search with a common LIMIT looks at, twice */
#define FIRST_CAPACITY 1024
/* Who asks for more than a pool held may ask for all */
#define GROWTH 8
/* Candidates whose distances are compared with the limit at a time */
#define GROUP 32

void
candidate_pool_clear(CandidatePool *pool)
{
	pool->count = pool->given = 0;
	pool->dropped = false;
	pool->any_given = false;
	pool->after_last_given = false;
}

void
candidate_pool_init(CandidatePool *pool, Size memory)
{
	pool->context = CurrentMemoryContext;
	pool->capacity = FIRST_CAPACITY;
	pool->capacity_max =
		(uint32) Min(Max(memory / sizeof(Candidate), FIRST_CAPACITY), PG_INT32_MAX / GROWTH);
	pool->candidates = palloc(FIRST_CAPACITY * sizeof(Candidate));
	candidate_pool_clear(pool);
}

/* Which of GROUP distances are not above the limit, a bit for each; NaN is not above anything. */
static inline uint32
find_not_above(const float *distances, float limit)
{
	uint32 found = 0;

#ifdef __SSE2__
	__m128 limits = _mm_set1_ps(limit);

	for (uint32 i = 0; i < GROUP; i += 4)
		found |= (uint32) _mm_movemask_ps(_mm_cmpngt_ps(_mm_loadu_ps(distances + i), limits)) << i;
#else
	for (uint32 i = 0; i < GROUP; i++)
		found |= (uint32) !(distances[i] > limit) << i;
#endif
	return found;
}

/* Make room: the further half goes. */
static void
drop_furthest(CandidatePool *pool)
{
	pool->count = candidates_partition(pool->candidates, pool->count, 0.5f, &pool->limit);
	pool->dropped = true;
}

/* Add those of up to GROUP candidates that `which` has bits for. */
static inline void
add_group(CandidatePool *pool, uint32 first_ordinal, const float *distances, uint32 which)
{
	Candidate *candidates = pool->candidates;
	uint32 count = pool->count;

	while (which != 0)
	{
		uint32 i = (uint32) __builtin_ctz(which);
		Candidate candidate = {.distance = distances[i], .ordinal = first_ordinal + i};

		which &= which - 1;
		if (unlikely(isnan(candidate.distance)))
			candidate.distance = INFINITY;
		if (pool->dropped && !candidate_is_nearer(candidate, pool->limit))
			continue;
		if (unlikely(pool->after_last_given) && !candidate_is_nearer(pool->last_given, candidate))
			continue;
		candidates[count++] = candidate;
	}
	pool->count = count;
}

void
candidate_pool_add(CandidatePool *pool, uint32 first_ordinal, const float *distances, uint32 count)
{
	Assert(pool->given == 0);
	for (uint32 done = 0; done < count; done += GROUP)
	{
		uint32 left = count - done;
		uint32 which = left < GROUP ? (UINT32_C(1) << left) - 1 : ~UINT32_C(0);

		/* Where the pivot was chosen badly, once is not enough. */
		while (pool->count + GROUP > pool->capacity)
			drop_furthest(pool);
		if (pool->dropped && left >= GROUP)
			which = find_not_above(distances + done, pool->limit.distance);
		add_group(pool, first_ordinal + done, distances + done, which);
		Assert(pool->count <= pool->capacity);
	}
}

uint32
candidate_pool_take(CandidatePool *pool, Candidate *candidates, uint32 wanted)
{
	wanted = Min(wanted, pool->count - pool->given);
	if (wanted == 0)
		return 0;
	if (pool->given == 0)
		candidate_order_begin(&pool->order, pool->candidates, pool->count);
	candidate_order_extend(&pool->order, pool->given + wanted);
	memcpy(candidates, pool->candidates + pool->given, wanted * sizeof(Candidate));
	pool->given += wanted;
	pool->last_given = pool->candidates[pool->given - 1];
	pool->any_given = true;
	return wanted;
}

bool
candidate_pool_restart(CandidatePool *pool)
{
	Candidate last = pool->last_given;

	Assert(pool->given == pool->count);
	if (!pool->dropped || !pool->any_given)
		return false;
	if (pool->capacity < pool->capacity_max)
	{
		pool->capacity = Min(pool->capacity * GROWTH, pool->capacity_max);
		pfree(pool->candidates);
		pool->candidates =
			MemoryContextAllocHuge(pool->context, pool->capacity * sizeof(Candidate));
	}
	candidate_pool_clear(pool);
	pool->last_given = last;
	pool->any_given = true;
	pool->after_last_given = true;
	return true;
}
