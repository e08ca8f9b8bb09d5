/*
 * hnsw/hnsw_meta.c
 *		The hnsw part of the metapage: made for an index that is about to be built,
 *		checked before anything relies on it.
 *
 * No run is added here: bulk_write.c does that as it writes the arrays.  An
 * empty index keeps its arrays without runs, and the first insert grows them.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw.h"

void
hnsw_meta_init(Relation index, const IndexType *type, IndexMeta *meta)
{
	QuantizerKind quantizer = index_quantizer_option(index, type->dimensions);
	const QuantizerRoutine *routine = quantizer_routine(quantizer);
	uint32 dimensions = type->dimensions;
	uint16 m = (uint16) hnsw_m_option(index);

	if (routine == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unrecognized quantizer %d", (int) quantizer)));

	memset(meta, 0, sizeof(IndexMeta));
	meta->magic = STORAGE_MAGIC;
	meta->format_version = STORAGE_FORMAT_VERSION;
	meta->method = INDEX_METHOD_HNSW;
	meta->dimensions = dimensions;
	meta->element_type = 0;
	meta->metric = (uint16) type->metric;
	meta->quantizer = (uint16) quantizer;
	meta->layout_version = 1;
	meta->free_head = INVALID_ORDINAL;

	page_array_init(&meta->arrays[PAGE_ARRAY_VECTORS], dimensions * sizeof(float), false);
	if (quantizer != QUANTIZER_NONE)
	{
		size_t parameters = routine->parameters_size(dimensions);

		page_array_init(&meta->arrays[PAGE_ARRAY_CODES],
						(uint32) TYPEALIGN(4, routine->code_size(dimensions)), false);
		if (parameters > 0)
			page_array_init(&meta->arrays[PAGE_ARRAY_PARAMETERS], (uint32) TYPEALIGN(4, parameters),
							false);
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
	const QuantizerRoutine *quantizer = quantizer_routine((QuantizerKind) meta->quantizer);
	const PageArrayMeta *vectors = &meta->arrays[PAGE_ARRAY_VECTORS];
	const PageArrayMeta *codes = &meta->arrays[PAGE_ARRAY_CODES];
	const PageArrayMeta *nodes = &meta->arrays[HNSW_NODES];
	const PageArrayMeta *upper = &meta->arrays[HNSW_UPPER];

	if (meta->method != INDEX_METHOD_HNSW || quantizer == NULL ||
		meta->dimensions != type->dimensions || meta->metric != (uint16) type->metric ||
		hnsw->m < HNSW_MIN_M || hnsw->m > HNSW_MAX_M ||
		(hnsw->entry != INVALID_ORDINAL && hnsw->entry_level >= HNSW_MAX_LEVEL) ||
		vectors->slot_size != meta->dimensions * sizeof(float) ||
		(!quantizer->exact && codes->slot_size < quantizer->code_size(meta->dimensions)) ||
		nodes->slot_size != hnsw_node_size(hnsw->m) || nodes->slots_per_page == 0 ||
		upper->slot_size != hnsw_upper_size(hnsw->m) || upper->slots_per_page == 0 ||
		hnsw->upper_count > upper->capacity)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("metapage of index \"%s\" does not fit the index",
							   RelationGetRelationName(index)),
						errhint("Please REINDEX it.")));
}
