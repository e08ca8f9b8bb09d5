/*
 * hnsw/hnsw_graph.c
 *		The arithmetic of the graph that build, insert and vacuum share: levels,
 *		distances, and the choice of neighbors.
 *
 * Nothing here allocates, throws or takes a lock, so all of it may run inside a
 * mapped-read section, on vectors that lie in the map.
 */
#include "postgres.h"
#include "compat.h"

#include <float.h>
#include <math.h>

#include "hnsw/hnsw.h"

/* Chosen neighbors that a candidate is compared with at once: few enough that stopping at the
 * first nearer one saves something, enough for the kernel to overlap them */
#define COMPARE_CHUNK 4

int
hnsw_draw_level(double uniform, uint16 m)
{
	double level;

	/* 0 would give infinity; the smallest positive draw gives the highest level anyway */
	uniform = Max(uniform, DBL_MIN);
	level = floor(-log(uniform) / log((double) Max(m, HNSW_MIN_M)));
	return (int) Max(0.0, Min(level, HNSW_MAX_LEVEL - 1));
}

/* Whether the candidate is nearer to one of the chosen vectors than `distance`. */
static bool
is_nearer_to_chosen(const IndexType *type, const void *vector, float distance,
					const void *const *chosen_vectors, uint32 chosen_count)
{
	float distances[COMPARE_CHUNK];

	for (uint32 first = 0; first < chosen_count; first += COMPARE_CHUNK)
	{
		uint32 count = Min(chosen_count - first, COMPARE_CHUNK);

		index_type_distances(type, vector, chosen_vectors + first, count, distances);
		for (uint32 i = 0; i < count; i++)
		{
			if (distances[i] < distance)
				return true;
		}
	}
	return false;
}

/*
 * Fill `chosen` (ascending indexes) up to `max` with the lowest indexes below `count` that are not
 * in it, and keep it ascending.  `spare` may be NULL.
 */
static uint32
fill_with_discarded(uint32 *chosen, uint32 chosen_count, uint32 count, uint32 max, bool *spare)
{
	uint32 picked[2 * HNSW_MAX_M];
	uint32 room = max - chosen_count;
	uint32 at_chosen = 0;
	uint32 picked_count = 0;

	for (uint32 i = 0; i < count && picked_count < max; i++)
	{
		bool is_chosen = at_chosen < chosen_count && chosen[at_chosen] == i;

		if (is_chosen)
			at_chosen++;
		else if (room > 0)
			room--;
		else
			continue;
		if (spare != NULL)
			spare[picked_count] = !is_chosen;
		picked[picked_count++] = i;
	}
	/* cppcheck-suppress uninitvar */
	memcpy(chosen, picked, picked_count * sizeof(uint32));
	return picked_count;
}

/* Candidates that are considered together: measured from what is chosen in one batch */
#define SELECT_WINDOW 64

/* Candidates of a window that are neither chosen nor discarded yet */
typedef struct Remaining
{
	uint32 count;
	uint32 first; /* of them, in the arrays */
	uint32 indexes[SELECT_WINDOW];
	const void *slots[SELECT_WINDOW];
	float distances[SELECT_WINDOW];
} Remaining;

/* Discard what is nearer to a chosen one than to the base. */
static void
discard_near(Remaining *remaining, HnswMeasure measure, void *argument, const void *chosen,
			 const Candidate *candidates)
{
	const uint32 *indexes = remaining->indexes + remaining->first;
	const void *const *slots = remaining->slots + remaining->first;
	uint32 kept = 0;

	measure(argument, chosen, slots, remaining->count, remaining->distances);
	for (uint32 i = 0; i < remaining->count; i++)
	{
		bool near = remaining->distances[i] < candidates[indexes[i]].distance;

		remaining->indexes[kept] = indexes[i];
		remaining->slots[kept] = slots[i];
		kept += !near;
	}
	remaining->first = 0;
	remaining->count = kept;
}

uint32
hnsw_select_neighbors_filled(HnswMeasure measure, void *argument, const Candidate *candidates,
							 const void *const *slots, uint32 count, uint32 max, uint32 fill,
							 uint32 *chosen, bool *spare)
{
	const void *chosen_slots[2 * HNSW_MAX_M];
	uint32 chosen_count = 0;
	Remaining remaining;

	Assert(max <= 2 * HNSW_MAX_M && fill <= max);

	if (count <= fill)
	{
		/* Everything would be chosen or filled in */
		for (uint32 i = 0; i < count; i++)
			chosen[i] = i;
		return count;
	}

	for (uint32 start = 0; start < count && chosen_count < max; start += SELECT_WINDOW)
	{
		remaining.first = 0;
		remaining.count = Min(count - start, SELECT_WINDOW);
		for (uint32 i = 0; i < remaining.count; i++)
		{
			remaining.indexes[i] = start + i;
			remaining.slots[i] = slots[start + i];
		}
		for (uint32 i = 0; i < chosen_count && remaining.count > 0; i++)
			discard_near(&remaining, measure, argument, chosen_slots[i], candidates);
		while (remaining.count > 0 && chosen_count < max)
		{
			chosen_slots[chosen_count] = remaining.slots[remaining.first];
			chosen[chosen_count] = remaining.indexes[remaining.first++];
			remaining.count--;
			if (remaining.count > 0)
				discard_near(&remaining, measure, argument, chosen_slots[chosen_count], candidates);
			chosen_count++;
		}
	}
	if (spare != NULL)
		memset(spare, 0, chosen_count * sizeof(bool));
	if (chosen_count < fill)
		chosen_count = fill_with_discarded(chosen, chosen_count, count, fill, spare);
	return chosen_count;
}

/* Which of its candidates Algorithm 4 discards, as far as that is known */
typedef enum Fate
{
	UNKNOWN = 0,
	CHOSEN,
	DISCARDED
} Fate;

typedef struct Selection
{
	HnswMeasure measure;
	void *argument;
	const Candidate *candidates;
	const void *const *slots;
	uint8 fates[2 * HNSW_MAX_M + 1];
} Selection;

/* Nearer candidates that one is compared with at once, nearest first: most are discarded by the first */
#define DISCARD_CHUNK 8

/*
 * Whether a nearer candidate that is chosen is nearer to this one than the base is.  The recursion is
 * as deep as the list is long, at most.
 */
static bool
is_discarded(Selection *selection, uint32 at)
{
	float distance = selection->candidates[at].distance;

	if (selection->fates[at] != UNKNOWN)
		return selection->fates[at] == DISCARDED;
	for (uint32 first = 0; first < at; first += DISCARD_CHUNK)
	{
		uint32 count = Min(at - first, DISCARD_CHUNK);
		float distances[DISCARD_CHUNK];

		selection->measure(selection->argument, selection->slots[at], selection->slots + first,
						   count, distances);
		for (uint32 i = 0; i < count; i++)
		{
			if (distances[i] < distance && !is_discarded(selection, first + i))
			{
				selection->fates[at] = DISCARDED;
				return true;
			}
		}
	}
	selection->fates[at] = CHOSEN;
	return false;
}

uint32
hnsw_find_dropped(HnswMeasure measure, void *argument, const Candidate *candidates,
				  const void *const *slots, uint32 count)
{
	Selection selection = {
		.measure = measure, .argument = argument, .candidates = candidates, .slots = slots};

	Assert(count > 0 && count <= 2 * HNSW_MAX_M + 1);
	for (uint32 at = count - 1; at > 0; at--)
	{
		if (is_discarded(&selection, at))
			return at;
	}
	return count - 1;
}

uint32
hnsw_extend_neighbors(const IndexType *type, const Candidate *candidates,
					  const void *const *vectors, uint32 count, const void **chosen_vectors,
					  uint32 kept, uint32 max, uint32 *chosen)
{
	uint32 added = 0;

	Assert(kept <= max && max <= 2 * HNSW_MAX_M);
	for (uint32 i = 0; i < count && kept + added < max; i++)
	{
		if (is_nearer_to_chosen(type, vectors[i], candidates[i].distance, chosen_vectors,
								kept + added))
			continue;
		chosen_vectors[kept + added] = vectors[i];
		chosen[added++] = i;
	}
	if (kept + added < max)
		added = fill_with_discarded(chosen, added, count, max - kept, NULL);
	return added;
}

void
hnsw_measure_vectors(void *argument, const void *from, const void *const *to, uint32 count,
					 float *distances)
{
	index_type_distances(argument, from, to, count, distances);
}
