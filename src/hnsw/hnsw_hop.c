/*
 * hnsw/hnsw_hop.c
 *		One hop of a walk: in place in the map or in shared buffers, or by copies.
 *
 * A hop takes about as long as the cache misses that it waits for, so it asks for
 * the first lines of all codes before it computes a distance.  Asking for those of
 * the likeliest next hop too, whose node is asked for, was no faster.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "hnsw/hnsw_hop.h"
#include "hnsw/hnsw_vector.h"
#include "index/index_meta.h"
#include "storage/slot_look.h"

/* Cache lines of a code that are asked for before the first distance */
#define TOUCHED_BYTES (4 * 64)

void
hnsw_hop_begin(HnswHop *hop, StorageReader *reader, const IndexQuery *query)
{
	const IndexMeta *meta = reader->meta;
	uint32 limit = meta->ordinal_count;
	uint32 most = HNSW_HOP_NODES * 2 * (uint32) hnsw_meta(meta)->m;

	hop->reader = reader;
	hop->query = query;
	hop->m = hnsw_meta(meta)->m;
	hop->long_vector = NULL;
	hop->slots = palloc(most * sizeof(void *));
	hop->ordinals = palloc(most * sizeof(uint32));
	hop->distances = palloc(most * sizeof(float));
	hop->touched = Min(Max(meta->arrays[query->search_array].slot_size, 1), TOUCHED_BYTES);
	hop->in_place =
		!query->type.vector_type->varying &&
		mapped_array_begin(reader, HNSW_NODES, limit, &hop->nodes) &&
		mapped_array_begin(reader, query->search_array, limit, &hop->codes) &&
		mapped_array_begin(reader, HNSW_UPPER, hnsw_meta(meta)->upper_count, &hop->upper);

	/* Only for codes: exact distances must be those of the vector for certain. */
	hop->by_looks = query->prepared != NULL && slot_look_is_allowed(reader, HNSW_NODES) &&
					slot_look_is_allowed(reader, HNSW_UPPER) &&
					slot_look_is_allowed(reader, PAGE_ARRAY_CODES);
}

/* Of a node's slot, what a hop reads */
static uint32
list_bytes(const HnswHop *hop)
{
	return (uint32) (offsetof(HnswNode, neighbors) + 2 * hop->m * sizeof(uint32));
}

/* The distance of a node that none was computed for: its vector may be longer than its slot. */
static float
measure_long_vector(HnswHop *hop, uint32 ordinal)
{
	IndexType type = hop->query->type;
	float distance;

	type.vector_size = type.vector_type->slot_size(type.dimensions);
	if (hop->long_vector == NULL)
		hop->long_vector = palloc(type.vector_size);
	if (!hnsw_read_long_vector(hop->reader, &type, ordinal, hop->long_vector))
		return INFINITY;
	distance = index_type_distance(&type, hop->query->vector, hop->long_vector);
	return isnan(distance) ? INFINITY : distance;
}

void
hnsw_hop_measure(HnswHop *hop, PageArrayId array, const uint32 *ordinals, uint32 count,
				 float *distances)
{
	index_query_measure(hop->query, hop->reader, array, ordinals, count, distances);
	for (uint32 i = 0; i < count; i++)
	{
		if (unlikely(isnan(distances[i])))
			distances[i] = hop->query->type.vector_type->varying
							   ? measure_long_vector(hop, ordinals[i])
							   : INFINITY;
	}
}

/* The node's list of the hop's level, if all about it is as it should be; NULL otherwise. */
static inline const uint32 *
find_list(const HnswHop *hop, const HnswNode *node, uint32 m, uint32 *count)
{
	const HnswUpper *upper;
	uint32 at;

	/* The map may show a node as it was before the edge to it was made. */
	if (unlikely((node->state != HNSW_NODE_LIVE && node->state != HNSW_NODE_DEAD) ||
				 node->level >= HNSW_MAX_LEVEL))
		return NULL;
	if (hop->level == 0)
	{
		*count = node->count;
		return *count <= 2 * m ? node->neighbors : NULL;
	}

	*count = 0;
	if (node->level < hop->level)
		return node->neighbors;
	at = node->upper + hop->level - 1;
	if (node->upper >= hop->upper.limit || at >= hop->upper.limit)
		return NULL;
	upper = (const HnswUpper *) mapped_array_slot(&hop->upper, at);
	*count = upper->count;
	if (upper->owner != hop->ordinal || upper->level != hop->level || *count > m)
		return NULL;
	return upper->neighbors;
}

/* The whole hop in the map; runs in a mapped-read section. */
static void
hop_in_map(void *argument)
{
	HnswHop *hop = argument;
	const HnswNode *node = (const HnswNode *) mapped_array_slot(&hop->nodes, hop->ordinal);
	uint32 m = hop->m;
	uint32 limit = hop->codes.limit;
	uint32 found = 0;
	uint32 largest = 0;
	uint32 count;
	const uint32 *list = find_list(hop, node, m, &count);

	if (unlikely(list == NULL))
		return;
	hop->state = node->state;
	hop->flags = node->flags;
	hop->next = node->next;
	if (unlikely(hop->next != INVALID_ORDINAL && hop->next >= limit))
		return;

	/* A copy: what is checked must be what is used. */
	for (uint32 i = 0; i < count; i++)
	{
		uint32 ordinal = list[i];

		hop->ordinals[i] = ordinal;
		largest = Max(largest, ordinal);
	}
	if (unlikely(largest >= limit))
		return;

	for (uint32 i = 0; i < count; i++)
	{
		uint32 ordinal = hop->ordinals[i];
		const char *slot = mapped_array_slot(&hop->codes, ordinal);

		hop->ordinals[found] = ordinal;
		hop->slots[found] = slot;
		if (hop->visited != NULL && !visited_set_add(hop->visited, ordinal))
			continue;
		storage_touch(slot, hop->touched);
		found++;
	}
	hop->count = found;
	index_query_compute(hop->query, hop->slots, found, hop->distances);
	hop->done = true;
}

/* Copy the list of the hop's level, from where it lies; false where something is odd. */
static bool
look_at_list(HnswHop *hop, HnswSlot *slot, const uint32 **list, uint32 *count)
{
	StorageReader *reader = hop->reader;
	uint32 owner = hop->ordinal;
	uint32 at;

	if (!slot_look_copy(reader, HNSW_NODES, owner, list_bytes(hop), slot->bytes))
		return false;
	if ((slot->node.state != HNSW_NODE_LIVE && slot->node.state != HNSW_NODE_DEAD) ||
		slot->node.level >= HNSW_MAX_LEVEL)
		return false;
	hop->state = slot->node.state;
	hop->flags = slot->node.flags;
	hop->next = slot->node.next;
	*list = slot->node.neighbors;
	*count = slot->node.count;
	if (hop->level == 0)
		return *count <= 2 * hop->m;

	*count = 0;
	if (slot->node.level < hop->level)
		return true;
	at = slot->node.upper + hop->level - 1;
	if (slot->node.upper > MAX_ORDINAL || at >= reader->meta->arrays[HNSW_UPPER].capacity ||
		!slot_look_copy(reader, HNSW_UPPER, at, hnsw_upper_head_size((uint16) hop->m), slot->bytes))
		return false;
	*list = slot->upper.neighbors;
	*count = slot->upper.count;
	return slot->upper.owner == owner && slot->upper.level == hop->level && *count <= hop->m;
}

/* Distances to codes where they lie, in a section that may be left */
typedef struct LookSection
{
	const HnswHop *hop;
	uint32 first;
	uint32 count;
} LookSection;

static void
measure_slots(void *argument)
{
	const LookSection *section = argument;
	const HnswHop *hop = section->hop;

	for (uint32 i = 0; i < section->count; i++)
		storage_touch(hop->slots[i], hop->touched);
	index_query_compute(hop->query, hop->slots, section->count, hop->distances + section->first);
}

/* Measure what was found, where it lies. */
static void
measure_by_looks(HnswHop *hop)
{
	for (uint32 first = 0; first < hop->count; first += STORAGE_MAX_BATCH)
	{
		LookSection section = {
			.hop = hop, .first = first, .count = Min(hop->count - first, STORAGE_MAX_BATCH)};

		slot_look_read(hop->reader, PAGE_ARRAY_CODES, hop->ordinals + first, section.count,
					   hop->slots, measure_slots, &section);
	}
}

/* Add those of a list that the walk has not met to what was found. */
static inline void
add_new(HnswHop *hop, const uint32 *list, uint32 count)
{
	uint32 found = hop->count;

	for (uint32 i = 0; i < count; i++)
	{
		hop->ordinals[found] = list[i];
		found += hop->visited == NULL || visited_set_add(hop->visited, list[i]) ? 1 : 0;
	}
	hop->count = found;
}

static bool
add_list_by_looks(HnswHop *hop)
{
	uint32 limit = hop->reader->meta->ordinal_count;
	HnswSlot slot;
	const uint32 *list;
	uint32 count;

	if (!look_at_list(hop, &slot, &list, &count) ||
		(hop->next != INVALID_ORDINAL && hop->next >= limit))
		return false;
	for (uint32 i = 0; i < count; i++)
	{
		if (unlikely(list[i] >= limit))
			return false;
	}
	add_new(hop, list, count);
	return true;
}

static bool
hop_by_looks(HnswHop *hop)
{
	hop->count = 0;
	if (!add_list_by_looks(hop))
		return false;
	measure_by_looks(hop);
	return true;
}

static void
add_list_by_copies(HnswHop *hop)
{
	HnswSlot slot;
	HnswList list;

	hnsw_read_node(hop->reader, hop->ordinal, &slot);
	hnsw_read_list(hop->reader, hop->ordinal, &slot.node, hop->level, false, &list);
	hop->state = slot.node.state;
	hop->flags = slot.node.flags;
	hop->next = slot.node.next;
	add_new(hop, list.ids, list.count);
}

static void
hop_by_copies(HnswHop *hop)
{
	hop->count = 0;
	add_list_by_copies(hop);
	if (hop->count > 0)
		hnsw_hop_measure(hop, hop->query->search_array, hop->ordinals, hop->count, hop->distances);
}

void
hnsw_hop_touch(HnswHop *hop, uint32 ordinal)
{
	if (hop->in_place && ordinal < hop->nodes.limit)
		storage_touch(mapped_array_slot(&hop->nodes, ordinal), list_bytes(hop));
	else if (hop->by_looks && ordinal < hop->reader->meta->ordinal_count)
		slot_look_touch(hop->reader, HNSW_NODES, ordinal, list_bytes(hop));
}

/* What has no distance comes last. */
static inline void
order_nans(HnswHop *hop)
{
	for (uint32 i = 0; i < hop->count; i++)
	{
		if (unlikely(isnan(hop->distances[i])))
			hop->distances[i] = INFINITY;
	}
}

void
hnsw_hop(HnswHop *hop, uint32 ordinal, int level, VisitedSet *visited)
{
	bool in_place = hop->in_place && ordinal < hop->nodes.limit;
	instr_time start;
	bool timed;

	hop->ordinal = ordinal;
	hop->level = level;
	hop->visited = visited;
	hop->done = false;
	if (!hop->reader->cold && (in_place || hop->by_looks))
	{
		timed = storage_batch_begin(hop->reader, &start);
		if (in_place)
			mapped_read_call(hop_in_map, hop);
		else
			hop->done = hop_by_looks(hop);
		if (timed)
			storage_batch_end(hop->reader, start);
	}
	if (unlikely(!hop->done))
		hop_by_copies(hop);
	order_nans(hop);
}

void
hnsw_hop_together(HnswHop *hop, const uint32 *nodes, uint32 count, int level, VisitedSet *visited,
				  bool *linkable)
{
	instr_time start;
	bool timed;

	Assert(hop->by_looks && count <= HNSW_HOP_NODES);
	for (uint32 i = 0; i < count; i++)
		hnsw_hop_touch(hop, nodes[i]);
	hop->level = level;
	hop->visited = visited;
	hop->count = 0;
	timed = storage_batch_begin(hop->reader, &start);
	for (uint32 i = 0; i < count; i++)
	{
		hop->ordinal = nodes[i];
		if (hop->reader->cold || !add_list_by_looks(hop))
			add_list_by_copies(hop);
		linkable[i] = hop->state == HNSW_NODE_LIVE && (hop->flags & HNSW_NODE_CONTINUATION) == 0;
	}
	measure_by_looks(hop);
	if (timed)
		storage_batch_end(hop->reader, start);
	order_nans(hop);
}
