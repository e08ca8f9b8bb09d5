/*
 * hnsw/hnsw_build_lost.c
 *		Nodes of a finished graph that no edge leads to.
 *
 * A node links to its neighbors, but each of them keeps the edge back only as long
 * as its list has no better use for the room, so in the end some nodes have no edge
 * to them: no search would find their rows.  Each such node takes the place of a
 * neighbor's last edge whose end other edges lead to as well.
 *
 * Runs after the workers have gone; its byte for each node lies with the edges.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "hnsw/hnsw_build.h"

static void
count_edge(uint8 *in_degrees, uint32 to)
{
	if (in_degrees[to] < PG_UINT8_MAX)
		in_degrees[to]++;
}

/* Make one of the node's neighbors lead to it. */
static void
link_node(const HnswEdges *edges, uint8 *in_degrees, uint32 ordinal)
{
	const uint32 *neighbors = hnsw_edges_list(edges, ordinal, 0);
	uint32 max = 2 * edges->m;

	for (uint32 i = 0; i < max && neighbors[i] != INVALID_ORDINAL; i++)
	{
		uint32 *list = hnsw_edges_list(edges, neighbors[i], 0);

		for (uint32 at = max; at-- > 0;)
		{
			/* Empty places are at the end: the first of them is wanted. */
			if (list[at] == INVALID_ORDINAL)
			{
				if (at > 0 && list[at - 1] == INVALID_ORDINAL)
					continue;
			}
			else if (in_degrees[list[at]] < 2)
				continue;
			else if (in_degrees[list[at]] < PG_UINT8_MAX)
				in_degrees[list[at]]--;
			list[at] = ordinal;
			count_edge(in_degrees, ordinal);
			return;
		}
	}
}

void
hnsw_build_link_lost_nodes(HnswBuild *build)
{
	const HnswEdges *edges = &build->edges;
	uint8 *in_degrees = edges->in_degrees;
	uint32 max = 2 * edges->m;

	memset(in_degrees, 0, edges->node_count);
	for (uint32 ordinal = 0; ordinal < edges->node_count; ordinal++)
	{
		const uint32 *list = hnsw_edges_list(edges, ordinal, 0);

		if (ordinal % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (edges->uppers[ordinal] == HNSW_UPPER_CONTINUATION)
			continue;
		for (uint32 i = 0; i < max && list[i] != INVALID_ORDINAL; i++)
			count_edge(in_degrees, list[i]);
	}
	for (uint32 ordinal = 0; ordinal < edges->node_count; ordinal++)
	{
		if (ordinal % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (in_degrees[ordinal] == 0 && edges->uppers[ordinal] != HNSW_UPPER_CONTINUATION)
		{
			CHECK_FOR_INTERRUPTS();
			link_node(edges, in_degrees, ordinal);
		}
	}
}
