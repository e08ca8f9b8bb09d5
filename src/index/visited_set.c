/*
 * index/visited_set.c
 *		The visited set's allocation and growth; membership is inline in the header.
 */
#include "postgres.h"
#include "compat.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "index/visited_set.h"

static void
allocate(VisitedSet *set, uint32 capacity)
{
	set->slots = MemoryContextAllocExtended(set->context, (Size) capacity * sizeof(uint32),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	set->mask = capacity - 1;
	set->limit = capacity / 2;
	set->count = 0;
}

void
visited_set_init(VisitedSet *set, uint32 expected)
{
	set->context = CurrentMemoryContext;
	allocate(set, pg_nextpower2_32(Max(expected, 128) * 2));
}

void
visited_set_clear(VisitedSet *set)
{
	if (set->count > 0)
		memset(set->slots, 0, ((Size) set->mask + 1) * sizeof(uint32));
	set->count = 0;
}

void
visited_set_reserve(VisitedSet *set, uint32 more)
{
	uint32 *old = set->slots;
	uint32 capacity = set->mask + 1;

	if (set->count + more <= set->limit)
		return;
	allocate(set, pg_nextpower2_32((set->count + more) * 2 + 1));
	for (uint32 i = 0; i < capacity; i++)
	{
		if (old[i] != 0)
			visited_set_add(set, old[i] - 1);
	}
	pfree(old);
}
