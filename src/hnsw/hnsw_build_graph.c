/*
 * hnsw/hnsw_build_graph.c
 *		Insertion of nodes into the graph under construction: the search for a
 *		node's neighbors (Algorithms 1 and 2; hnsw_build_link.c has the rest).
 *
 * A node's neighbors are searched on codes.  Vectors and codes are read through the
 * map of the index's file, in mapped-read sections ("_section" below): pure loads,
 * arithmetic and stores to preallocated memory.
 *
 * Most of the time goes into waiting for memory.  So a hop expands several nodes, whose
 * lists and codes are fetched side by side, and a node of level 0 does not descend
 * from the entry point where nodes near to it, by their ordinals in locality order,
 * are in the graph already: its search begins with those.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_inserter.h"

/* Copies of slots that cross page ends take at most this much, if neighbor selection needs no more */
#define COPIES_SIZE (4 * 1024 * 1024)
/* Steps of a search between two looks for interrupts */
#define SECTION_HOPS 32
/* Nodes that a hop expands at once */
#define HOP_NODES 3
/* A search that begins near by needs so many nodes to begin with */
#define STARTS_MIN 8
/* What is found among so many nearest is likely to be expanded next: its list is prefetched */
#define PREFETCH_PLACES 8

HnswInserter *
hnsw_inserter_create(const HnswBuildSource *source, const HnswEdges *edges, HnswBuildShared *shared,
					 bool parallel)
{
	HnswInserter *inserter = palloc0(sizeof(HnswInserter));
	const QuantizerRoutine *quantizer = source->searched.quantizer;
	const HnswBuildCodes *compared = &source->compared;
	uint32 dimensions = source->type.dimensions;
	Size vector_size = source->type.vector_size;
	uint32 copies;
	uint32 hop; /* most nodes that are measured together */

	inserter->source = *source;
	inserter->edges = *edges;
	inserter->shared = shared;
	inserter->parallel = parallel;
	inserter->measured_alike = quantizer == compared->quantizer;

	inserter->fan = 2 * edges->m + 1;
	inserter->candidate_limit = Max(source->ef_construction, inserter->fan);
	if (compared->codes.may_cross)
	{
		uint32 fitting = (uint32) (COPIES_SIZE / compared->codes.slot_size);

		inserter->candidate_limit = Min(inserter->candidate_limit, Max(fitting, inserter->fan));
	}
	copies = inserter->candidate_limit + 1;

	inserter->vector = palloc(vector_size);
	inserter->noted = palloc0(NOTED_NODES * sizeof(NotedNode));
	if (!quantizer->exact)
	{
		inserter->floats = palloc(dimensions * sizeof(float));
		inserter->query = palloc(quantizer->query_size(dimensions));
	}
	if (!compared->quantizer->exact)
		inserter->compared_query = palloc(compared->quantizer->query_size(dimensions));
	for (int level = 0; level < HNSW_MAX_LEVEL; level++)
	{
		uint32 max = hnsw_level_m((uint16) edges->m, level);

		inserter->selected[level].ordinals = palloc(max * sizeof(uint32));
		inserter->selected[level].distances = palloc(max * sizeof(float));
		inserter->selected[level].spare = palloc(max * sizeof(bool));
	}

	inserter->beam = palloc((source->ef_construction + 1) * sizeof(uint64));
	inserter->expanded = palloc((source->ef_construction + 1) * sizeof(bool));
	visited_set_init(&inserter->visited, source->ef_construction * edges->m);

	hop = Max(HOP_NODES * inserter->fan, HNSW_BUILD_STARTS);
	inserter->found = palloc(hop * sizeof(uint32));
	inserter->slots = palloc(hop * sizeof(void *));
	inserter->distances = palloc(hop * sizeof(float));
	inserter->code_copies =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) hop * source->searched.codes.slot_size);

	inserter->candidates = palloc(copies * sizeof(Candidate));
	inserter->candidate_slots = palloc(copies * sizeof(void *));
	inserter->candidate_distances = palloc(copies * sizeof(float));
	inserter->candidate_spare = palloc(copies * sizeof(bool));
	inserter->chosen = palloc(inserter->fan * sizeof(uint32));
	inserter->candidate_copies =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) copies * compared->codes.slot_size);
	return inserter;
}

/* Where the n-th code of a hop lies; its copy where it crosses a page's end */
static inline const void *
code_slot(HnswInserter *inserter, uint32 ordinal, uint32 n)
{
	const BuiltArray *codes = &inserter->source.searched.codes;

	return built_array_slot(codes, ordinal, inserter->code_copies + (Size) n * codes->slot_size);
}

/* Distances from the node's vector to inserter->slots, on what the search reads. */
static inline void
measure_slots(HnswInserter *inserter, uint32 count)
{
	const HnswBuildSource *source = &inserter->source;

	if (inserter->query != NULL)
		source->searched.quantizer->distances(inserter->query, inserter->slots, count,
											  inserter->distances);
	else
		index_type_distances(&source->type, inserter->vector, inserter->slots, count,
							 inserter->distances);
}

/* A number that is smaller for what is nearer, in the order of candidate_is_nearer(). */
static inline uint64
beam_key(float distance, uint32 ordinal)
{
	uint32 bits;

	memcpy(&bits, &distance, sizeof(bits));
	bits ^= (bits >> 31) != 0 ? PG_UINT32_MAX : UINT32_C(0x80000000);
	return ((uint64) bits << 32) | (uint32) ~ordinal;
}

/* Other processes may write the list: each neighbor is loaded once. */
static inline uint32
load_neighbor(const uint32 *list, uint32 at)
{
	return ((const volatile uint32 *) list)[at];
}

static inline void
prefetch_list(const HnswInserter *inserter, uint32 ordinal, int level)
{
	const char *list = (const char *) hnsw_edges_list(&inserter->edges, ordinal, level);

	/* Two cache lines hold the list of m = 16 */
	__builtin_prefetch(list);
	__builtin_prefetch(list + 64);
}

/* What a link looks at */
static inline void
prefetch_link(const HnswInserter *inserter, uint32 ordinal, int level)
{
	const char *distances = (const char *) hnsw_edges_distances(&inserter->edges, ordinal, level);

	prefetch_list(inserter, ordinal, level);
	__builtin_prefetch(distances);
	__builtin_prefetch(distances + 64);
	__builtin_prefetch(hnsw_edges_spares(&inserter->edges, ordinal, level));
}

/* How many keys of the beam are below `key`; without a branch that could be guessed wrong. */
static inline uint32
beam_place(const uint64 *beam, uint32 count, uint64 key)
{
	uint32 place = 0;

	while (count > 0)
	{
		uint32 half = (count + 1) / 2;

		place += beam[place + half - 1] < key ? half : 0;
		count -= half;
	}
	return place;
}

/* Insert into the beam, which drops its furthest entry when full. */
static inline void
beam_insert(HnswInserter *inserter, uint64 key)
{
	uint64 *beam = inserter->beam;
	bool *expanded = inserter->expanded;
	uint32 count = inserter->beam_count;
	uint32 place;

	if (count == inserter->ef)
	{
		if (key >= beam[count - 1])
			return;
		count--;
	}
	place = beam_place(beam, count, key);
	memmove(beam + place + 1, beam + place, (count - place) * sizeof(uint64));
	memmove(expanded + place + 1, expanded + place, (count - place) * sizeof(bool));
	beam[place] = key;
	expanded[place] = false;
	inserter->beam_count = count + 1;
	if (place < inserter->cursor)
		inserter->cursor = place;
	if (place < inserter->cursor + PREFETCH_PLACES)
		prefetch_list(inserter, ~(uint32) key, inserter->search_level);
}

/* Measure found[0 .. count) and put them into the beam. */
static inline void
measure_found(HnswInserter *inserter, uint32 count)
{
	for (uint32 i = 0; i < count; i++)
		inserter->slots[i] = code_slot(inserter, inserter->found[i], i);
	measure_slots(inserter, count);
	for (uint32 i = 0; i < count; i++)
	{
		float distance = ordered_distance(inserter->distances[i]);

		beam_insert(inserter, beam_key(distance, inserter->found[i]));
	}
}

/* Add a node's neighbors that are new to the search; returns how many are found now. */
static inline uint32
find_neighbors(HnswInserter *inserter, uint32 ordinal, uint32 count)
{
	const uint32 *list = hnsw_edges_list(&inserter->edges, ordinal, inserter->search_level);
	uint32 max = hnsw_level_m((uint16) inserter->edges.m, inserter->search_level);

	for (uint32 i = 0; i < max; i++)
	{
		uint32 neighbor = load_neighbor(list, i);

		if (neighbor == INVALID_ORDINAL)
			break;
		inserter->found[count] = neighbor;
		count += visited_set_add(&inserter->visited, neighbor);
	}
	return count;
}

/* Algorithm 2, some nodes at a time; stops early where the visited set must grow. */
static void
search_section(void *argument)
{
	HnswInserter *inserter = argument;

	for (uint32 hops = 0; inserter->cursor < inserter->beam_count; hops++)
	{
		uint32 nodes = 0;
		uint32 count = 0;

		/* So many reads may be a second of a slow disk: out, to look for interrupts */
		if (hops == SECTION_HOPS)
			return;
		if (inserter->visited.count + HOP_NODES * inserter->fan > inserter->visited.limit)
			return;
		for (uint32 at = inserter->cursor; at < inserter->beam_count && nodes < HOP_NODES; at++)
		{
			if (inserter->expanded[at])
				continue;
			inserter->expanded[at] = true;
			count = find_neighbors(inserter, ~(uint32) inserter->beam[at], count);
			nodes++;
			inserter->cursor = at + 1;
		}
		if (nodes == 0)
			break;
		measure_found(inserter, count);
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
	visited_set_reserve(&inserter->visited, inserter->beam_count + 1);
	for (uint32 i = 0; i < inserter->beam_count; i++)
	{
		inserter->expanded[i] = false;
		visited_set_add(&inserter->visited, ~(uint32) inserter->beam[i]);
	}
	/* The node itself is linked to already where an insertion on a level above was abandoned */
	visited_set_add(&inserter->visited, inserter->ordinal);

	for (;;)
	{
		visited_set_reserve(&inserter->visited, HOP_NODES * inserter->fan);
		mapped_read_call(search_section, inserter);
		if (inserter->search_done)
			break;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Take the vector, and measure where the search begins. */
static void
begin_section(void *argument)
{
	HnswInserter *inserter = argument;
	const HnswBuildSource *source = &inserter->source;

	memcpy(inserter->vector,
		   built_array_slot(&source->vectors, inserter->ordinal, inserter->vector),
		   source->type.vector_size);
	if (inserter->query != NULL)
		source->searched.quantizer->prepare_query(
			source->searched.parameters, source->type.metric,
			index_type_as_floats(&source->type, inserter->vector, inserter->floats),
			source->type.dimensions, inserter->query);
	memcpy(inserter->found, inserter->starts, inserter->start_count * sizeof(uint32));
	measure_found(inserter, inserter->start_count);
}

/* Make the beam of what the search of the topmost level begins with. */
static void
begin(HnswInserter *inserter, int level, const uint32 *starts, uint32 count)
{
	inserter->search_level = level;
	inserter->ef = Min(count, inserter->source.ef_construction);
	inserter->cursor = 0;
	inserter->beam_count = 0;
	inserter->starts = starts;
	inserter->start_count = count;
	mapped_read_call(begin_section, inserter);
}

/* Search for the node's neighbors from level `top` down, and link them with it. */
static void
insert_from(HnswInserter *inserter, int top)
{
	for (int at = top; at >= 0; at--)
	{
		search(inserter, at, inserter->source.ef_construction);
		mapped_read_call(hnsw_inserter_select, inserter);
	}

	hnsw_inserter_write_lists(inserter, top);
	for (int at = top; at >= 0; at--)
	{
		const LevelNeighbors *selected = &inserter->selected[at];

		for (uint32 i = 0; i < selected->count; i++)
			prefetch_link(inserter, selected->ordinals[i], at);
		for (uint32 i = 0; i < selected->count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			hnsw_inserter_link(inserter, at, i);
		}
	}
}

void
hnsw_inserter_insert(HnswInserter *inserter, uint32 ordinal, const uint32 *starts, uint32 count)
{
	HnswBuildShared *shared = inserter->shared;
	int level = hnsw_edges_level(&inserter->edges, ordinal);
	uint64 entry = pg_atomic_read_u64(&shared->entry);
	bool entry_locked = false;
	uint32 start;
	int entry_level;

	inserter->ordinal = ordinal;
	inserter->insertion++;
	if (level == 0 && inserter->source.has_locality && count >= STARTS_MIN)
	{
		begin(inserter, 0, starts, count);
		insert_from(inserter, 0);
		return;
	}

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

	start = (uint32) entry;
	begin(inserter, entry_level, &start, 1);
	for (int above = entry_level; above > level; above--)
		search(inserter, above, 1);
	insert_from(inserter, Min(level, entry_level));

	if (entry_locked)
	{
		if (level > entry_level)
			pg_atomic_write_u64(&shared->entry, ((uint64) level << 32) | ordinal);
		LWLockRelease(&shared->entry_lock.lock);
	}
}
