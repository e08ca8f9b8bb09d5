/*
 * index/visited_set.c
 *		The visited set's allocation and growth; membership is inline in the header.
 */
#include "postgres.h"
#include "compat.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "index/visited_set.h"

StaticAssertDecl(sizeof(VisitedBucket) == 64, "a bucket is a cache line");

/* Ordinals a bucket, on average, when a set grows: one in ten thousand is full then. */
#define FULL_LOAD 6

static void
allocate(VisitedSet *set, uint32 buckets)
{
	Size size = (Size) buckets * sizeof(VisitedBucket);

	set->memory =
		MemoryContextAllocExtended(set->context, size + sizeof(VisitedBucket), MCXT_ALLOC_HUGE);
	set->buckets = (VisitedBucket *) TYPEALIGN(sizeof(VisitedBucket), (uintptr_t) set->memory);
	memset(set->buckets, 0, size);
	set->mask = buckets - 1;
	set->limit = buckets * FULL_LOAD;
	set->count = 0;
}

void
visited_set_init(VisitedSet *set, uint32 expected)
{
	set->context = CurrentMemoryContext;
	allocate(set, pg_nextpower2_32(Max(expected, 128) / FULL_LOAD + 1));
}

void
visited_set_clear(VisitedSet *set)
{
	if (set->count > 0)
		memset(set->buckets, 0, ((Size) set->mask + 1) * sizeof(VisitedBucket));
	set->count = 0;
}

void
visited_set_grow(VisitedSet *set, uint32 more)
{
	VisitedBucket *old = set->buckets;
	void *old_memory = set->memory;
	uint32 buckets = set->mask + 1;

	allocate(set, pg_nextpower2_32((set->count + more) / FULL_LOAD * 2 + 1));
	for (uint32 i = 0; i < buckets; i++)
	{
		for (uint32 j = 0; j < old[i].count; j++)
			visited_set_add(set, old[i].ordinals[j] - 1);
	}
	pfree(old_memory);
}
