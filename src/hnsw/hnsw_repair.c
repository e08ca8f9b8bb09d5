/*
 * hnsw/hnsw_repair.c
 *		Pass 3 of vacuum: local repair of the graph around dead nodes.
 *
 * Every live node with dead neighbors loses them, and chooses among those that
 * are left and the live neighbors of the dead ones (reached through further dead
 * ones where whole regions died).  No search from the entry point is made, so
 * the work is proportional to the damage.  A node that lost much of its list is
 * also linked to by its new neighbors, since the edges that led to it may have
 * begun at dead nodes.
 *
 * The pass sees every list, so it also counts the edges that lead to each node, a
 * byte a node within maintenance_work_mem.  A node that none leads to any more (its
 * last one was pruned from a full list, or began at a dead node) is linked to by
 * its nearest neighbor again.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_vacuum.h"
#include "hnsw/hnsw_vector.h"

/* Dead nodes whose lists are read for one repair */
#define MAX_DEAD_VISITED 128
/* Candidates collected for one repair */
#define MAX_CANDIDATES 512

typedef struct Repair
{
	HnswVacuum *vacuum;
	HnswLinker linker;
	MemoryContext node_context; /* reset after each node */
	VisitedSet seen;
	uint32 best_entry; /* highest live node */
	int best_level;
	uint8 *in_degrees;	 /* of each node on level 0, up to 255; NULL = not counted */
	OrdinalSet linkable; /* nodes that edges should lead to */
} Repair;

static bool
is_dead(Repair *repair, uint32 ordinal)
{
	return ordinal_set_contains(&repair->vacuum->dead, ordinal);
}

static bool
has_dead(Repair *repair, uint32 count, const uint32 *ids)
{
	for (uint32 i = 0; i < count; i++)
	{
		if (is_dead(repair, ids[i]))
			return true;
	}
	return false;
}

/*
 * Live candidates for a node's list of a level: what is live of the list, and the live neighbors
 * of its dead ones, breadth first through the dead.
 */
static uint32
collect_candidates(Repair *repair, uint32 ordinal, int level, const HnswList *list,
				   uint32 *candidates)
{
	StorageReader *reader = repair->vacuum->reader;
	uint32 dead[MAX_DEAD_VISITED];
	uint32 dead_count = 0;
	uint32 count = 0;
	uint32 enough = 2 * hnsw_level_m(repair->vacuum->m, level);

	visited_set_clear(&repair->seen);
	visited_set_reserve(&repair->seen, 1 + list->count);
	visited_set_add(&repair->seen, ordinal);
	for (uint32 i = 0; i < list->count; i++)
	{
		if (!visited_set_add(&repair->seen, list->ids[i]))
			continue;
		if (!is_dead(repair, list->ids[i]))
			candidates[count++] = list->ids[i];
		else if (dead_count < MAX_DEAD_VISITED)
			dead[dead_count++] = list->ids[i];
	}

	for (uint32 at = 0, direct = dead_count; at < dead_count; at++)
	{
		HnswSlot slot;
		HnswList others;

		/* Beyond the list's own dead neighbors only as far as needed. */
		if (at >= direct && count >= enough)
			break;
		hnsw_read_node(reader, dead[at], &slot);
		hnsw_read_list(reader, dead[at], &slot.node, level, false, &others);
		visited_set_reserve(&repair->seen, others.count);
		for (uint32 i = 0; i < others.count && count < MAX_CANDIDATES; i++)
		{
			if (!visited_set_add(&repair->seen, others.ids[i]))
				continue;
			if (!is_dead(repair, others.ids[i]))
				candidates[count++] = others.ids[i];
			else if (dead_count < MAX_DEAD_VISITED)
				dead[dead_count++] = others.ids[i];
		}
	}
	return count;
}

/* Nodes that can't be linked to on this level (freed before, or lower) drop out. */
static uint32
keep_linkable(Repair *repair, int level, uint32 *candidates, uint32 count)
{
	HnswSlot slot;
	uint32 kept = 0;

	for (uint32 i = 0; i < count; i++)
	{
		hnsw_read_node(repair->vacuum->reader, candidates[i], &slot);
		if (hnsw_node_is_linkable(&slot.node, level))
			candidates[kept++] = candidates[i];
	}
	return kept;
}

/* Everything around the node died: its neighbors are found by a search after all. */
static uint32
search_candidates(Repair *repair, uint32 ordinal, int level, uint32 *candidates)
{
	HnswVacuum *vacuum = repair->vacuum;
	const IndexType *type = &repair->linker.type;
	void *vector = palloc(type->vector_size);
	uint32 ef = 2 * hnsw_level_m(vacuum->m, 0);
	HnswSearch search;
	uint32 count = 0;

	hnsw_read_vectors(vacuum->reader, type, &ordinal, 1, vector);
	hnsw_search_begin(&search, vacuum->reader, type, vector, ef, false);
	if (!hnsw_search_descend(&search, level))
		return 0;
	hnsw_search_level(&search, level, ef);
	for (uint32 i = 0; i < search.result_count; i++)
	{
		if (search.results[i].ordinal != ordinal && !is_dead(repair, search.results[i].ordinal))
			candidates[count++] = search.results[i].ordinal;
	}
	return keep_linkable(repair, level, candidates, count);
}

/* Give a live node a list without dead neighbors on a level. */
static void
repair_list(Repair *repair, uint32 ordinal, int level)
{
	HnswVacuum *vacuum = repair->vacuum;
	StorageReader *reader = vacuum->reader;
	uint32 max = hnsw_level_m(vacuum->m, level);
	MemoryContext outer = MemoryContextSwitchTo(repair->node_context);
	uint32 candidates[MAX_CANDIDATES + 2 * HNSW_MAX_M];
	HnswSlot slot;
	HnswList list;
	HnswList replacement;
	uint32 live_before;
	uint32 count;

	do
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(reader, ordinal, &slot);
		if (slot.node.state != HNSW_NODE_LIVE)
			break;
		hnsw_read_list(reader, ordinal, &slot.node, level, true, &list);
		if (!has_dead(repair, list.count, list.ids))
			break;

		count = collect_candidates(repair, ordinal, level, &list, candidates);
		count = keep_linkable(repair, level, candidates, count);
		if (count == 0)
			count = search_candidates(repair, ordinal, level, candidates);
		replacement.count = hnsw_linker_choose(&repair->linker, NULL, ordinal, candidates, count,
											   max, replacement.ids);
		if (!hnsw_replace_list(reader, ordinal, &slot.node, level, &list, &replacement))
			continue;

		live_before = 0;
		for (uint32 i = 0; i < list.count; i++)
			live_before += is_dead(repair, list.ids[i]) ? 0 : 1;
		if (live_before * 2 < list.count)
			hnsw_linker_link_back(&repair->linker, ordinal, level, &replacement);
		break;
	} while (true);

	MemoryContextSwitchTo(outer);
	MemoryContextReset(repair->node_context);
}

/* Take dead continuations out of the chain behind a live node. */
static void
repair_chain(Repair *repair, uint32 ordinal)
{
	StorageReader *reader = repair->vacuum->reader;
	HnswSlot slot;
	uint32 next;
	uint32 first;

	do
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(reader, ordinal, &slot);
		first = slot.node.next;
		if (slot.node.state != HNSW_NODE_LIVE || first == INVALID_ORDINAL ||
			!is_dead(repair, first))
			return;
		next = first;
		while (next != INVALID_ORDINAL && is_dead(repair, next))
		{
			CHECK_FOR_INTERRUPTS();
			hnsw_read_node_current(reader, next, &slot);
			next = slot.node.next;
		}
	} while (!hnsw_replace_next(reader, ordinal, first, next));
}

static void
repair_node(Repair *repair, uint32 ordinal, const HnswNode *node)
{
	StorageReader *reader = repair->vacuum->reader;
	HnswList list;

	if (has_dead(repair, node->count, node->neighbors))
		repair_list(repair, ordinal, 0);
	if (node->next != INVALID_ORDINAL && is_dead(repair, node->next))
		repair_chain(repair, ordinal);
	for (int level = 1; level <= node->level; level++)
	{
		hnsw_read_list(reader, ordinal, node, level, true, &list);
		if (has_dead(repair, list.count, list.ids))
			repair_list(repair, ordinal, level);
	}
}

static void
begin_counting(Repair *repair)
{
	uint32 count = repair->vacuum->dead.limit;

	if (count / 1024 + count / 8192 > (uint32) maintenance_work_mem)
		return;
	repair->in_degrees = MemoryContextAllocExtended(CurrentMemoryContext, count + 1,
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ordinal_set_init(&repair->linkable, count);
}

/* Count a node's edges; those of a list that was repaired are read again. */
static void
count_edges(Repair *repair, uint32 ordinal, const HnswNode *node)
{
	HnswVacuum *vacuum = repair->vacuum;
	HnswSlot slot;

	if (repair->in_degrees == NULL || !hnsw_node_is_linkable(node, 0) ||
		ordinal >= vacuum->dead.limit)
		return;
	ordinal_set_add(&repair->linkable, ordinal);
	if (has_dead(repair, node->count, node->neighbors))
	{
		hnsw_read_node_current(vacuum->reader, ordinal, &slot);
		node = &slot.node;
	}
	for (uint32 i = 0; i < node->count; i++)
	{
		uint32 to = node->neighbors[i];

		if (to < vacuum->dead.limit && repair->in_degrees[to] < PG_UINT8_MAX)
			repair->in_degrees[to]++;
	}
}

/* Link nodes that no edge was counted to. */
static void
link_lost_nodes(Repair *repair)
{
	HnswVacuum *vacuum = repair->vacuum;
	StorageReader *reader = vacuum->reader;
	MemoryContext outer = MemoryContextSwitchTo(repair->node_context);

	for (uint32 ordinal = 0; repair->in_degrees != NULL && ordinal < vacuum->dead.limit; ordinal++)
	{
		HnswSlot slot;
		HnswList list;

		if (repair->in_degrees[ordinal] > 0 || !ordinal_set_contains(&repair->linkable, ordinal))
			continue;
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(reader, ordinal, &slot);
		if (!hnsw_node_is_linkable(&slot.node, 0))
			continue;
		hnsw_read_list(reader, ordinal, &slot.node, 0, true, &list);
		if (list.count == 0)
		{
			uint32 candidates[4 * HNSW_MAX_M];
			uint32 count = search_candidates(repair, ordinal, 0, candidates);
			HnswList found;

			found.count = hnsw_linker_choose(&repair->linker, NULL, ordinal, candidates, count,
											 vacuum->m, found.ids);
			if (!hnsw_replace_list(reader, ordinal, &slot.node, 0, &list, &found))
				continue;
			list = found;
		}
		hnsw_linker_link_back(&repair->linker, ordinal, 0, &list);
		MemoryContextReset(repair->node_context);
	}
	MemoryContextSwitchTo(outer);
}

/* A dead entry point gives way to the highest live node, if no insert has replaced it already. */
static void
replace_dead_entry(Repair *repair)
{
	Relation index = repair->vacuum->index;
	Buffer buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
	HnswMeta *meta = hnsw_meta(storage_meta_of_page(index, BufferGetPage(buffer)));

	if (meta->entry != INVALID_ORDINAL && is_dead(repair, meta->entry))
	{
		PageWrite write;

		page_write_begin(&write, index);
		meta = hnsw_meta(page_write_metapage(&write, buffer));
		meta->entry = repair->best_entry;
		meta->entry_level = repair->best_entry == INVALID_ORDINAL ? 0 : repair->best_level;
		page_write_finish(&write);
	}
	UnlockReleaseBuffer(buffer);
}

void
hnsw_repair(HnswVacuum *vacuum)
{
	Repair repair = {.vacuum = vacuum, .best_entry = INVALID_ORDINAL, .best_level = -1};
	PageArrayBlocks blocks = hnsw_node_blocks(vacuum);
	PGAlignedBlock page;

	hnsw_linker_begin(&repair.linker, vacuum->reader);
	visited_set_init(&repair.seen, MAX_CANDIDATES);
	repair.node_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw repair of a node",
												ALLOCSET_DEFAULT_SIZES);
	begin_counting(&repair);

	while (page_array_next_block(&blocks))
	{
		vs_vacuum_delay_point();
		if (!page_array_copy_block(vacuum->index, HNSW_NODES, blocks.data_block, vacuum->strategy,
								   page.data))
			continue;
		for (uint32 i = 0; i < blocks.count; i++)
		{
			HnswNode *node = hnsw_node_in_page(vacuum, page.data, i);

			if (node->state != HNSW_NODE_LIVE)
				continue;
			if (node->level > repair.best_level && hnsw_node_is_linkable(node, 0))
			{
				repair.best_level = node->level;
				repair.best_entry = blocks.first_ordinal + i;
			}
			repair_node(&repair, blocks.first_ordinal + i, node);
			count_edges(&repair, blocks.first_ordinal + i, node);
		}
		storage_reader_release_pins(vacuum->reader);
	}
	replace_dead_entry(&repair);
	link_lost_nodes(&repair);
}
