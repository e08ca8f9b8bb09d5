/*
 * index/visited_set.h
 *		Which ordinals a search has seen: a hash table of cache lines.
 *
 * A bucket is one cache line, a count and up to 15 ordinals; a full one continues
 * in the next.  All its places are compared at once and a new ordinal is written
 * where the count points whether it is new or not: so the usual answer takes no
 * branch that depends on the data, of which a search would mispredict half.
 *
 * A set is sized for its search, grows by doubling (between mapped-read
 * sections only) and is cleared for the next search of the same scan.
 */
#ifndef INDEX_VISITED_SET_H
#define INDEX_VISITED_SET_H

#define VISITED_PLACES 15

typedef struct VisitedBucket
{
	uint32 count;
	uint32 ordinals[VISITED_PLACES]; /* ordinal + 1; 0 = empty */
} VisitedBucket;

typedef struct VisitedSet
{
	VisitedBucket *buckets; /* aligned to cache lines */
	uint32 mask;
	uint32 count;
	uint32 limit; /* grow before count passes this */
	void *memory; /* as allocated */
	MemoryContext context;
} VisitedSet;

extern void visited_set_init(VisitedSet *set, uint32 expected);
extern void visited_set_clear(VisitedSet *set);

/* Make room for `more` additions; inline since that is a comparison, nearly always. */
extern void visited_set_grow(VisitedSet *set, uint32 more);

static inline void
visited_set_reserve(VisitedSet *set, uint32 more)
{
	if (unlikely(set->count + more > set->limit))
		visited_set_grow(set, more);
}

/* Four 32-bit integers, by a vector extension of C that compilers for every processor have. */
typedef uint32 VisitedQuad __attribute__((vector_size(16)));
typedef uint64 VisitedPair __attribute__((vector_size(16)));

static inline uint32
visited_set_hash(const VisitedSet *set, uint32 ordinal)
{
	return (uint32) (((uint64) ordinal * UINT64CONST(0x9E3779B97F4A7C15)) >> 32) & set->mask;
}

/* Whether the bucket has the key.  The count is none: places 1 to 15 alone are compared. */
static inline bool
visited_bucket_has(const VisitedBucket *bucket, uint32 key)
{
	const VisitedQuad *quads = (const VisitedQuad *) bucket;
	VisitedQuad keys = {key, key, key, key};
	VisitedPair equal =
		(VisitedPair) (((VisitedQuad) (quads[0] == keys) & (VisitedQuad){0, ~0u, ~0u, ~0u}) |
					   (VisitedQuad) (quads[1] == keys) | (VisitedQuad) (quads[2] == keys) |
					   (VisitedQuad) (quads[3] == keys));

	return (equal[0] | equal[1]) != 0;
}

/* A hint: an ordinal in a bucket that is continued may be missed. */
static inline bool
visited_set_contains(const VisitedSet *set, uint32 ordinal)
{
	return visited_bucket_has(&set->buckets[visited_set_hash(set, ordinal)], ordinal + 1);
}

/* True if the ordinal was not in the set before.  Needs room (visited_set_reserve). */
static inline bool
visited_set_add(VisitedSet *set, uint32 ordinal)
{
	uint32 key = ordinal + 1;
	uint32 at = visited_set_hash(set, ordinal);

	for (;;)
	{
		VisitedBucket *bucket = &set->buckets[at];
		bool is_new = !visited_bucket_has(bucket, key);

		if (unlikely(bucket->count == VISITED_PLACES))
		{
			if (!is_new)
				return false;
			at = (at + 1) & set->mask;
			continue;
		}
		/* Where it is old, this writes a second copy behind the last one, where the next goes. */
		bucket->ordinals[bucket->count] = key;
		bucket->count += is_new;
		set->count += is_new;
		return is_new;
	}
}

#endif
