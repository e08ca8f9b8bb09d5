/*
 * hnsw/hnsw_search.c
 *		The walk through the graph: Algorithm 2 of Malkov and Yashunin, on codes.
 *
 * One hop: take the nearest candidate, copy its node, drop the neighbors seen
 * before, fetch the codes of all others in one batch and compute their distances
 * in one call of the quantizer, inside a mapped-read section.  Everything that
 * allocates (heaps, visited set) is made large enough before the section.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "hnsw/hnsw_search_edges.h"
#include "hnsw/hnsw_vector.h"
#include "index/index_meta.h"

void
hnsw_search_begin(HnswSearch *search, StorageReader *reader, const IndexType *type,
				  const void *vector, uint32 max_ef, bool follow_chains)
{
	search->reader = reader;
	index_query_begin(&search->query, reader, type, vector, true);
	search->long_vector = NULL;
	search->follow_chains = follow_chains;

	visited_set_init(&search->visited, max_ef * 2 * hnsw_meta(reader->meta)->m / 2);
	search->candidate_capacity = Max(2 * max_ef, 256);
	search->candidates = palloc(search->candidate_capacity * sizeof(Candidate));
	search->candidate_count = 0;
	search->result_capacity = max_ef;
	search->results = palloc(max_ef * sizeof(Candidate));
	search->result_count = 0;

	search->keep_discarded = false;
	search->discarded = NULL;
	search->discarded_count = search->discarded_capacity = 0;
	search->met_count = 0;

	search->edges = NULL;
	search->estimated = search->query.prepared != NULL;
	if (hnsw_meta(reader->meta)->edge_bits != 0)
		hnsw_search_edges_begin(search);
}

/* The distance of a node that none was computed for: its vector may be longer than its slot. */
static float
measure_long_vector(HnswSearch *search, uint32 ordinal)
{
	IndexType type = search->query.type;
	float distance;

	type.vector_size = type.vector_type->slot_size(type.dimensions);
	if (search->long_vector == NULL)
		search->long_vector = palloc(type.vector_size);
	if (!hnsw_read_long_vector(search->reader, &type, ordinal, search->long_vector))
		return INFINITY;
	distance = index_type_distance(&type, search->query.vector, search->long_vector);
	return isnan(distance) ? INFINITY : distance;
}

/* Distances of any number of nodes to the query; NaN (corrupt or overflowing data) sorts last. */
static void
measure(HnswSearch *search, PageArrayId array, const uint32 *ordinals, uint32 count,
		float *distances)
{
	index_query_measure(&search->query, search->reader, array, ordinals, count, distances);
	for (uint32 i = 0; i < count; i++)
	{
		if (unlikely(isnan(distances[i])))
			distances[i] = search->query.type.vector_type->varying
							   ? measure_long_vector(search, ordinals[i])
							   : INFINITY;
	}
}

/* Room for `more` candidates. */
void
hnsw_search_reserve_candidates(HnswSearch *search, uint32 more)
{
	if (search->candidate_count + more <= search->candidate_capacity)
		return;
	search->candidate_capacity = 2 * (search->candidate_count + more);
	search->candidates =
		repalloc_huge(search->candidates, (Size) search->candidate_capacity * sizeof(Candidate));
}

void
hnsw_search_discard(HnswSearch *search, Candidate candidate)
{
	if (search->discarded_count == search->discarded_capacity)
	{
		Size capacity = Max(2 * (Size) search->discarded_capacity, 1024);

		if (search->discarded == NULL)
			search->discarded = palloc(capacity * sizeof(Candidate));
		else
			search->discarded = repalloc_huge(search->discarded, capacity * sizeof(Candidate));
		search->discarded_capacity = (uint32) capacity;
	}
	nearest_heap_push(search->discarded, &search->discarded_count, candidate);
}

/* Take a node in as candidate, and as one of the `ef` results, if it is near enough. */
static inline void
consider(HnswSearch *search, uint32 ef, Candidate candidate, bool keep_discarded)
{
	Candidate discarded = candidate;
	bool is_result = true;

	if (search->result_count < ef)
	{
		furthest_heap_push(search->results, &search->result_count, candidate);
		keep_discarded = false;
	}
	else if (candidate_is_nearer(candidate, search->results[0]))
	{
		discarded = search->results[0];
		furthest_heap_replace_top(search->results, search->result_count, candidate);
	}
	else
		is_result = false;

	if (is_result)
		nearest_heap_push(search->candidates, &search->candidate_count, candidate);
	if (keep_discarded)
		hnsw_search_discard(search, discarded);
}

/*
 * A node that has no rows is walked through but is no result.  It is known when the node is read,
 * and every result's node is read before a search ends; so all results are LIVE then.
 */
static void
remove_result(HnswSearch *search, uint32 ordinal)
{
	uint32 kept = 0;

	for (uint32 i = 0; i < search->result_count; i++)
	{
		if (search->results[i].ordinal != ordinal)
			search->results[kept++] = search->results[i];
	}
	search->result_count = 0;
	for (uint32 i = 0; i < kept; i++)
		furthest_heap_push(search->results, &search->result_count, search->results[i]);
}

bool
hnsw_search_descend(HnswSearch *search, int level)
{
	StorageReader *reader = search->reader;
	HnswMeta *meta = hnsw_meta(reader->meta);
	uint32 entry = meta->entry;
	float distance;

	search->result_count = 0;
	if (entry == INVALID_ORDINAL)
		return false;
	storage_reader_check_ordinal(reader, entry);

	measure(search, search->query.search_array, &entry, 1, &distance);
	search->results[0].ordinal = entry;
	search->results[0].distance = distance;
	search->result_count = 1;
	for (int at = (int) meta->entry_level; at > level; at--)
		hnsw_search_level(search, at, 1);
	return true;
}

/*
 * Algorithm 2, from results that are sorted and visited: heaps are made of them in place.  Those
 * beyond the first `ef` are entry points alone.
 */
static void
walk(HnswSearch *search, int level, uint32 ef)
{
	StorageReader *reader = search->reader;
	bool keep_discarded = search->keep_discarded && level == 0;
	HnswSlot slot;
	HnswList list;
	float distances[2 * HNSW_MAX_M];

	if (search->edges != NULL)
	{
		hnsw_search_edges_walk(search, level, ef);
		return;
	}

	Assert(ef <= search->result_capacity);
	search->candidate_count = 0;
	hnsw_search_reserve_candidates(search, search->result_count);
	for (uint32 i = 0; i < search->result_count; i++)
	{
		nearest_heap_push(search->candidates, &search->candidate_count, search->results[i]);
		if (i >= ef && keep_discarded)
			hnsw_search_discard(search, search->results[i]);
	}
	search->result_count = Min(search->result_count, ef);
	for (uint32 i = 0, count = 0; i < search->result_count; i++)
		furthest_heap_push(search->results, &count, search->results[i]);

	while (search->candidate_count > 0)
	{
		Candidate nearest = nearest_heap_pop(search->candidates, &search->candidate_count);
		uint32 unseen = 0;

		if (search->result_count >= ef && candidate_is_nearer(search->results[0], nearest))
			break;
		CHECK_FOR_INTERRUPTS();

		/* The runner-up is the likeliest next hop: its node arrives while this one is worked on. */
		if (search->candidate_count > 0)
			storage_touch_slot(reader, HNSW_NODES, search->candidates[0].ordinal);

		hnsw_read_node(reader, nearest.ordinal, &slot);
		if (unlikely(slot.node.state != HNSW_NODE_LIVE) && level == 0)
			remove_result(search, nearest.ordinal);
		hnsw_read_list(reader, nearest.ordinal, &slot.node, level, false, &list);

		visited_set_reserve(&search->visited, list.count + 1);

		/* The next node with an equal vector is as far away; upper levels have none. */
		if (search->follow_chains && level == 0 && slot.node.next != INVALID_ORDINAL &&
			visited_set_add(&search->visited, slot.node.next))
		{
			hnsw_search_reserve_candidates(search, 1);
			consider(search, ef,
					 (Candidate){.distance = nearest.distance, .ordinal = slot.node.next},
					 keep_discarded);
			search->met_count++;
		}

		for (uint32 i = 0; i < list.count; i++)
		{
			if (visited_set_add(&search->visited, list.ids[i]))
				list.ids[unseen++] = list.ids[i];
		}
		if (unseen == 0)
			continue;
		measure(search, search->query.search_array, list.ids, unseen, distances);

		hnsw_search_reserve_candidates(search, unseen);
		for (uint32 i = 0; i < unseen; i++)
			consider(search, ef, (Candidate){.distance = distances[i], .ordinal = list.ids[i]},
					 keep_discarded);
		search->met_count += unseen;
	}

	candidates_sort(search->results, search->result_count);
}

void
hnsw_search_level(HnswSearch *search, int level, uint32 ef)
{
	visited_set_clear(&search->visited);
	visited_set_reserve(&search->visited, search->result_count);
	search->met_count = search->result_count;

	/* The results of the level above are the entry points. */
	candidates_sort(search->results, search->result_count);
	for (uint32 i = 0; i < search->result_count; i++)
		visited_set_add(&search->visited, search->results[i].ordinal);
	walk(search, level, ef);
}

void
hnsw_search_take_discarded(HnswSearch *search, uint32 count)
{
	Assert(count <= search->result_capacity);
	search->result_count = 0;
	search->estimated = search->estimated || search->edges != NULL;
	while (search->result_count < count && search->discarded_count > 0)
		search->results[search->result_count++] =
			nearest_heap_pop(search->discarded, &search->discarded_count);
}

void
hnsw_search_resume(HnswSearch *search, uint32 ef)
{
	hnsw_search_take_discarded(search, ef);
	walk(search, 0, ef);
}

void
hnsw_search_rerank(HnswSearch *search)
{
	uint32 *ordinals;
	float *distances;
	uint32 count = search->result_count;

	if (!search->estimated || count == 0)
		return;

	ordinals = palloc(count * sizeof(uint32));
	distances = palloc(count * sizeof(float));
	for (uint32 i = 0; i < count; i++)
		ordinals[i] = search->results[i].ordinal;
	measure(search, PAGE_ARRAY_VECTORS, ordinals, count, distances);
	for (uint32 i = 0; i < count; i++)
		search->results[i].distance = distances[i];
	candidates_sort(search->results, count);
	pfree(ordinals);
	pfree(distances);
}
