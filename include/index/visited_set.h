/*
 * index/visited_set.h
 *		Which ordinals a search has seen: open addressing over 32-bit ordinals.
 *
 * A set is sized for its search, grows by doubling (between mapped-read
 * sections only) and is cleared for the next search of the same scan.
 */
#ifndef INDEX_VISITED_SET_H
#define INDEX_VISITED_SET_H

typedef struct VisitedSet
{
	uint32 *slots; /* ordinal + 1; 0 = empty */
	uint32 mask;
	uint32 count;
	uint32 limit; /* grow before count passes this */
	MemoryContext context;
} VisitedSet;

extern void visited_set_init(VisitedSet *set, uint32 expected);
extern void visited_set_clear(VisitedSet *set);

/* Make room for `more` additions without growth. */
extern void visited_set_reserve(VisitedSet *set, uint32 more);

/* True if the ordinal was not in the set before.  Needs room (visited_set_reserve). */
static inline bool
visited_set_add(VisitedSet *set, uint32 ordinal)
{
	uint32 at = (uint32) (((uint64) ordinal * UINT64CONST(0x9E3779B97F4A7C15)) >> 32) & set->mask;

	while (set->slots[at] != 0)
	{
		if (set->slots[at] == ordinal + 1)
			return false;
		at = (at + 1) & set->mask;
	}
	set->slots[at] = ordinal + 1;
	set->count++;
	return true;
}

#endif
