/*
 * hnsw/hnsw_repair.c
 *		Pass 3 of vacuum: local repair of the graph around dead nodes.
 *
 * Every live node with dead neighbors loses them, keeps the others, and fills up with
 * live neighbors of the dead ones (reached through further dead ones where whole
 * regions died); one that lost most of its list chooses all anew.  Lists of level 0
 * are chosen for a whole page of nodes and written in one record.  No search from the
 * entry point is made, so the work is proportional to the damage.  A node that lost much of its list is
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
	uint8 *in_degrees; /* of each node on level 0, up to 255; NULL = not counted */
	/* Lists of level 0 of one page's nodes, as many as it has slots */
	HnswListChange *changes;
	HnswList *before;
	HnswList *after;
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
 * Live candidates for a node's list of a level: what is live of the list, `*kept` of them, and the live
 * neighbors of its dead ones, breadth first through the dead.
 */
static uint32
collect_candidates(Repair *repair, uint32 ordinal, int level, const HnswList *list,
				   uint32 *candidates, uint32 *kept)
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
	*kept = count;

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
	uint32 kept = 0;

	for (uint32 i = 0; i < count; i++)
	{
		HnswSlot slot;

		/* What was so in pass 1 is so until the next vacuum. */
		if (level > 0 || !ordinal_set_contains(&repair->vacuum->linkable, candidates[i]))
		{
			hnsw_read_node(repair->vacuum->reader, candidates[i], &slot);
			if (!hnsw_node_is_linkable(&slot.node, level))
				continue;
		}
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

/* Did the list lose most of its members? */
static bool
has_lost_much(Repair *repair, const HnswList *list)
{
	uint32 live = 0;

	for (uint32 i = 0; i < list->count; i++)
		live += is_dead(repair, list->ids[i]) ? 0 : 1;
	return live * 2 < list->count;
}

/*
 * Choose the list that replaces one with dead neighbors.  Those that live stay and are joined by the
 * best of the others; where most are lost, all are chosen anew.
 */
static void
choose_list(Repair *repair, uint32 ordinal, int level, const HnswList *list, HnswList *replacement)
{
	uint32 candidates[MAX_CANDIDATES + 2 * HNSW_MAX_M];
	uint32 max = hnsw_level_m(repair->vacuum->m, level);
	uint32 kept;
	uint32 count = collect_candidates(repair, ordinal, level, list, candidates, &kept);
	uint32 others = keep_linkable(repair, level, candidates + kept, count - kept);
	uint32 linkable = keep_linkable(repair, level, candidates, kept);

	memmove(candidates + linkable, candidates + kept, others * sizeof(uint32));
	count = linkable + others;
	if (count == 0)
		count = search_candidates(repair, ordinal, level, candidates);
	if (2 * linkable >= list->count)
		replacement->count = hnsw_linker_complete(&repair->linker, ordinal, candidates, linkable,
												  count, max, replacement->ids);
	else
		replacement->count =
			hnsw_linker_choose(&repair->linker, ordinal, candidates, count, max, replacement->ids);
}

/* Give a live node a list without dead neighbors on a level. */
static void
repair_list(Repair *repair, uint32 ordinal, int level)
{
	StorageReader *reader = repair->vacuum->reader;
	MemoryContext outer = MemoryContextSwitchTo(repair->node_context);
	HnswSlot slot;
	HnswList list;
	HnswList replacement;

	do
	{
		CHECK_FOR_INTERRUPTS();
		hnsw_read_node_current(reader, ordinal, &slot);
		if (slot.node.state != HNSW_NODE_LIVE)
			break;
		hnsw_read_list(reader, ordinal, &slot.node, level, true, &list);
		if (!has_dead(repair, list.count, list.ids))
			break;
		choose_list(repair, ordinal, level, &list, &replacement);
		if (!hnsw_replace_list(reader, ordinal, &slot.node, level, &list, &replacement))
			continue;
		if (has_lost_much(repair, &list))
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

/* Is this a node whose list of level 0 has to be repaired? */
static bool
is_damaged(Repair *repair, const HnswNode *node)
{
	return node->state == HNSW_NODE_LIVE && has_dead(repair, node->count, node->neighbors);
}

/*
 * Repair lists of level 0 of a page's nodes, of which `page` is a copy: all of them are chosen before
 * the page is locked, and written together.
 */
static void
repair_lists_of_page(Repair *repair, const PageArrayBlocks *blocks, char *page)
{
	HnswVacuum *vacuum = repair->vacuum;
	uint32 count = 0;

	for (uint32 i = 0; i < blocks->count; i++)
	{
		HnswNode *node = hnsw_node_in_page(vacuum, page, i);
		uint32 ordinal = blocks->first_ordinal + i;
		MemoryContext outer;

		if (!is_damaged(repair, node))
			continue;
		CHECK_FOR_INTERRUPTS();
		hnsw_read_list(vacuum->reader, ordinal, node, 0, true, &repair->before[count]);
		for (uint32 j = 0; j < node->count; j++)
			storage_reader_check_ordinal(vacuum->reader, node->neighbors[j]);
		outer = MemoryContextSwitchTo(repair->node_context);
		choose_list(repair, ordinal, 0, &repair->before[count], &repair->after[count]);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(repair->node_context);
		repair->changes[count] = (HnswListChange){.ordinal = ordinal,
												  .expected = &repair->before[count],
												  .replacement = &repair->after[count]};
		count++;
	}
	hnsw_replace_lists_of_page(vacuum->reader, repair->changes, count);
	for (uint32 i = 0; i < count; i++)
	{
		MemoryContext outer;

		if (!repair->changes[i].done)
		{
			repair_list(repair, repair->changes[i].ordinal, 0);
			continue;
		}
		if (!has_lost_much(repair, &repair->before[i]))
			continue;
		outer = MemoryContextSwitchTo(repair->node_context);
		hnsw_linker_link_back(&repair->linker, repair->changes[i].ordinal, 0, &repair->after[i]);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(repair->node_context);
	}
}

/* What level 0 leaves: chains and upper levels. */
static void
repair_rest_of_node(Repair *repair, uint32 ordinal, const HnswNode *node)
{
	HnswList list;

	if (node->next != INVALID_ORDINAL && is_dead(repair, node->next))
		repair_chain(repair, ordinal);
	for (int level = 1; level <= node->level; level++)
	{
		hnsw_read_list(repair->vacuum->reader, ordinal, node, level, true, &list);
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

		if (repair->in_degrees[ordinal] > 0 || !ordinal_set_contains(&vacuum->linkable, ordinal))
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

			found.count = hnsw_linker_choose(&repair->linker, ordinal, candidates, count, vacuum->m,
											 found.ids);
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
	uint32 per_page;

	hnsw_linker_begin(&repair.linker, vacuum->reader);
	visited_set_init(&repair.seen, MAX_CANDIDATES);
	repair.node_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw repair of a node",
												ALLOCSET_DEFAULT_SIZES);
	begin_counting(&repair);
	per_page = vacuum->reader->meta->arrays[HNSW_NODES].slots_per_page;
	repair.changes = palloc(per_page * sizeof(HnswListChange));
	repair.before = palloc(per_page * sizeof(HnswList));
	repair.after = palloc(per_page * sizeof(HnswList));

	while (page_array_next_block(&blocks))
	{
		vs_vacuum_delay_point();
		if (!page_array_copy_block(vacuum->index, HNSW_NODES, blocks.data_block, vacuum->strategy,
								   page.data))
			continue;
		storage_reader_refresh(vacuum->reader);
		repair_lists_of_page(&repair, &blocks, page.data);
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
			repair_rest_of_node(&repair, blocks.first_ordinal + i, node);
			count_edges(&repair, blocks.first_ordinal + i, node);
		}
	}
	replace_dead_entry(&repair);
	link_lost_nodes(&repair);
}
