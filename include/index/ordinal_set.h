/*
 * index/ordinal_set.h
 *		A set of ordinals below a limit, as a bitmap: what a vacuum or a check
 *		remembers of an index.
 *
 * Ordinals at or above the limit (handed out since the set was made) are not in it.
 */
#ifndef INDEX_ORDINAL_SET_H
#define INDEX_ORDINAL_SET_H

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "storage/metapage.h"

typedef struct OrdinalSet
{
	uint32 limit;
	uint32 count;
	uint64 *words;
} OrdinalSet;

/* An empty set, in the current memory context. */
static inline void
ordinal_set_init(OrdinalSet *set, uint32 limit)
{
	set->limit = limit;
	set->count = 0;
	set->words =
		MemoryContextAllocExtended(CurrentMemoryContext, ((Size) limit / 64 + 1) * sizeof(uint64),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static inline bool
ordinal_set_contains(const OrdinalSet *set, uint32 ordinal)
{
	return ordinal < set->limit && (set->words[ordinal / 64] >> (ordinal % 64) & 1) != 0;
}

/* False where it was in the set already. */
static inline bool
ordinal_set_add(OrdinalSet *set, uint32 ordinal)
{
	uint64 bit = UINT64CONST(1) << (ordinal % 64);
	uint64 *word = &set->words[ordinal / 64];

	Assert(ordinal < set->limit);
	if ((*word & bit) != 0)
		return false;
	*word |= bit;
	set->count++;
	return true;
}

/* The first member of [from, end), `end` if there is none. */
static inline uint32
ordinal_set_next(const OrdinalSet *set, uint32 from, uint32 end)
{
	uint32 last = Min(end, set->limit);

	for (uint32 at = from; at < last; at = (at / 64 + 1) * 64)
	{
		uint64 word = set->words[at / 64] >> (at % 64);

		if (word != 0)
		{
			uint32 found = at + (uint32) pg_rightmost_one_pos64(word);

			return found < last ? found : end;
		}
	}
	return end;
}

/* Members in [from, end). */
static inline uint32
ordinal_set_count_range(const OrdinalSet *set, uint32 from, uint32 end)
{
	uint32 count = 0;

	for (uint32 at = ordinal_set_next(set, from, end); at < end;
		 at = ordinal_set_next(set, at + 1, end))
		count++;
	return count;
}

#endif
