/*
 * hnsw/hnsw_build_edges.c
 *		The memory of the edges of a graph under construction: its size and layout.
 *
 * About 16m + 15 bytes a node.  Where that exceeds maintenance_work_mem, or the
 * system's shared memory, it lies in a mapped temporary file (index/build_memory.h).
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "hnsw/hnsw_build.h"

static Size
edges_size(uint32 node_count, uint32 upper_count, uint16 m)
{
	uint64 words = (uint64) node_count * (2 * m + 1) + (uint64) upper_count * (m + 1);

	words += (uint64) node_count * 2 * m + (uint64) upper_count * m;
	words += ((uint64) node_count + upper_count) * hnsw_edges_spare_words(m);
	return words * sizeof(uint32) + node_count;
}

Size
hnsw_build_edges_size(const HnswBuild *build)
{
	return edges_size(build->node_count, build->upper_count, hnsw_meta(build->meta)->m);
}

void
hnsw_edges_layout(HnswEdges *edges, char *memory, uint32 node_count, uint32 upper_count, uint16 m)
{
	edges->node_count = node_count;
	edges->upper_count = upper_count;
	edges->m = m;
	edges->neighbors = (uint32 *) memory;
	edges->uppers = edges->neighbors + (size_t) node_count * 2 * m;
	edges->slots = edges->uppers + node_count;
	edges->distances = (float *) (edges->slots + (size_t) upper_count * (m + 1));
	edges->spares =
		(uint32 *) (edges->distances + (size_t) node_count * 2 * m + (size_t) upper_count * m);
	edges->in_degrees =
		(uint8 *) (edges->spares + ((size_t) node_count + upper_count) * hnsw_edges_spare_words(m));
}

void
hnsw_build_create_edges(HnswBuild *build, bool parallel)
{
	BuildMemory *memory = &build->edges_memory;
	uint16 m = hnsw_meta(build->meta)->m;
	uint32 upper = 0;

	/* All bytes 0xFF: no neighbors */
	build_memory_create(memory, edges_size(build->node_count, build->upper_count, m),
						(Size) maintenance_work_mem * 1024, parallel, 0xFF);
	hnsw_edges_layout(&build->edges, memory->address, build->node_count, build->upper_count, m);

	hnsw_build_rewind_nodes(build);
	for (uint32 ordinal = 0; ordinal < build->node_count; ordinal++)
	{
		HnswNodeRecord record;
		int level;

		CHECK_FOR_INTERRUPTS();
		hnsw_build_read_node(build, &record);
		if (record.continuation)
		{
			build->edges.uppers[ordinal] = HNSW_UPPER_CONTINUATION;
			continue;
		}
		level = hnsw_build_level(ordinal, m);
		if (level > 0)
			build->edges.uppers[ordinal] = upper;
		for (int i = 0; i < level; i++)
			build->edges.slots[(size_t) upper++ * (m + 1)] = (uint32) level;
	}
	Assert(upper == build->upper_count);
}
