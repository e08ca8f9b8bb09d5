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
#include "hnsw/hnsw_edge_codes.h"

#define PROGRESS_INTERVAL 4096
/* Rotated vectors that are kept in any case */
#define MIN_ROTATED 256

/*
 * Codes beside the edges.  A neighbor's vector is rotated once for as long as it is kept: near
 * vectors have near ordinals, so a vector's place is its ordinal modulo the number of places.
 */
typedef struct EdgeCodes
{
	HnswEdgeCoder coder;
	const HnswBuildSource *source;
	uint32 kept;	  /* places */
	uint32 *ordinals; /* of the vectors kept, INVALID_ORDINAL = none */
	float *rotated;
	uint32 floats; /* of a rotated vector */
	void *vector;  /* copy of one that crosses a page's end */
	float *plain;  /* of one that is something else than floats */

	/* The list in work */
	uint32 ordinal;
	uint32 count;
	const uint32 *neighbors;
	char *blocks;
} EdgeCodes;

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

/* NULL where codes are elsewhere. */
static EdgeCodes *
begin_edge_codes(HnswBuild *build)
{
	const IndexMeta *meta = build->meta;
	EdgeCodes *codes;
	Size memory = (Size) maintenance_work_mem * 1024;
	Size size;

	if (hnsw_meta(meta)->edge_bits == 0)
		return NULL;
	codes = palloc0(sizeof(EdgeCodes));
	hnsw_edge_coder_init(&codes->coder, meta);
	codes->source = &build->source;
	codes->floats = rabitq_rotated_dimensions(meta->dimensions);
	size = codes->floats * sizeof(float);
	memory -= Min(memory, build->edges_memory.size);
	codes->kept = (uint32) Min(Max(memory / size, MIN_ROTATED), build->node_count);
	codes->ordinals = MemoryContextAllocHuge(CurrentMemoryContext, codes->kept * sizeof(uint32));
	memset(codes->ordinals, 0xFF, codes->kept * sizeof(uint32));
	codes->rotated = MemoryContextAllocHuge(CurrentMemoryContext, codes->kept * size);
	codes->vector = palloc(build->type.vector_size);
	codes->plain = palloc(size);
	return codes;
}

static void
end_edge_codes(EdgeCodes *codes)
{
	if (codes == NULL)
		return;
	pfree(codes->rotated);
	pfree(codes->ordinals);
	pfree(codes->plain);
	pfree(codes->vector);
	hnsw_edge_coder_free(&codes->coder);
	pfree(codes);
}

static const float *
rotated_vector(EdgeCodes *codes, uint32 ordinal)
{
	const HnswBuildSource *source = codes->source;
	uint32 place = ordinal % codes->kept;
	float *rotated = codes->rotated + (Size) place * codes->floats;

	if (codes->ordinals[place] != ordinal)
	{
		/* Not whole as long as the section may be left */
		codes->ordinals[place] = INVALID_ORDINAL;
		rabitq_rotate(source->type.dimensions,
					  index_type_as_floats(
						  &source->type, built_array_slot(&source->vectors, ordinal, codes->vector),
						  codes->plain),
					  rotated);
		codes->ordinals[place] = ordinal;
	}
	return rotated;
}

static void
encode_section(void *argument)
{
	EdgeCodes *codes = argument;

	memcpy(codes->coder.center, rotated_vector(codes, codes->ordinal),
		   codes->floats * sizeof(float));
	for (uint32 i = 0; i < codes->count; i++)
		hnsw_edge_coder_put(&codes->coder, rotated_vector(codes, codes->neighbors[i]),
							codes->blocks, i);
}

/* Write the codes of a list, to blocks of zeros. */
static void
encode_list(EdgeCodes *codes, uint32 ordinal, uint32 count, const uint32 *neighbors, char *blocks)
{
	if (codes == NULL || count == 0)
		return;
	codes->ordinal = ordinal;
	codes->count = count;
	codes->neighbors = neighbors;
	codes->blocks = blocks;
	mapped_read_call(encode_section, codes);
}

static void
write_nodes(HnswBuild *build, EdgeCodes *codes)
{
	const HnswEdges *edges = &build->edges;
	uint16 m = (uint16) edges->m;
	uint32 size = build->meta->arrays[HNSW_NODES].slot_size;
	HnswNode *node = palloc(size);

	hnsw_build_rewind_nodes(build);
	bulk_write_begin_array(build->writer, HNSW_NODES);
	for (uint32 ordinal = 0; ordinal < edges->node_count; ordinal++)
	{
		HnswNodeRecord record;

		CHECK_FOR_INTERRUPTS();
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
		encode_list(codes, ordinal, node->count, node->neighbors,
					(char *) node + hnsw_node_head_size(m));
		bulk_write_slot(build->writer, node);

		if (ordinal % PROGRESS_INTERVAL == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, ordinal);
	}
	bulk_write_end_array(build->writer);
	pfree(node);
}

static void
write_upper(HnswBuild *build, EdgeCodes *codes)
{
	const HnswEdges *edges = &build->edges;
	uint32 size = build->meta->arrays[HNSW_UPPER].slot_size;
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
			encode_list(codes, ordinal, upper->count, upper->neighbors,
						(char *) upper + hnsw_upper_head_size((uint16) edges->m));
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
	EdgeCodes *codes = begin_edge_codes(build);

	write_nodes(build, codes);
	write_upper(build, codes);
	end_edge_codes(codes);

	meta->ordinal_count = build->node_count;
	hnsw->entry = (uint32) build->entry;
	hnsw->entry_level = (uint32) (build->entry >> 32);
	hnsw->upper_count = build->upper_count;
}
