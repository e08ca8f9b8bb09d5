/*
 * hnsw/hnsw_edge_codes.c
 *		Codes beside the edges: making those of a list.
 *
 * Equal vectors give equal codes, bit for bit (quantizer/rabitq.h), so that a list's codes can be
 * verified by making them again.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_edge_codes.h"
#include "hnsw/hnsw_vector.h"
#include "index/index_meta.h"

void
hnsw_edge_coder_init(HnswEdgeCoder *coder, const IndexMeta *meta)
{
	Size size = rabitq_rotated_dimensions(meta->dimensions) * sizeof(float);

	coder->metric = (DistanceMetric) meta->metric;
	coder->dimensions = meta->dimensions;
	coder->bits = hnsw_meta(meta)->edge_bits;
	coder->block_size = rabitq_block_size(coder->dimensions, coder->bits);
	coder->center = palloc(size);
	coder->rotated = palloc(size);
}

void
hnsw_edge_coder_free(HnswEdgeCoder *coder)
{
	pfree(coder->center);
	pfree(coder->rotated);
}

void
hnsw_edge_coder_put(const HnswEdgeCoder *coder, const float *rotated, char *blocks, uint32 lane)
{
	rabitq_block_put(coder->metric, coder->dimensions, coder->bits, coder->center, rotated,
					 hnsw_edge_block(coder, blocks, lane), lane % RABITQ_BLOCK);
}

void
hnsw_edge_coder_move(const HnswEdgeCoder *coder, const char *from, uint32 from_lane, char *to,
					 uint32 to_lane)
{
	rabitq_block_move(
		coder->dimensions, coder->bits, hnsw_edge_block(coder, unconstify(char *, from), from_lane),
		from_lane % RABITQ_BLOCK, hnsw_edge_block(coder, to, to_lane), to_lane % RABITQ_BLOCK);
}

/* From shared buffers: the map may show what an ordinal's slot held before (vector_store.h). */
static void
read_rotated(StorageReader *reader, const IndexType *type, uint32 ordinal, void *vector,
			 float *rotated)
{
	hnsw_read_vector_current(reader, type, ordinal, vector);
	rabitq_rotate(type->dimensions, index_type_as_floats(type, vector, rotated), rotated);
}

void
hnsw_edge_codes_encode(StorageReader *reader, uint32 base, const HnswList *list,
					   const HnswList *known, char *blocks)
{
	HnswEdgeCoder coder;
	IndexType type;
	void *vector;
	bool has_center = false;

	index_meta_type(reader->meta, &type);
	hnsw_edge_coder_init(&coder, reader->meta);
	vector = palloc(type.vector_size);
	for (uint32 i = 0; i < list->count; i++)
	{
		if (known != NULL && hnsw_list_contains(known, list->ids[i]))
			continue;
		if (!has_center)
			read_rotated(reader, &type, base, vector, coder.center);
		has_center = true;
		read_rotated(reader, &type, list->ids[i], vector, coder.rotated);
		hnsw_edge_coder_put(&coder, coder.rotated, blocks, i);
	}
	pfree(vector);
	hnsw_edge_coder_free(&coder);
}
