/*
 * hnsw/hnsw_build_write.c
 *		The pages of nodes and upper levels, from the finished edges and the TIDs
 *		that the load kept in a temporary file.
 *
 * Nodes of one vector have consecutive ordinals: the first is in the graph, the
 * others are continuations, each reached through `next` of the one before it.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "hnsw/hnsw_build.h"

#define PROGRESS_INTERVAL 4096

static bool
is_continuation(const HnswEdges *edges, uint32 ordinal)
{
	return ordinal < edges->node_count && edges->uppers[ordinal] == HNSW_UPPER_CONTINUATION;
}

/* Copy a list; returns the number of its neighbors. */
static uint16
copy_list(uint32 *to, const uint32 *list, uint32 max)
{
	uint16 count = 0;

	while (count < max && list[count] != INVALID_ORDINAL)
	{
		to[count] = list[count];
		count++;
	}
	return count;
}

static void
write_nodes(HnswBuild *build)
{
	const HnswEdges *edges = &build->edges;
	uint16 m = (uint16) edges->m;
	uint32 size = hnsw_node_size(m);
	HnswNode *node = palloc(size);

	hnsw_build_rewind_nodes(build);
	bulk_write_begin_array(build->writer, HNSW_NODES);
	for (uint32 ordinal = 0; ordinal < edges->node_count; ordinal++)
	{
		HnswNodeRecord record;

		hnsw_build_read_node(build, &record);
		memset(node, 0, size);
		node->state = HNSW_NODE_LIVE;
		node->level = (uint8) hnsw_edges_level(edges, ordinal);
		node->next = is_continuation(edges, ordinal + 1) ? ordinal + 1 : INVALID_ORDINAL;
		node->upper = node->level > 0 ? edges->uppers[ordinal] : INVALID_ORDINAL;
		if (record.continuation)
			node->flags |= HNSW_NODE_CONTINUATION;
		else
			node->count =
				copy_list(node->neighbors, hnsw_edges_list(edges, ordinal, 0), 2 * edges->m);
		node->tid_count = record.tid_count;
		memcpy(hnsw_node_tids(node, m), record.tids, record.tid_count * sizeof(ItemPointerData));
		bulk_write_slot(build->writer, node);

		if (ordinal % PROGRESS_INTERVAL == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, ordinal);
	}
	bulk_write_end_array(build->writer);
	pfree(node);
}

static void
write_upper(HnswBuild *build)
{
	const HnswEdges *edges = &build->edges;
	uint32 size = hnsw_upper_size((uint16) edges->m);
	HnswUpper *upper = palloc(size);

	bulk_write_begin_array(build->writer, HNSW_UPPER);
	for (uint32 ordinal = 0; ordinal < edges->node_count; ordinal++)
	{
		int levels = hnsw_edges_level(edges, ordinal);

		/* Slots were numbered in order of ordinals */
		for (int level = 1; level <= levels; level++)
		{
			memset(upper, 0, size);
			upper->owner = ordinal;
			upper->level = (uint16) level;
			upper->count =
				copy_list(upper->neighbors, hnsw_edges_list(edges, ordinal, level), edges->m);
			bulk_write_slot(build->writer, upper);
		}
	}
	bulk_write_end_array(build->writer);
	pfree(upper);
}

void
hnsw_build_write_graph(HnswBuild *build)
{
	IndexMeta *meta = build->meta;
	HnswMeta *hnsw = hnsw_meta(meta);

	write_nodes(build);
	write_upper(build);

	meta->ordinal_count = build->node_count;
	hnsw->entry = (uint32) build->entry;
	hnsw->entry_level = (uint32) (build->entry >> 32);
	hnsw->upper_count = build->upper_count;
}
