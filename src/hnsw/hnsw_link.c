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
		pfree(linker->vectors);
		pfree(linker->pointers);
		pfree(linker->candidates);
		pfree(linker->order);
	}
	linker->capacity = count;
	linker->vectors =
		MemoryContextAllocHuge(linker->context, (Size) count * linker->type.vector_size);
	linker->pointers = MemoryContextAlloc(linker->context, count * sizeof(void *));
	linker->candidates = MemoryContextAlloc(linker->context, count * sizeof(Candidate));
	linker->order = MemoryContextAlloc(linker->context, count * sizeof(uint32));
}

uint32
hnsw_linker_choose(HnswLinker *linker, const void *base, uint32 base_ordinal,
				   const uint32 *ordinals, uint32 count, uint32 max, uint32 *chosen)
{
	Size size = linker->type.vector_size;
	Candidate *candidates;
	uint32 chosen_count;

	if (count == 0)
		return 0;
	reserve(linker, count);
	if (base == NULL)
	{
		hnsw_read_vectors(linker->reader, &linker->type, &base_ordinal, 1, linker->base);
		base = linker->base;
	}
	hnsw_read_vectors(linker->reader, &linker->type, ordinals, count, linker->vectors);

	/* While candidates are sorted, `ordinal` is their place in `ordinals` and `vectors`. */
	candidates = linker->candidates;
	for (uint32 i = 0; i < count; i++)
	{
		candidates[i].ordinal = i;
		candidates[i].distance =
			index_type_distance(&linker->type, base, linker->vectors + i * size);
		if (isnan(candidates[i].distance))
			candidates[i].distance = INFINITY;
	}
	candidates_sort(candidates, count);
	for (uint32 i = 0; i < count; i++)
		linker->pointers[i] = linker->vectors + candidates[i].ordinal * size;

	chosen_count = hnsw_select_neighbors(&linker->type, candidates, linker->pointers, count, max,
										 linker->order);
	for (uint32 i = 0; i < chosen_count; i++)
		chosen[i] = ordinals[candidates[linker->order[i]].ordinal];
	return chosen_count;
}

static bool
list_contains(const HnswList *list, uint32 ordinal)
{
	for (uint32 i = 0; i < list->count; i++)
	{
		if (list->ids[i] == ordinal)
			return true;
	}
	return false;
}

bool
hnsw_linker_add_edge(HnswLinker *linker, uint32 from, uint32 to, int level, bool force)
{
	uint32 max = hnsw_level_m(linker->m, level);
	HnswSlot slot;
	HnswList list;
	HnswList replacement;

	do
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(linker->reader, from, &slot);
		if (!hnsw_node_is_linkable(&slot.node, level))
			return false;
		hnsw_read_list(linker->reader, from, &slot.node, level, true, &list);
		if (list_contains(&list, to))
			return true;

		replacement = list;
		if (list.count < max)
			replacement.ids[replacement.count++] = to;
		else
		{
			uint32 candidates[2 * HNSW_MAX_M + 1];

			memcpy(candidates, list.ids, list.count * sizeof(uint32));
			candidates[list.count] = to;
			replacement.count = hnsw_linker_choose(linker, NULL, from, candidates, list.count + 1,
												   max, replacement.ids);
			if (!list_contains(&replacement, to))
			{
				if (!force)
					return false;
				replacement.ids[replacement.count - 1] = to;
			}
		}
	} while (!hnsw_replace_list(linker->reader, from, &slot.node, level, &list, &replacement));
	return true;
}

void
hnsw_linker_link_back(HnswLinker *linker, uint32 ordinal, int level, const HnswList *neighbors)
{
	uint32 linked = 0;

	for (uint32 i = 0; i < neighbors->count; i++)
		linked += hnsw_linker_add_edge(linker, neighbors->ids[i], ordinal, level, false) ? 1 : 0;
	for (uint32 i = 0; i < neighbors->count && linked == 0; i++)
		linked += hnsw_linker_add_edge(linker, neighbors->ids[i], ordinal, level, true) ? 1 : 0;
}
