/*
 * hnsw/hnsw_build_graph.c
 *		Insertion of nodes into the graph under construction (Algorithms 1, 2, 4).
 *
 * A node's neighbors are searched on codes; the candidates that remain are
 * measured again on raw vectors before neighbors are selected among them, so
 * that the choice, which the graph's quality hangs on, is exact.  Vectors and
 * codes are read through the map of the index's file, in mapped-read sections
 * ("_section" below): pure loads, arithmetic and stores to preallocated memory.
 *
 * Concurrency: lists are read without a lock, one 32-bit load a neighbor; a
 * reader may meet a mixture of two versions of a list, whose ids are all valid
 * nodes and whose end is bounded by the list's size.  A list is written under
 * its lock.  A node is searched for on all levels and its own lists are written
 * before the first link to it, so whoever finds it finds its neighbors too.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_build.h"

/* Copies of slots that cross page ends take at most this much, if neighbor selection needs no more */
#define COPIES_SIZE (4 * 1024 * 1024)
/* Steps of a search between two looks for interrupts */
#define SECTION_HOPS 64

/*
 * A list that must be pruned keeps this many neighbors.  What is left free takes the next links
 * without another prune, which saves half of all the time; the graph loses 0.004 of recall@10 by it
 * (sift, m = 16, ef_search = 40).
 */
#define PRUNE_FILL(max) ((max) - (max) / 4)

/* A candidate of a search; kept nearest first */
typedef struct BeamEntry
{
	Candidate candidate;
	bool expanded;
} BeamEntry;

/* What one level's search found and selection chose */
typedef struct LevelNeighbors
{
	uint32 count;
	uint32 *ordinals;
} LevelNeighbors;

struct HnswInserter
{
	HnswBuildSource source;
	HnswEdges edges;
	HnswBuildShared *shared;
	bool parallel;

	/* The node being inserted */
	uint32 ordinal;
	int level;
	void *vector;
	float *floats;		   /* the vector's, where it is something else */
	QuantizerQuery *query; /* NULL: the search is on raw vectors */
	LevelNeighbors selected[HNSW_MAX_LEVEL];

	/* The search of one level */
	int search_level;
	uint32 ef;
	uint32 beam_count;
	uint32 cursor; /* all entries before it are expanded */
	BeamEntry *beam;
	VisitedSet visited;
	bool search_done;

	/* Scratch of a hop, a selection, a prune; fan = the longest list + 1 */
	uint32 fan;
	uint32 *found;
	const void **slots;
	float *distances;
	char *code_copies; /* fan codes */

	uint32 candidate_limit; /* candidates that selection considers */
	Candidate *candidates;
	const void **vectors;
	float *candidate_distances;
	uint32 *chosen;
	char *vector_copies; /* candidate_limit + 1 vectors */

	/* The back-link being made */
	uint32 *link_list;
	uint32 link_base;
	uint32 link_max;
};

HnswInserter *
hnsw_inserter_create(const HnswBuildSource *source, const HnswEdges *edges, HnswBuildShared *shared,
					 bool parallel)
{
	HnswInserter *inserter = palloc0(sizeof(HnswInserter));
	Size vector_size = source->type.vector_size;
	uint32 copies;

	inserter->source = *source;
	inserter->edges = *edges;
	inserter->shared = shared;
	inserter->parallel = parallel;

	inserter->fan = 2 * edges->m + 1;
	inserter->candidate_limit = Max(source->ef_construction, inserter->fan);
	if (source->vectors.may_cross)
	{
		uint32 fitting = (uint32) (COPIES_SIZE / vector_size);

		inserter->candidate_limit = Min(inserter->candidate_limit, Max(fitting, inserter->fan));
	}
	copies = inserter->candidate_limit + 1;

	inserter->vector = palloc(vector_size);
	if (!source->quantizer->exact)
	{
		inserter->floats = palloc(source->type.dimensions * sizeof(float));
		inserter->query = palloc(source->quantizer->query_size(source->type.dimensions));
	}
	for (int level = 0; level < HNSW_MAX_LEVEL; level++)
		inserter->selected[level].ordinals =
			palloc(hnsw_level_m((uint16) edges->m, level) * sizeof(uint32));

	inserter->beam = palloc((source->ef_construction + 1) * sizeof(BeamEntry));
	visited_set_init(&inserter->visited, source->ef_construction * 2 * edges->m / 2);

	inserter->found = palloc(inserter->fan * sizeof(uint32));
	inserter->slots = palloc(inserter->fan * sizeof(void *));
	inserter->distances = palloc(inserter->fan * sizeof(float));
	inserter->code_copies = MemoryContextAllocHuge(CurrentMemoryContext,
												   (Size) inserter->fan * source->codes.slot_size);

	inserter->candidates = palloc(copies * sizeof(Candidate));
	inserter->vectors = palloc(copies * sizeof(void *));
	inserter->candidate_distances = palloc(copies * sizeof(float));
	inserter->chosen = palloc(inserter->fan * sizeof(uint32));
	inserter->vector_copies = MemoryContextAllocHuge(CurrentMemoryContext, copies * vector_size);
	return inserter;
}

/* Where the n-th code of a batch lies; its copy where it crosses a page's end */
static inline const void *
code_slot(HnswInserter *inserter, uint32 ordinal, uint32 n)
{
	const BuiltArray *codes = &inserter->source.codes;

	return built_array_slot(codes, ordinal, inserter->code_copies + (Size) n * codes->slot_size);
}

static inline const void *
vector_slot(HnswInserter *inserter, uint32 ordinal, uint32 n)
{
	const BuiltArray *vectors = &inserter->source.vectors;

	return built_array_slot(vectors, ordinal,
							inserter->vector_copies + (Size) n * vectors->slot_size);
}

/* Distances from the node's vector to inserter->slots, on what the search reads. */
static inline void
measure_slots(HnswInserter *inserter, uint32 count)
{
	const HnswBuildSource *source = &inserter->source;

	if (inserter->query != NULL)
		source->quantizer->distances(inserter->query, inserter->slots, count, inserter->distances);
	else
		index_type_distances(&source->type, inserter->vector, inserter->slots, count,
							 inserter->distances);
}

/* Infinite distances may cancel to NaN (inner product), which has no place in an order. */
static inline float
ordered_distance(float distance)
{
	return isnan(distance) ? get_float4_infinity() : distance;
}

/* Other processes may write the list: each neighbor is loaded once. */
static inline uint32
load_neighbor(const uint32 *list, uint32 at)
{
	return ((const volatile uint32 *) list)[at];
}

static inline void
prefetch_list(const HnswInserter *inserter, uint32 ordinal)
{
	const char *list =
		(const char *) hnsw_edges_list(&inserter->edges, ordinal, inserter->search_level);

	/* Two cache lines hold the list of m = 16 */
	__builtin_prefetch(list);
	__builtin_prefetch(list + 64);
}

/* Insert into the beam, which drops its furthest entry when full. */
static inline void
beam_insert(HnswInserter *inserter, Candidate candidate)
{
	BeamEntry *beam = inserter->beam;
	uint32 at = inserter->beam_count;

	if (at == inserter->ef)
	{
		if (!candidate_is_nearer(candidate, beam[at - 1].candidate))
			return;
		at--;
	}
	else
		inserter->beam_count++;

	while (at > 0 && candidate_is_nearer(candidate, beam[at - 1].candidate))
	{
		beam[at] = beam[at - 1];
		at--;
	}
	beam[at].candidate = candidate;
	beam[at].expanded = false;
	if (at < inserter->cursor)
		inserter->cursor = at;
}

/* Visit the neighbors of a node. */
static void
expand(HnswInserter *inserter, uint32 ordinal)
{
	const uint32 *list = hnsw_edges_list(&inserter->edges, ordinal, inserter->search_level);
	uint32 max = hnsw_level_m((uint16) inserter->edges.m, inserter->search_level);
	uint32 count = 0;

	for (uint32 i = 0; i < max; i++)
	{
		uint32 neighbor = load_neighbor(list, i);

		if (neighbor == INVALID_ORDINAL)
			break;
		if (!visited_set_add(&inserter->visited, neighbor))
			continue;
		inserter->found[count] = neighbor;
		inserter->slots[count] = code_slot(inserter, neighbor, count);
		count++;
	}
	measure_slots(inserter, count);
	for (uint32 i = 0; i < count; i++)
	{
		Candidate candidate = {.distance = ordered_distance(inserter->distances[i]),
							   .ordinal = inserter->found[i]};

		beam_insert(inserter, candidate);
	}
}

/* Algorithm 2; stops early where the visited set must grow. */
static void
search_section(void *argument)
{
	HnswInserter *inserter = argument;
	BeamEntry *beam = inserter->beam;

	for (uint32 hops = 0; inserter->cursor < inserter->beam_count; hops++)
	{
		uint32 next;

		/* So many reads may be a second of a slow disk: out, to look for interrupts */
		if (hops == SECTION_HOPS)
			return;
		if (inserter->visited.count + inserter->fan > inserter->visited.limit)
			return;
		if (beam[inserter->cursor].expanded)
		{
			inserter->cursor++;
			continue;
		}

		/* What is expanded next, should this hop find nothing nearer */
		for (next = inserter->cursor + 1; next < inserter->beam_count; next++)
		{
			if (!beam[next].expanded)
			{
				prefetch_list(inserter, beam[next].candidate.ordinal);
				break;
			}
		}
		beam[inserter->cursor].expanded = true;
		expand(inserter, beam[inserter->cursor].candidate.ordinal);
	}
	inserter->search_done = true;
}

/* Search a level from the entries that the beam holds. */
static void
search(HnswInserter *inserter, int level, uint32 ef)
{
	inserter->search_level = level;
	inserter->ef = ef;
	inserter->beam_count = Min(inserter->beam_count, ef);
	inserter->cursor = 0;
	inserter->search_done = false;

	visited_set_clear(&inserter->visited);
	for (uint32 i = 0; i < inserter->beam_count; i++)
	{
		inserter->beam[i].expanded = false;
		visited_set_add(&inserter->visited, inserter->beam[i].candidate.ordinal);
	}
	/* The node itself is linked to already where an insertion on a level above was abandoned */
	visited_set_add(&inserter->visited, inserter->ordinal);

	for (;;)
	{
		visited_set_reserve(&inserter->visited, inserter->fan);
		mapped_read_call(search_section, inserter);
		if (inserter->search_done)
			break;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Candidates with their vectors, nearest first.  Insertion sort, because the input is nearly in
 * order.
 */
static void
sort_candidates(Candidate *candidates, const void **vectors, uint32 count)
{
	for (uint32 i = 1; i < count; i++)
	{
		Candidate candidate = candidates[i];
		const void *vector = vectors[i];
		uint32 at = i;

		while (at > 0 && candidate_is_nearer(candidate, candidates[at - 1]))
		{
			candidates[at] = candidates[at - 1];
			vectors[at] = vectors[at - 1];
			at--;
		}
		candidates[at] = candidate;
		vectors[at] = vector;
	}
}

/* Measure inserter->candidates exactly from `base`, and choose neighbors among them. */
static uint32
choose_neighbors(HnswInserter *inserter, const void *base, uint32 count, uint32 max, uint32 fill)
{
	const HnswBuildSource *source = &inserter->source;
	Candidate *candidates = inserter->candidates;

	for (uint32 i = 0; i < count; i++)
		inserter->vectors[i] = vector_slot(inserter, candidates[i].ordinal, i);
	index_type_distances(&source->type, base, inserter->vectors, count,
						 inserter->candidate_distances);
	for (uint32 i = 0; i < count; i++)
		candidates[i].distance = ordered_distance(inserter->candidate_distances[i]);
	sort_candidates(candidates, inserter->vectors, count);
	return hnsw_select_neighbors_filled(&source->type, candidates, inserter->vectors, count, max,
										fill, inserter->chosen);
}

static void
select_section(void *argument)
{
	HnswInserter *inserter = argument;
	LevelNeighbors *selected = &inserter->selected[inserter->search_level];
	uint32 count = Min(inserter->beam_count, inserter->candidate_limit);
	uint32 max = hnsw_level_m((uint16) inserter->edges.m, inserter->search_level);

	for (uint32 i = 0; i < count; i++)
		inserter->candidates[i] = inserter->beam[i].candidate;
	selected->count = choose_neighbors(inserter, inserter->vector, count, max, max);
	for (uint32 i = 0; i < selected->count; i++)
		selected->ordinals[i] = inserter->candidates[inserter->chosen[i]].ordinal;
}

/* The list to link from is full: choose anew among its nodes and the new one. */
static void
prune_section(void *argument)
{
	HnswInserter *inserter = argument;
	const void *base = vector_slot(inserter, inserter->link_base, inserter->candidate_limit);
	uint32 max = inserter->link_max;
	uint32 *list = inserter->link_list;
	uint32 count;

	for (uint32 i = 0; i < max; i++)
		inserter->candidates[i].ordinal = list[i];
	inserter->candidates[max].ordinal = inserter->ordinal;
	count = choose_neighbors(inserter, base, max + 1, max, PRUNE_FILL(max));
	for (uint32 i = 0; i < max; i++)
		((volatile uint32 *) list)[i] =
			i < count ? inserter->candidates[inserter->chosen[i]].ordinal : INVALID_ORDINAL;
}

static void
link_back(HnswInserter *inserter, uint32 base, int level)
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
		inserter->link_base = base;
		inserter->link_max = max;
		mapped_read_call(prune_section, inserter);
	}
	if (inserter->parallel)
		LWLockRelease(lock);
}

/* Write the node's own lists; nobody can reach it yet. */
static void
write_own_lists(HnswInserter *inserter, int top)
{
	for (int level = 0; level <= top; level++)
	{
		uint32 *list = hnsw_edges_list(&inserter->edges, inserter->ordinal, level);
		LevelNeighbors *selected = &inserter->selected[level];

		for (uint32 i = 0; i < selected->count; i++)
			list[i] = selected->ordinals[i];
	}
	pg_write_barrier();
}

/* Take the vector, and measure the entry point. */
static void
begin_section(void *argument)
{
	HnswInserter *inserter = argument;
	const HnswBuildSource *source = &inserter->source;
	uint32 entry = inserter->beam[0].candidate.ordinal;

	memcpy(inserter->vector, vector_slot(inserter, inserter->ordinal, 0), source->type.vector_size);
	if (inserter->query != NULL)
		source->quantizer->prepare_query(
			source->parameters, source->type.metric,
			index_type_as_floats(&source->type, inserter->vector, inserter->floats),
			source->type.dimensions, inserter->query);
	inserter->slots[0] = code_slot(inserter, entry, 0);
	measure_slots(inserter, 1);
	inserter->beam[0].candidate.distance = ordered_distance(inserter->distances[0]);
}

void
hnsw_inserter_insert(HnswInserter *inserter, uint32 ordinal)
{
	HnswBuildShared *shared = inserter->shared;
	int level = hnsw_edges_level(&inserter->edges, ordinal);
	uint64 entry = pg_atomic_read_u64(&shared->entry);
	bool entry_locked = false;
	int entry_level;

	/* A node above all others becomes the entry point: one at a time */
	if (entry == PG_UINT64_MAX || level > (int) (entry >> 32))
	{
		LWLockAcquire(&shared->entry_lock.lock, LW_EXCLUSIVE);
		entry_locked = true;
		entry = pg_atomic_read_u64(&shared->entry);
	}
	if (entry == PG_UINT64_MAX)
	{
		pg_atomic_write_u64(&shared->entry, ((uint64) level << 32) | ordinal);
		LWLockRelease(&shared->entry_lock.lock);
		return;
	}
	entry_level = (int) (entry >> 32);

	inserter->ordinal = ordinal;
	inserter->level = level;
	inserter->beam[0].candidate.ordinal = (uint32) entry;
	inserter->beam_count = 1;
	mapped_read_call(begin_section, inserter);

	for (int above = entry_level; above > level; above--)
		search(inserter, above, 1);
	for (int at = Min(level, entry_level); at >= 0; at--)
	{
		search(inserter, at, inserter->source.ef_construction);
		mapped_read_call(select_section, inserter);
	}

	write_own_lists(inserter, Min(level, entry_level));
	for (int at = Min(level, entry_level); at >= 0; at--)
	{
		const LevelNeighbors *selected = &inserter->selected[at];

		for (uint32 i = 0; i < selected->count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			link_back(inserter, selected->ordinals[i], at);
		}
	}

	if (entry_locked)
	{
		if (level > entry_level)
			pg_atomic_write_u64(&shared->entry, ((uint64) level << 32) | ordinal);
		LWLockRelease(&shared->entry_lock.lock);
	}
}
