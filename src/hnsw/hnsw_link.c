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
#include "index/index_query.h"
#include "index/index_meta.h"
#include "storage/slot_look.h"

/* Of a slot that is measured soon; what follows the processor asks for by itself */
#define TOUCHED_BYTES 512

/* HnswMeasure of what the linker compares */
static void
measure(void *argument, const void *from, const void *const *to, uint32 count, float *distances)
{
	HnswLinker *linker = argument;

	if (linker->code_query == NULL)
		index_type_distances(&linker->type, from, to, count, distances);
	else
	{
		linker->quantizer->prepare_code(linker->parameters, linker->type.metric, from,
										linker->type.dimensions, linker->code_query);
		linker->quantizer->distances(linker->code_query, to, count, distances);
	}
}

void
hnsw_linker_begin(HnswLinker *linker, StorageReader *reader)
{
	const IndexMeta *meta = reader->meta;
	const QuantizerRoutine *quantizer = index_meta_quantizer(meta);

	memset(linker, 0, sizeof(HnswLinker));
	linker->context = CurrentMemoryContext;
	linker->reader = reader;
	index_meta_type(meta, &linker->type);
	linker->m = hnsw_meta(meta)->m;
	linker->base = palloc(linker->type.vector_size);
	linker->array = PAGE_ARRAY_VECTORS;
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size != 0 && quantizer->prepare_code != NULL &&
		linker->type.metric != DISTANCE_L1)
	{
		linker->array = PAGE_ARRAY_CODES;
		linker->quantizer = quantizer;
		linker->parameters = index_read_parameters(reader);
		linker->code_query = palloc(quantizer->query_size(linker->type.dimensions));
	}
}

static void
reserve(HnswLinker *linker, uint32 count)
{
	MemoryContext outer;

	if (count <= linker->capacity)
		return;
	if (linker->capacity > 0)
	{
		pfree(linker->slots);
		pfree(linker->pointers);
		pfree(linker->distances);
		pfree(linker->candidates);
		pfree(linker->order);
		pfree(linker->sorted.keys);
		pfree(linker->sorted.expanded);
	}
	linker->capacity = count;
	outer = MemoryContextSwitchTo(linker->context);
	linker->slots = palloc(count * sizeof(void *));
	linker->pointers = palloc(count * sizeof(void *));
	linker->distances = palloc(count * sizeof(float));
	linker->candidates = palloc(count * sizeof(Candidate));
	linker->order = palloc(count * sizeof(uint32));
	beam_init(&linker->sorted, count);
	MemoryContextSwitchTo(outer);
}

/*
 * Sort the slots [first, count) by their distance to `base`.  In the candidates that this makes,
 * `ordinal` is their place among the slots.
 */
static void
sort_candidates(HnswLinker *linker, HnswMeasure measure_slots, void *argument, const void *base,
				uint32 first, uint32 count)
{
	Beam *sorted = &linker->sorted;

	measure_slots(argument, base, linker->slots + first, count - first, linker->distances + first);
	beam_reset(sorted, count - first);
	for (uint32 i = first; i < count; i++)
	{
		float distance = linker->distances[i];
		Candidate candidate = {.distance = isnan(distance) ? INFINITY : distance, .ordinal = i};

		(void) beam_insert(sorted, beam_key(candidate));
	}
	for (uint32 i = first; i < count; i++)
	{
		linker->candidates[i] = beam_key_candidate(sorted->keys[i - first]);
		linker->pointers[i] = linker->slots[linker->candidates[i].ordinal];
	}
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

/* Copies of what is compared, in the same way */
static char *
copy_compared(HnswLinker *linker, const uint32 *ordinals, uint32 count, const void **slots)
{
	Size size = linker->reader->meta->arrays[linker->array].slot_size;
	char *copies;

	if (linker->array == PAGE_ARRAY_VECTORS)
		return copy_vectors(linker, ordinals, count, slots);
	copies = MemoryContextAllocHuge(linker->context, Max(count, 1) * size);
	storage_read_copies(linker->reader, linker->array, ordinals, count, size, copies);
	for (uint32 i = 0; i < count; i++)
		slots[i] = copies + i * size;
	return copies;
}

/* Read what is compared of some nodes, where it lies if that can be, and run a section on it. */
static void
read_compared(HnswLinker *linker, const uint32 *ordinals, uint32 count, const void **slots,
			  MappedReadSection section, void *argument)
{
	char *copies;

	if (count <= STORAGE_MAX_BATCH && !linker->type.vector_type->varying)
	{
		slot_look_read(linker->reader, linker->array, ordinals, count, slots, section, argument);
		return;
	}
	copies = copy_compared(linker, ordinals, count, slots);
	section(argument);
	pfree(copies);
}

/* A choice that is made where the slots lie: nothing in the sections allocates or fails. */
typedef struct Choice
{
	HnswLinker *linker;
	const void **slots;
	uint32 count; /* of candidates */
	uint32 max;
	uint32 result; /* how many are chosen, or which is dropped */
} Choice;

/* Slots that are read soon, all asked for before the first one is measured */
static void
touch_slots(const Choice *choice, uint32 count)
{
	uint32 bytes =
		Min(choice->linker->reader->meta->arrays[choice->linker->array].slot_size, TOUCHED_BYTES);

	for (uint32 i = 0; !choice->linker->type.vector_type->varying && i < count; i++)
		storage_touch(choice->slots[i], bytes);
}

/* Make the slots behind the first one candidates, in the order of their distances to the first. */
static void
take_candidates(const Choice *choice)
{
	HnswLinker *linker = choice->linker;

	touch_slots(choice, choice->count + 1);
	memcpy(linker->slots, choice->slots + 1, choice->count * sizeof(void *));
	sort_candidates(linker, measure, linker, choice->slots[0], 0, choice->count);
}

/* Algorithm 4 for the node of the first slot */
static void
choose_section(void *argument)
{
	Choice *choice = argument;
	HnswLinker *linker = choice->linker;

	take_candidates(choice);
	choice->result =
		hnsw_select_neighbors_filled(measure, linker, linker->candidates, linker->pointers,
									 choice->count, choice->max, choice->max, linker->order, NULL);
}

/* The same of candidates whose distances are known, in their order */
static void
choose_found_section(void *argument)
{
	Choice *choice = argument;
	HnswLinker *linker = choice->linker;

	touch_slots(choice, choice->count);
	choice->result =
		hnsw_select_neighbors_filled(measure, linker, linker->candidates, choice->slots,
									 choice->count, choice->max, choice->max, linker->order, NULL);
}

/* The one that Algorithm 4 leaves out for the node of the first slot */
static void
drop_section(void *argument)
{
	Choice *choice = argument;
	HnswLinker *linker = choice->linker;

	take_candidates(choice);
	choice->result =
		hnsw_find_dropped(measure, linker, linker->candidates, linker->pointers, choice->count);
}

uint32
hnsw_linker_choose(HnswLinker *linker, uint32 base, const uint32 *ordinals, uint32 count,
				   uint32 max, uint32 *chosen)
{
	Choice choice = {.linker = linker, .count = count, .max = max};
	uint32 *read;

	if (count == 0)
		return 0;
	reserve(linker, count);
	read = palloc((count + 1) * sizeof(uint32));
	read[0] = base;
	memcpy(read + 1, ordinals, count * sizeof(uint32));
	choice.slots = palloc((count + 1) * sizeof(void *));
	read_compared(linker, read, count + 1, choice.slots, choose_section, &choice);
	for (uint32 i = 0; i < choice.result; i++)
		chosen[i] = ordinals[linker->candidates[linker->order[i]].ordinal];
	pfree(choice.slots);
	pfree(read);
	return choice.result;
}

uint32
hnsw_linker_choose_found(HnswLinker *linker, const Candidate *found, uint32 count, uint32 max,
						 uint32 *chosen)
{
	Choice choice = {.linker = linker, .count = count, .max = max};
	uint32 *ordinals;

	if (count == 0)
		return 0;
	reserve(linker, count);
	ordinals = palloc(count * sizeof(uint32));
	for (uint32 i = 0; i < count; i++)
		ordinals[i] = found[i].ordinal;
	memcpy(linker->candidates, found, count * sizeof(Candidate));
	choice.slots = linker->slots;
	read_compared(linker, ordinals, count, choice.slots, choose_found_section, &choice);
	for (uint32 i = 0; i < choice.result; i++)
		chosen[i] = ordinals[linker->order[i]];
	pfree(ordinals);
	return choice.result;
}

/*
 * Which of a full list and one more Algorithm 4 leaves out of the neighbors of `base`.  The others go
 * to `kept`, nearest first.
 */
static uint32
drop_one(HnswLinker *linker, uint32 base, const uint32 *ordinals, uint32 count, HnswList *kept)
{
	Choice choice = {.linker = linker, .count = count};
	uint32 read[2 * HNSW_MAX_M + 2];
	const void *slots[2 * HNSW_MAX_M + 2];

	reserve(linker, count);
	read[0] = base;
	memcpy(read + 1, ordinals, count * sizeof(uint32));
	choice.slots = slots;
	read_compared(linker, read, count + 1, slots, drop_section, &choice);
	kept->count = 0;
	for (uint32 i = 0; i < count; i++)
	{
		if (i != choice.result)
			kept->ids[kept->count++] = ordinals[linker->candidates[i].ordinal];
	}
	return ordinals[linker->candidates[choice.result].ordinal];
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
	sort_candidates(linker, hnsw_measure_vectors, &linker->type, linker->base, kept, count);
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
 * The furthest one of a list, nearest first, that is reached otherwise and is not `keep`;
 * INVALID_ORDINAL where there is none.
 */
static uint32
find_redundant(HnswLinker *linker, uint32 from, int level, uint32 keep, const HnswList *list)
{
	for (uint32 at = list->count; at-- > 0;)
	{
		if (list->ids[at] != keep && is_reached_otherwise(linker, list->ids[at], from, level))
			return list->ids[at];
	}
	return INVALID_ORDINAL;
}

/*
 * Give `to` the place of another one in a full list of `from`, in `chosen`; false where it gets
 * none.
 */
static bool
choose_with(HnswLinker *linker, uint32 from, uint32 to, int level, HnswLinkForce force,
			const HnswList *list, HnswList *chosen)
{
	uint32 candidates[2 * HNSW_MAX_M + 1];
	HnswList kept;
	uint32 dropped;

	memcpy(candidates, list->ids, list->count * sizeof(uint32));
	candidates[list->count] = to;
	dropped = drop_one(linker, from, candidates, list->count + 1, &kept);
	if (dropped == to)
	{
		if (force == HNSW_LINK_IF_CHOSEN)
			return false;
		dropped = force == HNSW_LINK_IN_ANY_CASE
					  ? kept.ids[kept.count - 1]
					  : find_redundant(linker, from, level, INVALID_ORDINAL, &kept);
		if (dropped == INVALID_ORDINAL)
			return false;
	}
	else if (!is_reached_otherwise(linker, dropped, from, level))
	{
		uint32 redundant = find_redundant(linker, from, level, to, &kept);

		if (redundant != INVALID_ORDINAL)
			dropped = redundant;
	}

	*chosen = *list;
	for (uint32 i = 0; i < list->count; i++)
	{
		if (list->ids[i] == dropped)
			chosen->ids[i] = to;
	}
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
