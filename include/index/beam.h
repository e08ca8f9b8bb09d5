/*
 * index/beam.h
 *		The nearest candidates that a walk has met, sorted, each marked when its
 *		neighbors have been looked at.
 *
 * One sorted array does the work of the two heaps of Malkov and Yashunin's
 * Algorithm 2: what falls off its end can be neither result nor next hop.  An
 * entry is one integer, the distance above the ordinal, so that a comparison is
 * one instruction without a branch; its order is that of candidate_is_nearer().
 * Moving a few hundred bytes costs less than the mispredicted branches of a heap;
 * at 1,000 entries both cost the same.
 *
 * Nothing here allocates: memory is given by beam_init().
 */
#ifndef INDEX_BEAM_H
#define INDEX_BEAM_H

#include "index/candidate_heap.h"

typedef struct Beam
{
	uint64 *keys;	 /* nearest first */
	uint8 *expanded; /* beside them: neighbors were looked at */
	uint32 count;
	uint32 capacity; /* entries kept; memory is for at least one more */
	uint32 cursor;	 /* all entries before this one are expanded */
} Beam;

/* Memory for up to max_capacity entries, in the current context */
static inline void
beam_init(Beam *beam, uint32 max_capacity)
{
	beam->keys = palloc((max_capacity + 1) * sizeof(uint64));
	beam->expanded = palloc(max_capacity + 1);
	beam->count = beam->capacity = beam->cursor = 0;
}

/* Empty it; it keeps `capacity` entries from now on. */
static inline void
beam_reset(Beam *beam, uint32 capacity)
{
	beam->capacity = capacity;
	beam->count = beam->cursor = 0;
}

#define BEAM_NO_KEY (~UINT64CONST(0))

/* A float's bits in an order in which negative ones come first; -0 counts as 0. */
static inline uint64
beam_key(Candidate candidate)
{
	union
	{
		float distance;
		int32 bits;
	} value = {.distance = candidate.distance + 0.0f};
	uint32 ordered = (uint32) (value.bits ^ ((value.bits >> 31) & 0x7FFFFFFF)) ^ 0x80000000u;

	return (uint64) ordered << 32 | (uint32) ~candidate.ordinal;
}

static inline uint32
beam_key_ordinal(uint64 key)
{
	return ~(uint32) key;
}

static inline Candidate
beam_key_candidate(uint64 key)
{
	union
	{
		float distance;
		int32 bits;
	} value = {.bits = (int32) ((uint32) (key >> 32) ^ 0x80000000u)};

	value.bits ^= (value.bits >> 31) & 0x7FFFFFFF;
	return (Candidate){.distance = value.distance, .ordinal = beam_key_ordinal(key)};
}

/* The key that a new entry must be below. */
static inline uint64
beam_bound(const Beam *beam)
{
	return beam->count < beam->capacity ? BEAM_NO_KEY : beam->keys[beam->count - 1];
}

/*
 * Put a key that is below the bound in its place.  Returns the key that fell off the end, or
 * BEAM_NO_KEY.
 */
static inline uint64
beam_insert(Beam *beam, uint64 key)
{
	uint32 at = 0;
	uint32 length = beam->count;
	uint64 lost = BEAM_NO_KEY;

	while (length > 0)
	{
		uint32 half = (length + 1) / 2;

		at += beam->keys[at + half - 1] < key ? half : 0;
		length -= half;
	}
	if (beam->count == beam->capacity)
		lost = beam->keys[--beam->count];
	memmove(beam->keys + at + 1, beam->keys + at, (beam->count - at) * sizeof(uint64));
	memmove(beam->expanded + at + 1, beam->expanded + at, beam->count - at);
	beam->keys[at] = key;
	beam->expanded[at] = 0;
	beam->count++;
	if (at < beam->cursor)
		beam->cursor = at;
	return lost;
}

/* The place of the nearest entry from `at` on that is not expanded; `count` if there is none. */
static inline uint32
beam_next(const Beam *beam, uint32 at)
{
	while (at < beam->count && beam->expanded[at])
		at++;
	return at;
}

/* Take an entry out. */
static inline void
beam_remove(Beam *beam, uint32 at)
{
	beam->count--;
	memmove(beam->keys + at, beam->keys + at + 1, (beam->count - at) * sizeof(uint64));
	memmove(beam->expanded + at, beam->expanded + at + 1, beam->count - at);
	if (at < beam->cursor)
		beam->cursor--;
}

#endif
