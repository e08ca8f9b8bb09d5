/*
 * hnsw/hnsw_meta.c
 *		The hnsw part of the metapage.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_vector.h"
#include "index/index_meta.h"

static uint32
long_slot_size(const IndexType *type)
{
	return (uint32) (offsetof(HnswLongVector, vector) + type->vector_size);
}

void
hnsw_meta_init(Relation index, const IndexType *type, IndexMeta *meta)
{
	uint16 m = (uint16) hnsw_m_option(index);

	index_meta_init(index, type, INDEX_METHOD_HNSW,
					index_quantizer_option(index, type->dimensions, type->vector_type->quantizable),
					meta);
	if (type->vector_type->varying)
	{
		page_array_init(&meta->arrays[PAGE_ARRAY_VECTORS], hnsw_vector_slot_size(type, 0), false);
		page_array_init(&meta->arrays[HNSW_LONG], long_slot_size(type), false);
	}
	page_array_init(&meta->arrays[HNSW_NODES], hnsw_node_size(m), true);
	page_array_init(&meta->arrays[HNSW_UPPER], hnsw_upper_size(m), true);

	StaticAssertStmt(sizeof(HnswMeta) <= METHOD_META_SIZE, "hnsw metadata must fit the metapage");
	*hnsw_meta(meta) = (HnswMeta){
		.m = m,
		.ef_construction = (uint16) hnsw_ef_construction_option(index),
		.entry = INVALID_ORDINAL,
		.entry_level = 0,
		.upper_count = 0,
	};
}

void
hnsw_meta_check(Relation index, const IndexType *type, const IndexMeta *meta)
{
	const HnswMeta *hnsw = hnsw_meta(meta);
	const PageArrayMeta *nodes = &meta->arrays[HNSW_NODES];
	const PageArrayMeta *upper = &meta->arrays[HNSW_UPPER];
	const PageArrayMeta *longs = &meta->arrays[HNSW_LONG];
	bool fits = hnsw->m >= HNSW_MIN_M && hnsw->m <= HNSW_MAX_M &&
				(hnsw->entry == INVALID_ORDINAL || hnsw->entry_level < HNSW_MAX_LEVEL) &&
				nodes->slot_size == hnsw_node_size(hnsw->m) && nodes->slots_per_page != 0 &&
				upper->slot_size == hnsw_upper_size(hnsw->m) && upper->slots_per_page != 0 &&
				hnsw->upper_count <= upper->capacity &&
				(!type->vector_type->varying ||
				 (longs->slot_size == long_slot_size(type) && hnsw->long_count <= longs->capacity));

	index_meta_check(index, type, INDEX_METHOD_HNSW, meta, fits);
}
