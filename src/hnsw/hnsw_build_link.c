/*
 * hnsw/hnsw_build_link.c
 *		Selection of a node's neighbors, and the links back from them.
 *
 * A list that is full takes a link by leaving out one of its neighbors.  To select
 * anew among all of them takes distances between most pairs.  But the outcome is known
 * for those that are in the list already, and a new one changes it for few: whoever is
 * nearer to it than to the list's node.  So each list keeps a bit for each neighbor,
 * whether it is "spare", that is, there only to fill the list.  A link takes the
 * distances of the new node from the others, which its search has met and measured for
 * the most part; its place in the list, which is in order; and more only where it is not
 * spare itself, from those behind it.
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

/* Those of the list's node and of the new one have copies apart from those of candidates. */
static inline const void *
link_base_slot(HnswInserter *inserter)
{
	return candidate_slot(inserter, inserter->link_base, inserter->candidate_limit);
}

static inline const void *
new_node_slot(HnswInserter *inserter)
{
	return candidate_slot(inserter, inserter->ordinal, inserter->candidate_limit + 1);
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
 * Measure inserter->candidates from `base` and sort them with their slots, nearest first.  Insertion
 * sort, because the input is nearly in order.
 */
static void
sort_candidates(HnswInserter *inserter, const void *base, uint32 count)
{
	Candidate *candidates = inserter->candidates;
	const void **slots = inserter->candidate_slots;

	measure_candidates(inserter, base, slots, count, inserter->candidate_distances);
	for (uint32 i = 0; i < count; i++)
	{
		Candidate candidate = {.distance = ordered_distance(inserter->candidate_distances[i]),
							   .ordinal = candidates[i].ordinal};
		const void *slot = slots[i];
		uint32 at;

		for (at = i; at > 0 && candidate_is_nearer(candidate, candidates[at - 1]); at--)
		{
			candidates[at] = candidates[at - 1];
			slots[at] = slots[at - 1];
		}
		candidates[at] = candidate;
		slots[at] = slot;
	}
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
	}
	/* The search's own distances are as good, where it read what selection reads */
	if (inserter->query != NULL && !inserter->selects_codes)
		sort_candidates(inserter, inserter->vector, count);
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

/* Distance of the node being inserted from a candidate */
static float
distance_from_new(HnswInserter *inserter, uint32 at)
{
	uint32 ordinal = inserter->candidates[at].ordinal;
	const MetNode *met = met_node(inserter, ordinal);
	bool measured_alike = inserter->selects_codes || inserter->query == NULL;
	const void *slot;
	float distance;

	if (measured_alike && met->ordinal == ordinal && met->insertion == inserter->insertion)
		return met->distance;
	slot = new_node_slot(inserter);
	inserter->candidate_slots[at] = candidate_slot(inserter, ordinal, at);
	measure_candidates(inserter, slot, &inserter->candidate_slots[at], 1, &distance);
	return ordered_distance(distance);
}

/* Measure the candidates from `first` on from the list's node. */
static void
measure_from_base(HnswInserter *inserter, const void *base, uint32 first, uint32 count)
{
	for (uint32 i = first; i < first + count; i++)
		inserter->candidate_slots[i] = candidate_slot(inserter, inserter->candidates[i].ordinal, i);
	measure_candidates(inserter, base, inserter->candidate_slots + first, count,
					   inserter->candidate_distances + first);
	for (uint32 i = first; i < first + count; i++)
		inserter->candidates[i].distance = ordered_distance(inserter->candidate_distances[i]);
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
 * Candidate `new_at`, not spare, is new to the list, and those behind it are measured.  Learn which of
 * them are spare now: what selection among all would have discarded.
 */
static void
update_spares(HnswInserter *inserter, uint32 count, uint32 new_at)
{
	const Candidate *candidates = inserter->candidates;
	const void **slots = inserter->candidate_slots;
	bool *spare = inserter->candidate_spare;
	const void *chosen[2 * HNSW_MAX_M + 1];
	const void *added[2 * HNSW_MAX_M + 1]; /* of these, who was spare before */
	uint32 chosen_count = 0;
	uint32 added_count = 0;
	bool removed = false;

	for (uint32 i = 0; i <= new_at; i++)
	{
		slots[i] = candidate_slot(inserter, candidates[i].ordinal, i);
		if (!spare[i])
			chosen[chosen_count++] = slots[i];
	}
	for (uint32 i = new_at + 1; i < count; i++)
	{
		bool is_near;

		/* As long as none is removed, who is spare stays so */
		if (spare[i] && !removed)
			continue;
		is_near = distance_from_new(inserter, i) < candidates[i].distance;
		if (!spare[i])
		{
			spare[i] = is_near || is_covered(inserter, i, added, added_count);
			removed |= spare[i];
		}
		else if (!is_near && !is_covered(inserter, i, chosen, chosen_count))
		{
			/* Only one that is spare now was nearer to it */
			spare[i] = false;
			added[added_count++] = slots[i];
		}
		if (!spare[i])
			chosen[chosen_count++] = slots[i];
	}
}

/* The furthest spare one, `count` if there is none; the nearest is never spare. */
static uint32
find_last_spare(const bool *spare, uint32 count)
{
	uint32 at = count;

	while (at > 0)
	{
		if (spare[--at])
			return at;
	}
	return count;
}

/* Where the new node belongs in the list, which is in order, and its distance from the list's node. */
static uint32
find_place(HnswInserter *inserter, const void *base, Candidate *new)
{
	const void *slot = new_node_slot(inserter);
	uint32 low = 0;
	uint32 high = inserter->link_max;

	new->ordinal = inserter->ordinal;
	measure_candidates(inserter, base, &slot, 1, &new->distance);
	new->distance = ordered_distance(new->distance);
	while (low < high)
	{
		uint32 middle = (low + high) / 2;

		measure_from_base(inserter, base, middle, 1);
		if (candidate_is_nearer(*new, inserter->candidates[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Put the new node among the candidates at its place. */
static void
insert_candidate(HnswInserter *inserter, Candidate new, bool is_spare, uint32 at)
{
	uint32 behind = inserter->link_max - at;

	memmove(inserter->candidates + at + 1, inserter->candidates + at, behind * sizeof(Candidate));
	memmove(inserter->candidate_spare + at + 1, inserter->candidate_spare + at,
			behind * sizeof(bool));
	inserter->candidates[at] = new;
	inserter->candidate_spare[at] = is_spare;
}

/* Leave out one of the nodes of a list of which is known who is spare, or the new one. */
static void
replace_one(HnswInserter *inserter, const void *base)
{
	uint32 max = inserter->link_max;
	bool *spare = inserter->candidate_spare;
	bool is_spare = false;
	Candidate new;
	uint32 new_at = find_place(inserter, base, &new);
	uint32 left_out;

	for (uint32 i = 0; i < new_at && !is_spare; i++)
		is_spare = !spare[i] && distance_from_new(inserter, i) < new.distance;
	left_out = find_last_spare(spare, max);
	if (is_spare && (left_out == max || left_out < new_at))
		return;

	insert_candidate(inserter, new, is_spare, new_at);
	if (!is_spare)
	{
		measure_from_base(inserter, base, new_at + 1, max - new_at);
		update_spares(inserter, max + 1, new_at);
	}
	left_out = find_last_spare(spare, max + 1);
	if (left_out > max)
		left_out = max;
	memmove(inserter->candidates + left_out, inserter->candidates + left_out + 1,
			(max - left_out) * sizeof(Candidate));
	memmove(spare + left_out, spare + left_out + 1, (max - left_out) * sizeof(bool));
	for (uint32 i = 0; i < max; i++)
		((volatile uint32 *) inserter->link_list)[i] = inserter->candidates[i].ordinal;
	write_spares(inserter->link_spares, max, spare);
}

/* Select anew among all of the list and the new node. */
static void
replace_all(HnswInserter *inserter, const void *base)
{
	uint32 max = inserter->link_max;
	bool *spare = inserter->candidate_spare;

	inserter->candidates[max].ordinal = inserter->ordinal;
	for (uint32 i = 0; i <= max; i++)
		inserter->candidate_slots[i] = candidate_slot(inserter, inserter->candidates[i].ordinal, i);
	sort_candidates(inserter, base, max + 1);
	(void) choose_neighbors(inserter, max + 1, max, spare);
	for (uint32 i = 0; i < max; i++)
		((volatile uint32 *) inserter->link_list)[i] =
			inserter->candidates[inserter->chosen[i]].ordinal;
	write_spares(inserter->link_spares, max, spare);
}

/* The list to link from is full: leave out one of its nodes or the new one. */
static void
replace_section(void *argument)
{
	HnswInserter *inserter = argument;
	const void *base = link_base_slot(inserter);
	uint32 max = inserter->link_max;

	for (uint32 i = 0; i < max; i++)
		inserter->candidates[i].ordinal = inserter->link_list[i];
	if (read_spares(inserter->link_spares, max, inserter->candidate_spare))
		replace_one(inserter, base);
	else
		replace_all(inserter, base);
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
