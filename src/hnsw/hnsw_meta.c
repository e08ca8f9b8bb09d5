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

/*
 * Bits of a code beside an edge.  Every node that is visited is measured, so codes need not be as good
 * as dense ones: with 768 dimensions a walk to the same recall is as long with 1 bit as with 4, and as
 * with exact distances; with 128 it is half as long again with 1 bit as with 2.
 */
static uint16
default_edge_bits(uint32 dimensions)
{
	return dimensions >= 512 ? 1 : dimensions >= 96 ? 2 : dimensions >= 32 ? 4 : 8;
}

/* A node's page must hold all of it, with the codes of its neighbors. */
static void
put_codes_beside_edges(Relation index, IndexMeta *meta)
{
	HnswMeta *hnsw = hnsw_meta(meta);
	uint32 size;

	if (!quantizer_is_rabitq((QuantizerKind) meta->quantizer))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("codes = edges needs quantizer = rabitq"),
						errhint("Use quantizer = rabitq, or codes = dense.")));
	hnsw->edge_bits = (uint16) index_bits_option(index);
	if (hnsw->edge_bits == 0)
		hnsw->edge_bits = default_edge_bits(meta->dimensions);
	meta->quantizer = (uint16) quantizer_rabitq_kind(hnsw->edge_bits);
	size = hnsw_node_size(hnsw, meta->dimensions);
	if (size > STORAGE_PAYLOAD_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("codes of %u neighbors do not fit a page", 2 * (uint32) hnsw->m),
				 errdetail("A node of index \"%s\" would take %u bytes, a page holds %u.",
						   RelationGetRelationName(index), size, (uint32) STORAGE_PAYLOAD_SIZE),
				 errhint("Use codes = dense, or a smaller m.")));
	memset(&meta->arrays[PAGE_ARRAY_CODES], 0, sizeof(PageArrayMeta));
	memset(&meta->arrays[PAGE_ARRAY_PARAMETERS], 0, sizeof(PageArrayMeta));
}

void
hnsw_meta_init(Relation index, const IndexType *type, IndexMeta *meta)
{
	uint16 m = (uint16) hnsw_m_option(index);

	index_meta_init(index, type, INDEX_METHOD_HNSW, hnsw_quantizer_option(index, type, 0), meta);
	if (type->vector_type->varying)
	{
		page_array_init(&meta->arrays[PAGE_ARRAY_VECTORS], hnsw_vector_slot_size(type, 0), false);
		page_array_init(&meta->arrays[HNSW_LONG], long_slot_size(type), false);
	}

	StaticAssertStmt(sizeof(HnswMeta) <= METHOD_META_SIZE, "hnsw metadata must fit the metapage");
	*hnsw_meta(meta) = (HnswMeta){
		.m = m,
		.ef_construction = (uint16) hnsw_ef_construction_option(index),
		.entry = INVALID_ORDINAL,
		.entry_level = 0,
		.upper_count = 0,
	};
	if (hnsw_codes_option(index) == HNSW_CODES_EDGES)
		put_codes_beside_edges(index, meta);
	page_array_init(&meta->arrays[HNSW_NODES], hnsw_node_size(hnsw_meta(meta), meta->dimensions),
					true);
	page_array_init(&meta->arrays[HNSW_UPPER], hnsw_upper_size(hnsw_meta(meta), meta->dimensions),
					true);
}

void
hnsw_meta_set_rows(Relation index, const IndexType *type, double rows, IndexMeta *meta)
{
	/* Codes beside edges are as they were asked for. */
	if (hnsw_meta(meta)->edge_bits == 0)
		index_meta_set_quantizer(type, hnsw_quantizer_option(index, type, rows), meta);
}

/* Whether codes are dense, or beside the edges and can be there. */
static bool
has_known_codes(const IndexMeta *meta)
{
	uint16 bits = hnsw_meta(meta)->edge_bits;

	if (bits == 0)
		return meta->quantizer == QUANTIZER_NONE || meta->arrays[PAGE_ARRAY_CODES].slot_size != 0;
	return (bits == 1 || bits == 2 || bits == 4 || bits == 8) &&
		   meta->quantizer == (uint16) quantizer_rabitq_kind(bits) &&
		   meta->arrays[PAGE_ARRAY_CODES].slot_size == 0;
}

void
hnsw_meta_check(Relation index, const IndexType *type, const IndexMeta *meta)
{
	const HnswMeta *hnsw = hnsw_meta(meta);
	const PageArrayMeta *nodes = &meta->arrays[HNSW_NODES];
	const PageArrayMeta *upper = &meta->arrays[HNSW_UPPER];
	const PageArrayMeta *longs = &meta->arrays[HNSW_LONG];
	bool fits =
		hnsw->m >= HNSW_MIN_M && hnsw->m <= HNSW_MAX_M &&
		(hnsw->entry == INVALID_ORDINAL || hnsw->entry_level < HNSW_MAX_LEVEL) &&
		has_known_codes(meta) && nodes->slot_size == hnsw_node_size(hnsw, meta->dimensions) &&
		nodes->slots_per_page != 0 && upper->slot_size == hnsw_upper_size(hnsw, meta->dimensions) &&
		upper->slots_per_page != 0 && hnsw->upper_count <= upper->capacity &&
		(!type->vector_type->varying ||
		 (longs->slot_size == long_slot_size(type) && hnsw->long_count <= longs->capacity));

	index_meta_check(index, type, INDEX_METHOD_HNSW, meta, fits);
}
