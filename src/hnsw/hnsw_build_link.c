/*
 * hnsw/hnsw_build_link.c
 *		Selection of a node's neighbors, and the links back from them.
 *
 * A list that is full takes a link by leaving out one of its neighbors.  To select
 * anew among all of them takes distances between most pairs.  But the outcome is known
 * for those that are in the list already, and a new one changes it for few: whoever is
 * nearer to it than to the list's node.  So each list keeps a bit for each neighbor,
 * whether it is "spare", that is, there only to fill the list, and a link takes the
 * distances of the new node from the others, and few more.
 *
 * Measured by distances between codes where the quantizer has such (sq8: what that
 * errs by is far below what makes a difference to the choice), or else between raw
 * vectors, both read through the map, in mapped-read sections: pure loads, arithmetic
 * and stores to preallocated memory.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_inserter.h"

#define SPARE_BITS 32

/* Where lies what selection measures of the n-th candidate */
static inline const void *
candidate_slot(HnswInserter *inserter, uint32 ordinal, uint32 n)
{
	const HnswBuildSource *source = &inserter->source;
	const BuiltArray *measured = inserter->selects_codes ? &source->codes : &source->vectors;

	return built_array_slot(measured, ordinal,
							inserter->candidate_copies + (Size) n * measured->slot_size);
}

/* HnswMeasure for codes */
static void
measure_codes(void *argument, const void *from, const void *const *to, uint32 count,
			  float *distances)
{
	HnswInserter *inserter = argument;
	const HnswBuildSource *source = &inserter->source;

	source->quantizer->prepare_code(source->parameters, source->type.metric, from,
									source->type.dimensions, inserter->code_query);
	source->quantizer->distances(inserter->code_query, to, count, distances);
}

/* Distances from one of the things that candidate_slot() gives to others of them */
static void
measure_candidates(HnswInserter *inserter, const void *from, const void *const *to, uint32 count,
				   float *distances)
{
	if (inserter->selects_codes)
		measure_codes(inserter, from, to, count, distances);
	else
		hnsw_measure_vectors(&inserter->source.type, from, to, count, distances);
}

/* Choose neighbors among inserter->candidates, which are sorted and whose slots are known. */
static uint32
choose_neighbors(HnswInserter *inserter, uint32 count, uint32 max, bool *spare)
{
	HnswMeasure measure = inserter->selects_codes ? measure_codes : hnsw_measure_vectors;
	void *argument = inserter->selects_codes ? (void *) inserter : &inserter->source.type;

	return hnsw_select_neighbors_filled(measure, argument, inserter->candidates,
										inserter->candidate_slots, count, max, max,
										inserter->chosen, spare);
}

/*
 * Measure inserter->candidates from `base` and sort them with what is known of them, nearest first.
 * Insertion sort, because the input is nearly in order.  Returns the place of the one that was last.
 */
static uint32
sort_candidates(HnswInserter *inserter, const void *base, uint32 count)
{
	Candidate *candidates = inserter->candidates;
	const void **slots = inserter->candidate_slots;
	bool *spare = inserter->candidate_spare;
	uint32 at = 0;

	measure_candidates(inserter, base, slots, count, inserter->candidate_distances);
	for (uint32 i = 0; i < count; i++)
	{
		Candidate candidate = {.distance = ordered_distance(inserter->candidate_distances[i]),
							   .ordinal = candidates[i].ordinal};
		const void *slot = slots[i];
		bool is_spare = spare[i];

		for (at = i; at > 0 && candidate_is_nearer(candidate, candidates[at - 1]); at--)
		{
			candidates[at] = candidates[at - 1];
			slots[at] = slots[at - 1];
			spare[at] = spare[at - 1];
		}
		candidates[at] = candidate;
		slots[at] = slot;
		spare[at] = is_spare;
	}
	return at;
}

void
hnsw_inserter_select(void *argument)
{
	HnswInserter *inserter = argument;
	LevelNeighbors *selected = &inserter->selected[inserter->search_level];
	uint32 count = Min(inserter->beam_count, inserter->candidate_limit);
	uint32 max = hnsw_level_m((uint16) inserter->edges.m, inserter->search_level);

	for (uint32 i = 0; i < count; i++)
	{
		inserter->candidates[i] = inserter_candidate(inserter->beam[i]);
		inserter->candidate_slots[i] = candidate_slot(inserter, inserter->candidates[i].ordinal, i);
		inserter->candidate_spare[i] = false;
	}
	/* The search's own distances are as good, where it read what selection reads */
	if (inserter->query != NULL && !inserter->selects_codes)
		(void) sort_candidates(inserter, inserter->vector, count);
	selected->count = choose_neighbors(inserter, count, max, selected->spare);
	selected->knows_spares = count > max;
	for (uint32 i = 0; i < selected->count; i++)
		selected->ordinals[i] = inserter->candidates[inserter->chosen[i]].ordinal;
}

/* Spare neighbors of a full list as bits; that the nearest one is spare means that nothing is known. */
static bool
read_spares(const uint32 *bits, uint32 count, bool *spare)
{
	for (uint32 i = 0; i < count; i++)
		spare[i] = (bits[i / SPARE_BITS] >> i % SPARE_BITS & 1) != 0;
	return !spare[0];
}

static void
write_spares(uint32 *bits, uint32 count, const bool *spare)
{
	memset(bits, 0, (count + SPARE_BITS - 1) / SPARE_BITS * sizeof(uint32));
	for (uint32 i = 0; i < count; i++)
		bits[i / SPARE_BITS] |= (uint32) spare[i] << i % SPARE_BITS;
}

void
hnsw_inserter_write_lists(HnswInserter *inserter, int top)
{
	for (int level = 0; level <= top; level++)
	{
		uint32 *list = hnsw_edges_list(&inserter->edges, inserter->ordinal, level);
		LevelNeighbors *selected = &inserter->selected[level];

		for (uint32 i = 0; i < selected->count; i++)
			list[i] = selected->ordinals[i];
		if (selected->knows_spares)
			write_spares(hnsw_edges_spares(&inserter->edges, inserter->ordinal, level),
						 selected->count, selected->spare);
	}
	pg_write_barrier();
}

/* Whether the candidate is nearer to one of these than to the list's node. */
static bool
is_covered(HnswInserter *inserter, uint32 at, const void *const *by, uint32 count)
{
	float apart[2 * HNSW_MAX_M + 1];
	bool covered = false;

	if (count == 0)
		return false;
	measure_candidates(inserter, inserter->candidate_slots[at], by, count, apart);
	for (uint32 i = 0; i < count; i++)
		covered |= apart[i] < inserter->candidates[at].distance;
	return covered;
}

/*
 * Of the candidates, sorted, the one at `new_at` is new to the list.  Learn who is spare now: what
 * selection among all of them would have discarded.
 */
static void
update_spares(HnswInserter *inserter, uint32 count, uint32 new_at)
{
	const Candidate *candidates = inserter->candidates;
	const void **slots = inserter->candidate_slots;
	const float *apart = inserter->candidate_distances; /* from the new one */
	bool *spare = inserter->candidate_spare;
	const void *chosen[2 * HNSW_MAX_M + 1];
	const void *added[2 * HNSW_MAX_M + 1]; /* of these, who was spare before */
	uint32 chosen_count = 0;
	uint32 added_count = 0;
	bool removed = false;

	measure_candidates(inserter, slots[new_at], slots, count, inserter->candidate_distances);
	spare[new_at] = false;
	for (uint32 i = 0; i < new_at; i++)
	{
		if (spare[i])
			continue;
		spare[new_at] |= apart[i] < candidates[new_at].distance;
		chosen[chosen_count++] = slots[i];
	}
	if (spare[new_at])
		return;

	chosen[chosen_count++] = slots[new_at];
	for (uint32 i = new_at + 1; i < count; i++)
	{
		bool is_near = apart[i] < candidates[i].distance;

		if (!spare[i])
		{
			spare[i] = is_near || is_covered(inserter, i, added, added_count);
			removed |= spare[i];
		}
		else if (removed && !is_near && !is_covered(inserter, i, chosen, chosen_count))
		{
			/* Only one that is spare now was nearer to it */
			spare[i] = false;
			added[added_count++] = slots[i];
		}
		if (!spare[i])
			chosen[chosen_count++] = slots[i];
	}
}

/* The one to leave out: the furthest spare one, or else the furthest. */
static uint32
find_dispensable(const bool *spare, uint32 count)
{
	uint32 at = count - 1;

	while (at > 0 && !spare[at])
		at--;
	return at > 0 ? at : count - 1;
}

/* The list to link from is full: leave out one of its nodes or the new one. */
static void
replace_section(void *argument)
{
	HnswInserter *inserter = argument;
	const void *base = candidate_slot(inserter, inserter->link_base, inserter->candidate_limit);
	uint32 max = inserter->link_max;
	bool *spare = inserter->candidate_spare;
	bool known = read_spares(inserter->link_spares, max, spare);
	uint32 *chosen = inserter->chosen;
	uint32 new_at;

	for (uint32 i = 0; i <= max; i++)
	{
		uint32 ordinal = i < max ? inserter->link_list[i] : inserter->ordinal;

		inserter->candidates[i].ordinal = ordinal;
		inserter->candidate_slots[i] = candidate_slot(inserter, ordinal, i);
	}
	spare[max] = false;
	new_at = sort_candidates(inserter, base, max + 1);
	if (known)
	{
		uint32 left_out;

		update_spares(inserter, max + 1, new_at);
		left_out = find_dispensable(spare, max + 1);
		for (uint32 i = 0; i < max; i++)
		{
			chosen[i] = i < left_out ? i : i + 1;
			spare[i] = spare[chosen[i]];
		}
	}
	else
		(void) choose_neighbors(inserter, max + 1, max, spare);

	for (uint32 i = 0; i < max; i++)
		((volatile uint32 *) inserter->link_list)[i] = inserter->candidates[chosen[i]].ordinal;
	write_spares(inserter->link_spares, max, spare);
}

void
hnsw_inserter_link(HnswInserter *inserter, uint32 base, int level)
{
	uint32 *list = hnsw_edges_list(&inserter->edges, base, level);
	uint32 max = hnsw_level_m((uint16) inserter->edges.m, level);
	LWLock *lock = &inserter->shared->locks[base % HNSW_BUILD_LOCKS].lock;
	uint32 count = 0;

	if (inserter->parallel)
		LWLockAcquire(lock, LW_EXCLUSIVE);
	while (count < max && list[count] != INVALID_ORDINAL)
		count++;
	if (count < max)
		((volatile uint32 *) list)[count] = inserter->ordinal;
	else
	{
		inserter->link_list = list;
		inserter->link_spares = hnsw_edges_spares(&inserter->edges, base, level);
		inserter->link_base = base;
		inserter->link_max = max;
		mapped_read_call(replace_section, inserter);
	}
	if (inserter->parallel)
		LWLockRelease(lock);
}
