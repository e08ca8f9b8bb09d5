/*
 * hnsw/hnsw_search.c
 *		The walk through the graph: Algorithm 2 of Malkov and Yashunin, on codes.
 *
 * A walk keeps the `ef` nearest nodes that it has met in a beam (index/beam.h) and
 * expands the nearest one whose neighbors it has not looked at, until there is
 * none.  One hop is hnsw_hop.c's.  Everything that allocates (beam, visited set) is
 * made large enough before the hop, which runs in a mapped-read section.
 *
 * On the way down from the entry point one nearest node is enough, so there the
 * walk is greedy and keeps nothing.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "hnsw/hnsw_search_edges.h"
#include "index/index_meta.h"

/*
 * Places of the beam beyond `ef` in a search by codes: errors of codes push a node that belongs to the
 * nearest a few places back, which ends a narrow walk early.  Text embeddings (240,112 x 768, 2 bits): at
 * ef = 20, 40, 80 recall@10 is 0.881, 0.916, 0.944, without them 0.838, 0.903, 0.939, and pgvector's, which
 * has no codes, 0.861, 0.906 to 0.916, 0.942 to 0.949 in two builds.  At equal recall the time is the same.
 */
#define BEAM_WIDENING 12

void
hnsw_search_begin(HnswSearch *search, StorageReader *reader, const IndexType *type,
				  const void *vector, uint32 max_ef, bool follow_chains)
{
	uint32 m = hnsw_meta(reader->meta)->m;

	search->reader = reader;
	index_query_begin(&search->query, reader, type, vector, true);
	hnsw_hop_begin(&search->hop, reader, &search->query);
	search->follow_chains = follow_chains;

	/* Of the neighbors of what is expanded, some two thirds were met before. */
	visited_set_init(&search->visited, max_ef * m * 3 / 2);
	beam_init(&search->beam, max_ef + BEAM_WIDENING);
	search->widening = 0;
	search->result_capacity = max_ef;
	search->results = palloc(max_ef * sizeof(Candidate));
	search->result_count = 0;

	search->keep_discarded = false;
	search->discarded = NULL;
	search->discarded_count = search->discarded_capacity = 0;
	search->met_count = 0;

	search->candidates = NULL;
	search->candidate_count = search->candidate_capacity = 0;
	search->edges = NULL;
	search->estimated = search->query.prepared != NULL;
	if (hnsw_meta(reader->meta)->edge_bits != 0)
		hnsw_search_edges_begin(search);
}

void
hnsw_search_widen(HnswSearch *search)
{
	if (search->query.prepared != NULL && search->edges == NULL)
		search->widening = BEAM_WIDENING;
}

/* Room for `more` candidates of a walk by the codes beside the edges */
void
hnsw_search_reserve_candidates(HnswSearch *search, uint32 more)
{
	Size capacity = Max(2 * ((Size) search->candidate_count + more), 256);

	if (search->candidate_count + more <= search->candidate_capacity)
		return;
	if (search->candidates == NULL)
		search->candidates = palloc(capacity * sizeof(Candidate));
	else
		search->candidates = repalloc_huge(search->candidates, capacity * sizeof(Candidate));
	search->candidate_capacity = (uint32) capacity;
}

/* Make room for `more` discarded candidates. */
static void
reserve_discarded(HnswSearch *search, uint32 more)
{
	Size capacity = search->discarded_capacity;

	if (likely(search->discarded_count + more <= capacity))
		return;
	capacity = Max(2 * (capacity + more), 256);
	if (search->discarded == NULL)
		search->discarded = palloc(capacity * sizeof(Candidate));
	else
		search->discarded = repalloc_huge(search->discarded, capacity * sizeof(Candidate));
	search->discarded_capacity = (uint32) capacity;
}

void
hnsw_search_discard(HnswSearch *search, Candidate candidate)
{
	reserve_discarded(search, 1);
	nearest_heap_push(search->discarded, &search->discarded_count, candidate);
}

/*
 * Take a node in that was met; needs room for one discarded.
 *
 * What falls off the beam is kept also where a search can't go on: without order then, for the
 * rare case that a node of the beam turns out to be dead.  The others are kept only for a search
 * that may go on.
 */
static inline void
consider(HnswSearch *search, Candidate candidate, bool keep_discarded)
{
	uint64 key = beam_key(candidate);
	uint64 lost = key;

	if (key < beam_bound(&search->beam))
	{
		lost = beam_insert(&search->beam, key);
		if (lost == BEAM_NO_KEY)
			return;
		if (!keep_discarded)
			search->discarded[search->discarded_count++] = beam_key_candidate(lost);
	}
	if (keep_discarded)
		nearest_heap_push(search->discarded, &search->discarded_count, beam_key_candidate(lost));
}

/* The nearest one that is discarded, taken out. */
static Candidate
take_nearest_discarded(HnswSearch *search, bool is_heap)
{
	Candidate *discarded = search->discarded;
	uint32 nearest = 0;
	Candidate taken;

	if (is_heap)
		return nearest_heap_pop(discarded, &search->discarded_count);
	for (uint32 i = 1; i < search->discarded_count; i++)
	{
		if (candidate_is_nearer(discarded[i], discarded[nearest]))
			nearest = i;
	}
	taken = discarded[nearest];
	discarded[nearest] = discarded[--search->discarded_count];
	return taken;
}

/*
 * A node that has no rows is walked through but is no result.  It is known when the node is read,
 * and every result's node is read before a search ends; so all results are LIVE then.  The nearest
 * one that the beam had no room for takes its place; it may be expanded a second time.
 */
static void
replace_dead(HnswSearch *search, uint32 at, bool keep_discarded)
{
	beam_remove(&search->beam, at);
	if (search->discarded_count > 0)
		(void) beam_insert(&search->beam, beam_key(take_nearest_discarded(search, keep_discarded)));
}

/*
 * Whether the node of the last hop may be a result.  A search that wants neighbors meets one that
 * continues a chain only by an edge to what its ordinal was before.
 */
static inline bool
is_result(const HnswSearch *search)
{
	return search->hop.state == HNSW_NODE_LIVE &&
		   (search->follow_chains || (search->hop.flags & HNSW_NODE_CONTINUATION) == 0);
}

/* Take in what the last hop has found. */
static void
consider_found(HnswSearch *search, bool keep_discarded)
{
	const HnswHop *hop = &search->hop;

	reserve_discarded(search, hop->count);
	for (uint32 i = 0; i < hop->count; i++)
		consider(search, (Candidate){.distance = hop->distances[i], .ordinal = hop->ordinals[i]},
				 keep_discarded);
	search->met_count += hop->count;
}

/* Take a node out of the beam that is no result. */
static void
remove_node(HnswSearch *search, uint64 key)
{
	Beam *beam = &search->beam;

	for (uint32 at = 0; at < beam->count; at++)
	{
		if (beam->keys[at] == key)
		{
			replace_dead(search, at, false);
			break;
		}
	}
}

/*
 * The walk of a search that wants neighbors, in an index that is changed: some nodes at a time.  Most
 * of those that the beam holds are visited anyway, and it is their cache misses that take the time.
 */
static void
walk_together(HnswSearch *search, int level)
{
	Beam *beam = &search->beam;

	for (;;)
	{
		uint32 nodes[HNSW_HOP_NODES];
		uint64 keys[HNSW_HOP_NODES];
		bool linkable[HNSW_HOP_NODES];
		uint32 count = 0;

		for (uint32 at = beam_next(beam, beam->cursor); at < beam->count && count < HNSW_HOP_NODES;
			 at = beam_next(beam, at + 1))
		{
			keys[count] = beam->keys[at];
			nodes[count++] = beam_key_ordinal(beam->keys[at]);
			beam->expanded[at] = 1;
			beam->cursor = at + 1;
		}
		if (count == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		visited_set_reserve(&search->visited, HNSW_HOP_NODES * 2 * search->hop.m);
		hnsw_hop_together(&search->hop, nodes, count, level, &search->visited, linkable);
		for (uint32 i = 0; level == 0 && i < count; i++)
		{
			if (unlikely(!linkable[i]))
				remove_node(search, keys[i]);
		}
		consider_found(search, false);
	}
}

/* The walk node by node */
static void
walk_singly(HnswSearch *search, int level, bool keep_discarded)
{
	HnswHop *hop = &search->hop;
	Beam *beam = &search->beam;

	for (;;)
	{
		uint32 at = beam_next(beam, beam->cursor);
		uint32 ahead;
		uint64 key;

		beam->cursor = at;
		if (at == beam->count)
			break;
		CHECK_FOR_INTERRUPTS();
		key = beam->keys[at];
		beam->expanded[at] = 1;

		/* The runner-up is the likeliest next hop: its node arrives while this one is worked on. */
		ahead = beam_next(beam, at + 1);
		if (ahead < beam->count)
			hnsw_hop_touch(hop, beam_key_ordinal(beam->keys[ahead]));

		visited_set_reserve(&search->visited, 2 * hop->m + 1);
		hnsw_hop(hop, beam_key_ordinal(key), level, &search->visited);
		if (unlikely(!is_result(search)) && level == 0)
			replace_dead(search, at, keep_discarded);

		/* The next node with an equal vector is as far away; upper levels have none. */
		if (search->follow_chains && level == 0 && hop->next != INVALID_ORDINAL &&
			visited_set_add(&search->visited, hop->next))
		{
			reserve_discarded(search, 1);
			consider(
				search,
				(Candidate){.distance = beam_key_candidate(key).distance, .ordinal = hop->next},
				keep_discarded);
			search->met_count++;
		}
		consider_found(search, keep_discarded);
	}
}

/*
 * Algorithm 2, from results that are sorted and visited.  Those beyond the first `ef` could be entry
 * points alone, and only where one of the first has no rows: they are what is discarded first.
 */
static void
walk_codes(HnswSearch *search, int level, uint32 ef)
{
	HnswHop *hop = &search->hop;
	Beam *beam = &search->beam;
	bool keep_discarded = search->keep_discarded && level == 0;

	Assert(ef <= search->result_capacity);
	if (!keep_discarded)
		search->discarded_count = 0;
	reserve_discarded(search, search->result_count);
	beam_reset(beam, ef + (level == 0 ? search->widening : 0));
	for (uint32 i = 0; i < search->result_count; i++)
		consider(search, search->results[i], keep_discarded);

	if (hop->by_looks && !search->follow_chains && !keep_discarded)
		walk_together(search, level);
	else
		walk_singly(search, level, keep_discarded);

	search->result_count = Min(beam->count, ef);
	for (uint32 i = 0; i < search->result_count; i++)
		search->results[i] = beam_key_candidate(beam->keys[i]);
	for (uint32 i = ef; keep_discarded && i < beam->count; i++)
		hnsw_search_discard(search, beam_key_candidate(beam->keys[i]));
	if (!keep_discarded)
		search->discarded_count = 0;
}

static void
walk(HnswSearch *search, int level, uint32 ef)
{
	storage_walk_begin(search->reader);
	if (search->edges != NULL)
		hnsw_search_edges_walk(search, level, ef);
	else
		walk_codes(search, level, ef);
	storage_walk_end(search->reader);
}

/* From a node to the nearest one of a level that is reached by ever nearer ones. */
static Candidate
descend_level(HnswSearch *search, Candidate nearest, int level)
{
	HnswHop *hop = &search->hop;

	for (;;)
	{
		uint32 from = nearest.ordinal;

		CHECK_FOR_INTERRUPTS();
		hnsw_hop(hop, from, level, NULL);
		for (uint32 i = 0; i < hop->count; i++)
		{
			Candidate met = {.distance = hop->distances[i], .ordinal = hop->ordinals[i]};

			if (candidate_is_nearer(met, nearest))
				nearest = met;
		}
		if (nearest.ordinal == from)
			return nearest;
	}
}

bool
hnsw_search_descend(HnswSearch *search, int level)
{
	HnswMeta *meta = hnsw_meta(search->reader->meta);
	int top = (int) meta->entry_level;
	Candidate nearest = {.ordinal = meta->entry};

	search->result_count = 0;
	if (nearest.ordinal == INVALID_ORDINAL)
		return false;
	storage_reader_check_ordinal(search->reader, nearest.ordinal);

	hnsw_hop_measure(&search->hop, search->query.search_array, &nearest.ordinal, 1,
					 &nearest.distance);
	if (search->edges == NULL)
	{
		for (int at = top; at > level; at--)
			nearest = descend_level(search, nearest, at);
	}
	search->results[0] = nearest;
	search->result_count = 1;
	if (search->edges != NULL)
	{
		for (int at = top; at > level; at--)
			hnsw_search_level(search, at, 1);
	}
	return true;
}

void
hnsw_search_level(HnswSearch *search, int level, uint32 ef)
{
	visited_set_clear(&search->visited);
	visited_set_reserve(&search->visited, search->result_count);
	search->met_count = search->result_count;

	/* The results of the level above are the entry points. */
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
	hnsw_hop_measure(&search->hop, PAGE_ARRAY_VECTORS, ordinals, count, distances);
	for (uint32 i = 0; i < count; i++)
		search->results[i].distance = distances[i];
	candidates_sort(search->results, count);
	pfree(ordinals);
	pfree(distances);
}
