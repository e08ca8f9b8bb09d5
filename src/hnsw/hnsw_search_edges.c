/*
 * hnsw/hnsw_search_edges.c
 *		The walk through a graph whose codes lie beside its edges (Gou et al.,
 *		SymphonyQG, SIGMOD 2025).
 *
 * One hop: take the nearest candidate; its raw vector gives its exact distance,
 * and that with the codes in its slot estimates of the distances of all its
 * neighbors, in one pass.  So a hop reads two pieces of memory, not one for each
 * neighbor, and what was visited needs no re-ranking.
 *
 * Candidates are ordered by estimates, results by exact distances: a node
 * becomes a result when it is visited, and the walk ends when the nearest
 * candidate's estimate is beyond the furthest result.  A neighbor that its
 * estimate keeps out is not remembered as seen, unless the search may go on
 * (keep_discarded): another edge to it gives another estimate, and often a better
 * one, for nothing.
 *
 * A list and its codes may be read in the middle of a change, through the map or
 * under a pin.  A wrong estimate is a detour at most.
 *
 * A hop on level 0 of a settled, warm index is one mapped-read section.  It reads
 * about a hundred cache lines (at 768 dimensions), which is what it takes: those
 * of the runner-up are asked for before it, since that is the next hop or a later
 * one nearly always.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "hnsw/hnsw_edge_codes.h"
#include "hnsw/hnsw_search_edges.h"
#include "storage/mapped_array.h"

/* Candidates whose pages are asked for ahead, while the disk is waited for */
#define COLD_AHEAD 4
#define MAX_LANES  ((2 * HNSW_MAX_M + RABITQ_BLOCK - 1) / RABITQ_BLOCK * RABITQ_BLOCK)

typedef struct HnswEdgeSearch
{
	const IndexQuery *query;
	void *prepared; /* for blocks */
	uint32 block_size;

	/* One hop: what its sections read */
	const void *slot;
	uint32 head_size; /* the codes are behind */
	uint32 count;	  /* of the neighbors */

	/* A hop in place */
	bool in_place;
	MappedArray nodes;
	MappedArray vectors;
	char *scratch; /* for a vector that crosses a page end */
	uint16 m;
	uint32 ordinal;
	bool done;

	/* and what it gives */
	uint8 state; /* of the node */
	uint32 next;
	uint32 ids[2 * HNSW_MAX_M];
	float distance;
	float estimates[MAX_LANES];
} HnswEdgeSearch;

void
hnsw_search_edges_begin(HnswSearch *search)
{
	const IndexMeta *meta = search->reader->meta;
	const IndexType *type = &search->query.type;
	uint32 bits = hnsw_meta(meta)->edge_bits;
	HnswEdgeSearch *edges = palloc(sizeof(HnswEdgeSearch));
	float *floats = palloc(rabitq_rotated_dimensions(type->dimensions) * sizeof(float));

	edges->prepared = palloc(rabitq_block_query_size(type->dimensions));
	edges->block_size = rabitq_block_size(type->dimensions, bits);
	edges->query = &search->query;
	edges->m = hnsw_meta(meta)->m;
	edges->scratch = palloc(meta->arrays[PAGE_ARRAY_VECTORS].slot_size);
	edges->in_place =
		mapped_array_begin(search->reader, HNSW_NODES, meta->ordinal_count, &edges->nodes) &&
		mapped_array_begin_packed(search->reader, PAGE_ARRAY_VECTORS, meta->ordinal_count,
								  &edges->vectors);
	/* A node is addressed only where its vector can be. */
	if (edges->in_place)
		edges->nodes.limit = Min(edges->nodes.limit, edges->vectors.limit);

	index_type_to_floats(type, search->query.vector, floats);
	rabitq_rotate(type->dimensions, floats, floats);
	rabitq_block_prepare(type->metric, type->dimensions, bits, floats, edges->prepared);
	pfree(floats);
	search->edges = edges;
}

static void
measure_section(void *argument)
{
	HnswEdgeSearch *edges = argument;
	float distance = index_type_distance(&edges->query->type, edges->query->vector, edges->slot);

	edges->distance = isnan(distance) ? INFINITY : distance;
}

static void
estimate_section(void *argument)
{
	HnswEdgeSearch *edges = argument;
	const char *block = (const char *) edges->slot + edges->head_size;

	for (uint32 lane = 0; lane < edges->count; lane += RABITQ_BLOCK)
	{
		rabitq_block_distances(edges->prepared, block, edges->distance, edges->estimates + lane,
							   NULL);
		block += edges->block_size;
	}
}

/* A hop on level 0, all of it, in the map; not done if anything about the node is odd. */
static void
visit_section(void *argument)
{
	HnswEdgeSearch *edges = argument;
	const HnswNode *node = (const HnswNode *) mapped_array_slot(&edges->nodes, edges->ordinal);
	uint32 limit = edges->nodes.limit;
	uint32 largest = 0;

	edges->slot = mapped_array_whole_slot(&edges->vectors, edges->ordinal, edges->scratch);
	measure_section(edges);

	edges->state = node->state;
	edges->next = node->next;
	edges->count = node->count;
	if (unlikely((edges->state != HNSW_NODE_LIVE && edges->state != HNSW_NODE_DEAD) ||
				 node->level >= HNSW_MAX_LEVEL || edges->count > 2 * (uint32) edges->m ||
				 (edges->next != INVALID_ORDINAL && edges->next >= limit)))
		return;
	/* A copy: what is checked must be what is used. */
	for (uint32 i = 0; i < edges->count; i++)
	{
		uint32 ordinal = node->neighbors[i];

		edges->ids[i] = ordinal;
		largest = Max(largest, ordinal);
	}
	if (unlikely(largest >= limit))
		return;
	edges->slot = node;
	edges->head_size = hnsw_node_head_size(edges->m);
	estimate_section(edges);
	edges->done = true;
}

static bool
visit_in_place(HnswSearch *search, uint32 ordinal)
{
	StorageReader *reader = search->reader;
	HnswEdgeSearch *edges = search->edges;
	instr_time start;
	bool timed;

	if (!edges->in_place || reader->cold || ordinal >= edges->nodes.limit)
		return false;
	edges->ordinal = ordinal;
	edges->done = false;
	timed = storage_batch_begin(reader, &start);
	/* Where it was not the runner-up: its list and codes arrive while its vector is measured. */
	mapped_array_touch(&edges->nodes, ordinal);
	mapped_read_call(visit_section, edges);
	if (timed)
		storage_batch_end(reader, start);
	return edges->done;
}

/* The same piece by piece, with copies, and complaints about what is corrupt. */
static void
visit_by_copies(HnswSearch *search, uint32 ordinal, int level)
{
	StorageReader *reader = search->reader;
	HnswEdgeSearch *edges = search->edges;
	HnswSlot slot;
	HnswList list;

	/* Node and vector together, and no wait for one after the other */
	if (reader->cold)
		reader->store->prefetch(reader, HNSW_NODES, &ordinal, 1);
	storage_read_batch(reader, PAGE_ARRAY_VECTORS, &ordinal, 1, &edges->slot, measure_section,
					   edges);
	hnsw_read_node(reader, ordinal, &slot);
	hnsw_read_list(reader, ordinal, &slot.node, level, false, &list);
	edges->state = slot.node.state;
	edges->next = slot.node.next;
	edges->count = list.count;
	memcpy(edges->ids, list.ids, list.count * sizeof(uint32));
	if (list.count == 0)
		return;
	if (level == 0)
	{
		edges->head_size = hnsw_node_head_size(edges->m);
		storage_read_batch(reader, HNSW_NODES, &ordinal, 1, &edges->slot, estimate_section, edges);
	}
	else
	{
		uint32 at = slot.node.upper + level - 1; /* in range, or there were no list */

		edges->head_size = hnsw_upper_head_size(edges->m);
		storage_read_batch(reader, HNSW_UPPER, &at, 1, &edges->slot, estimate_section, edges);
	}
}

/* Measure a node, read it and its list, and estimate its neighbors' distances. */
static void
visit(HnswSearch *search, uint32 ordinal, int level)
{
	if (level > 0 || !visit_in_place(search, ordinal))
		visit_by_copies(search, ordinal, level);
}

/* Ask for what is likely to be read after this hop: the nearest candidate's node and vector. */
static void
look_ahead(HnswSearch *search)
{
	StorageReader *reader = search->reader;
	HnswEdgeSearch *edges = search->edges;
	uint32 ordinals[COLD_AHEAD];
	uint32 count = Min(search->candidate_count, COLD_AHEAD);

	if (count == 0)
		return;
	if (edges->in_place && search->candidates[0].ordinal < edges->nodes.limit)
	{
		mapped_array_touch(&edges->vectors, search->candidates[0].ordinal);
		mapped_array_touch(&edges->nodes, search->candidates[0].ordinal);
	}
	if (!reader->cold)
		return;
	/* The first ones of a heap are among the nearest. */
	for (uint32 i = 0; i < count; i++)
		ordinals[i] = search->candidates[i].ordinal;
	reader->store->prefetch(reader, HNSW_NODES, ordinals, count);
	reader->store->prefetch(reader, PAGE_ARRAY_VECTORS, ordinals, count);
}

/* Take a node that was visited in as one of the `ef` results, if it is near enough. */
static void
take_result(HnswSearch *search, uint32 ef, Candidate visited, bool keep_discarded)
{
	Candidate discarded = visited;

	if (search->result_count < ef)
	{
		furthest_heap_push(search->results, &search->result_count, visited);
		return;
	}
	if (candidate_is_nearer(visited, search->results[0]))
	{
		discarded = search->results[0];
		furthest_heap_replace_top(search->results, search->result_count, visited);
	}
	if (keep_discarded)
		hnsw_search_discard(search, discarded);
}

/* Take a neighbor in as candidate, if it is near enough and new. */
static inline void
take_candidate(HnswSearch *search, uint32 ef, Candidate candidate, bool keep_discarded)
{
	bool is_near = search->result_count < ef || candidate_is_nearer(candidate, search->results[0]);

	if (!is_near && !keep_discarded)
		return;
	if (!visited_set_add(&search->visited, candidate.ordinal))
		return;
	search->met_count++;
	if (is_near)
		nearest_heap_push(search->candidates, &search->candidate_count, candidate);
	else
		hnsw_search_discard(search, candidate);
}

void
hnsw_search_edges_walk(HnswSearch *search, int level, uint32 ef)
{
	HnswEdgeSearch *edges = search->edges;
	bool keep_discarded = search->keep_discarded && level == 0;

	Assert(ef <= search->result_capacity);
	search->candidate_count = 0;
	hnsw_search_reserve_candidates(search, search->result_count);
	for (uint32 i = 0; i < search->result_count; i++)
		nearest_heap_push(search->candidates, &search->candidate_count, search->results[i]);
	search->result_count = 0;

	while (search->candidate_count > 0)
	{
		Candidate nearest = nearest_heap_pop(search->candidates, &search->candidate_count);

		if (search->result_count >= ef && candidate_is_nearer(search->results[0], nearest))
		{
			nearest_heap_push(search->candidates, &search->candidate_count, nearest);
			break;
		}
		CHECK_FOR_INTERRUPTS();
		look_ahead(search);
		visit(search, nearest.ordinal, level);
		nearest.distance = edges->distance;

		/* A node that has no rows is walked through but is no result. */
		if (likely(edges->state == HNSW_NODE_LIVE) || level > 0)
			take_result(search, ef, nearest, keep_discarded);

		visited_set_reserve(&search->visited, edges->count + 1);
		hnsw_search_reserve_candidates(search, edges->count + 1);
		/* The next node with an equal vector is as far away; upper levels have none. */
		if (search->follow_chains && level == 0 && edges->next != INVALID_ORDINAL)
			take_candidate(search, ef,
						   (Candidate){.distance = nearest.distance, .ordinal = edges->next},
						   keep_discarded);
		for (uint32 i = 0; i < edges->count; i++)
			take_candidate(search, ef,
						   (Candidate){.distance = edges->estimates[i], .ordinal = edges->ids[i]},
						   keep_discarded);
	}

	/* What was met and not visited, for a search that goes on */
	for (uint32 i = 0; keep_discarded && i < search->candidate_count; i++)
		hnsw_search_discard(search, search->candidates[i]);
	candidates_sort(search->results, search->result_count);
	search->estimated = false;
}
