/*
 * hnsw/hnsw_link.c
 *		Choosing and writing neighbor lists of nodes that are in the graph.
 *
 * A list is read, its replacement chosen without any lock, and written if the
 * list on the page is still the one that was read; otherwise it is tried again.
 * So no page is locked while distances are computed.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_vector.h"
#include "index/index_meta.h"

void
hnsw_linker_begin(HnswLinker *linker, StorageReader *reader)
{
	memset(linker, 0, sizeof(HnswLinker));
	linker->context = CurrentMemoryContext;
	linker->reader = reader;
	index_meta_type(reader->meta, &linker->type);
	linker->m = hnsw_meta(reader->meta)->m;
	linker->base = palloc(linker->type.vector_size);
}

static void
reserve(HnswLinker *linker, uint32 count)
{
	if (count <= linker->capacity)
		return;
	if (linker->capacity > 0)
	{
		pfree(linker->slots);
		pfree(linker->pointers);
		pfree(linker->candidates);
		pfree(linker->order);
	}
	linker->capacity = count;
	linker->slots = MemoryContextAlloc(linker->context, count * sizeof(void *));
	linker->pointers = MemoryContextAlloc(linker->context, count * sizeof(void *));
	linker->candidates = MemoryContextAlloc(linker->context, count * sizeof(Candidate));
	linker->order = MemoryContextAlloc(linker->context, count * sizeof(uint32));
}

/*
 * Sort the vectors [first, count) by their distance to `base`.  In the candidates that this makes,
 * `ordinal` is their place among the vectors.
 */
static void
sort_candidates(HnswLinker *linker, const void *base, uint32 first, uint32 count)
{
	Candidate *candidates = linker->candidates;

	for (uint32 i = first; i < count; i++)
	{
		candidates[i].ordinal = i;
		candidates[i].distance = index_type_distance(&linker->type, base, linker->slots[i]);
		if (isnan(candidates[i].distance))
			candidates[i].distance = INFINITY;
	}
	candidates_sort(candidates + first, count - first);
	for (uint32 i = first; i < count; i++)
		linker->pointers[i] = linker->slots[candidates[i].ordinal];
}

/* A choice that is made where the vectors lie */
typedef struct Choice
{
	HnswLinker *linker;
	const void *base;
	const void **slots; /* of the base's vector, if `base` is NULL, and of the candidates */
	uint32 count;
	uint32 max;
	uint32 chosen_count;
} Choice;

/* Nothing here allocates or fails: it may run on mapped vectors. */
static void
make_choice(void *argument)
{
	Choice *choice = argument;
	HnswLinker *linker = choice->linker;
	const void *base = choice->base == NULL ? choice->slots[0] : choice->base;

	memcpy(linker->slots, choice->slots + (choice->base == NULL ? 1 : 0),
		   choice->count * sizeof(void *));
	sort_candidates(linker, base, 0, choice->count);
	choice->chosen_count =
		hnsw_select_neighbors(&linker->type, linker->candidates, linker->pointers, choice->count,
							  choice->max, linker->order);
}

/* Copies of vectors, freed with what is returned */
static char *
copy_vectors(HnswLinker *linker, const uint32 *ordinals, uint32 count, const void **slots)
{
	Size size = linker->type.vector_size;
	char *vectors = MemoryContextAllocHuge(linker->context, Max(count, 1) * size);

	hnsw_read_vectors(linker->reader, &linker->type, ordinals, count, vectors);
	for (uint32 i = 0; i < count; i++)
		slots[i] = vectors + i * size;
	return vectors;
}

uint32
hnsw_linker_choose(HnswLinker *linker, const void *base, uint32 base_ordinal,
				   const uint32 *ordinals, uint32 count, uint32 max, uint32 *chosen)
{
	uint32 all = count + (base == NULL ? 1 : 0);
	Choice choice = {.linker = linker, .base = base, .count = count, .max = max};
	uint32 read[STORAGE_MAX_BATCH];
	const void *batch[STORAGE_MAX_BATCH];

	if (count == 0)
		return 0;
	reserve(linker, count);
	if (all <= STORAGE_MAX_BATCH && !linker->type.vector_type->varying)
	{
		read[0] = base_ordinal;
		memcpy(read + (all - count), ordinals, count * sizeof(uint32));
		choice.slots = batch;
		storage_read_batch(linker->reader, PAGE_ARRAY_VECTORS, read, all, batch, make_choice,
						   &choice);
	}
	else
	{
		char *vectors;

		if (base == NULL)
			hnsw_read_vectors(linker->reader, &linker->type, &base_ordinal, 1, linker->base);
		choice.base = base == NULL ? linker->base : base;
		choice.slots = linker->pointers;
		vectors = copy_vectors(linker, ordinals, count, choice.slots);
		make_choice(&choice);
		pfree(vectors);
	}
	for (uint32 i = 0; i < choice.chosen_count; i++)
		chosen[i] = ordinals[linker->candidates[linker->order[i]].ordinal];
	return choice.chosen_count;
}

uint32
hnsw_linker_complete(HnswLinker *linker, uint32 base_ordinal, const uint32 *ordinals, uint32 kept,
					 uint32 count, uint32 max, uint32 *chosen)
{
	const void *chosen_vectors[2 * HNSW_MAX_M];
	uint32 added;
	char *vectors;

	Assert(kept <= count && kept <= max);
	memcpy(chosen, ordinals, kept * sizeof(uint32));
	if (kept == count || kept == max)
		return kept;
	reserve(linker, count);
	hnsw_read_vectors(linker->reader, &linker->type, &base_ordinal, 1, linker->base);
	vectors = copy_vectors(linker, ordinals, count, linker->slots);
	memcpy(chosen_vectors, linker->slots, kept * sizeof(void *));
	sort_candidates(linker, linker->base, kept, count);
	added = hnsw_extend_neighbors(&linker->type, linker->candidates + kept, linker->pointers + kept,
								  count - kept, chosen_vectors, kept, max, linker->order);
	for (uint32 i = 0; i < added; i++)
		chosen[kept + i] = ordinals[linker->candidates[kept + linker->order[i]].ordinal];
	pfree(vectors);
	return kept + added;
}

/*
 * Whether an edge leads to a node that does not begin at `from`.  It is looked for where it is likely
 * to be: at the node's own neighbors.
 */
static bool
is_reached_otherwise(HnswLinker *linker, uint32 ordinal, uint32 from, int level)
{
	StorageReader *reader = linker->reader;
	HnswSlot slot;
	HnswList neighbors;
	HnswList list;

	hnsw_read_node(reader, ordinal, &slot);
	if (!hnsw_node_is_linkable(&slot.node, level))
		return true;
	hnsw_read_list(reader, ordinal, &slot.node, level, false, &neighbors);
	for (uint32 i = 0; i < neighbors.count; i++)
	{
		if (neighbors.ids[i] == from)
			continue;
		hnsw_read_node(reader, neighbors.ids[i], &slot);
		hnsw_read_list(reader, neighbors.ids[i], &slot.node, level, false, &list);
		if (slot.node.state == HNSW_NODE_LIVE && hnsw_list_contains(&list, ordinal))
			return true;
	}
	return false;
}

/*
 * Put a node into a full list, in the place of the furthest one that is reached otherwise and is not
 * `keep`; false where there is none.
 */
static bool
replace_redundant(HnswLinker *linker, uint32 from, int level, uint32 ordinal, uint32 keep,
				  HnswList *list)
{
	for (uint32 at = list->count; at-- > 0;)
	{
		if (list->ids[at] != keep && is_reached_otherwise(linker, list->ids[at], from, level))
		{
			list->ids[at] = ordinal;
			return true;
		}
	}
	return false;
}

/* The one that `list` has and `chosen`, which is as long, has not; INVALID_ORDINAL if there is none. */
static uint32
find_dropped(const HnswList *list, const HnswList *chosen)
{
	for (uint32 i = 0; i < list->count; i++)
	{
		if (!hnsw_list_contains(chosen, list->ids[i]))
			return list->ids[i];
	}
	return INVALID_ORDINAL;
}

/*
 * Choose the neighbors of `from`, whose list is full, among these and `to`; false where `to` is not
 * among them.
 */
static bool
choose_with(HnswLinker *linker, uint32 from, uint32 to, int level, HnswLinkForce force,
			const HnswList *list, HnswList *chosen)
{
	uint32 candidates[2 * HNSW_MAX_M + 1];
	uint32 dropped;

	memcpy(candidates, list->ids, list->count * sizeof(uint32));
	candidates[list->count] = to;
	chosen->count = hnsw_linker_choose(linker, NULL, from, candidates, list->count + 1, list->count,
									   chosen->ids);
	if (!hnsw_list_contains(chosen, to))
	{
		if (force == HNSW_LINK_IN_ANY_CASE)
			chosen->ids[chosen->count - 1] = to;
		return force == HNSW_LINK_IN_ANY_CASE ||
			   (force == HNSW_LINK_FOR_REDUNDANT &&
				replace_redundant(linker, from, level, to, INVALID_ORDINAL, chosen));
	}

	dropped = find_dropped(list, chosen);
	if (dropped != INVALID_ORDINAL && !is_reached_otherwise(linker, dropped, from, level))
		(void) replace_redundant(linker, from, level, dropped, to, chosen);
	return true;
}

bool
hnsw_linker_add_edge(HnswLinker *linker, uint32 from, uint32 to, int level, HnswLinkForce force)
{
	uint32 max = hnsw_level_m(linker->m, level);
	HnswSlot slot;
	HnswList list;
	HnswList replacement;
	bool current = false; /* a first look without a lock mostly shows what is on the page */

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (current)
			hnsw_read_node_current(linker->reader, from, &slot);
		else
			hnsw_read_node(linker->reader, from, &slot);
		if (!hnsw_node_is_linkable(&slot.node, level))
			return false;
		hnsw_read_list(linker->reader, from, &slot.node, level, current, &list);
		if (hnsw_list_contains(&list, to))
			return true;
		current = true;

		replacement = list;
		if (list.count < max)
			replacement.ids[replacement.count++] = to;
		else if (!choose_with(linker, from, to, level, force, &list, &replacement))
			return false;
	} while (!hnsw_replace_list(linker->reader, from, &slot.node, level, &list, &replacement));
	return true;
}

void
hnsw_linker_link_back(HnswLinker *linker, uint32 ordinal, int level, const HnswList *neighbors)
{
	bool linked = false;

	for (uint32 i = 0; i < neighbors->count; i++)
	{
		if (hnsw_linker_add_edge(linker, neighbors->ids[i], ordinal, level, HNSW_LINK_IF_CHOSEN))
			linked = true;
	}
	for (int force = HNSW_LINK_FOR_REDUNDANT; force <= HNSW_LINK_IN_ANY_CASE; force++)
	{
		for (uint32 i = 0; i < neighbors->count && !linked; i++)
			linked = hnsw_linker_add_edge(linker, neighbors->ids[i], ordinal, level,
										  (HnswLinkForce) force);
	}
}
