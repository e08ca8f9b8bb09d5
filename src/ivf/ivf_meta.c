/*
 * ivf/ivf_meta.c
 *		The ivf part of the metapage.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/defrem.h"
#include "index/index_meta.h"
#include "ivf/ivf_codes.h"

void
ivf_meta_init(Relation index, const IndexType *type, IndexMeta *meta)
{
	uint32 centroid_size = type->dimensions * sizeof(float);

	/* Centroids are means */
	if (type->vector_type->to_floats == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("access method \"%s\" does not support type %s",
							   get_am_name(index->rd_rel->relam), type->vector_type->name),
						errhint("Use access method \"hnsw\".")));
	index_meta_init(index, type, INDEX_METHOD_IVF, ivf_quantizer_option(index, type), meta);
	if (ivf_has_blocks(meta))
		ivf_codes_init(meta);
	page_array_init(&meta->arrays[IVF_ENTRIES], sizeof(IvfEntry), true);
	page_array_init(&meta->arrays[IVF_EXTENTS], sizeof(IvfExtent), true);
	/* Every search reads all centroids: whole, wherever a page takes one. */
	page_array_init(&meta->arrays[IVF_CENTROIDS], centroid_size,
					centroid_size <= STORAGE_PAYLOAD_SIZE);

	StaticAssertStmt(sizeof(IvfMeta) <= METHOD_META_SIZE, "ivf metadata must fit the metapage");
	*ivf_meta(meta) = (IvfMeta){.lists = 1, .extent_count = 1, .trained_on = 0};
}

void
ivf_meta_check(Relation index, const IndexType *type, const IndexMeta *meta)
{
	const IvfMeta *ivf = ivf_meta(meta);
	const PageArrayMeta *entries = &meta->arrays[IVF_ENTRIES];
	const PageArrayMeta *extents = &meta->arrays[IVF_EXTENTS];
	const PageArrayMeta *centroids = &meta->arrays[IVF_CENTROIDS];
	bool fits = ivf->lists >= IVF_MIN_LISTS && ivf->lists <= IVF_MAX_LISTS &&
				ivf->extent_count >= ivf->lists && ivf->extent_count <= extents->capacity &&
				ivf->lists <= centroids->capacity && meta->ordinal_count <= entries->capacity &&
				meta->ordinal_count % IVF_BLOCK == 0 && entries->slot_size == sizeof(IvfEntry) &&
				entries->slots_per_page != 0 && extents->slot_size == sizeof(IvfExtent) &&
				extents->slots_per_page != 0 &&
				centroids->slot_size == type->dimensions * sizeof(float) &&
				(ivf_has_blocks(meta) ? ivf_codes_fit(meta) : meta->ordinals_per_code == 1);

	index_meta_check(index, type, INDEX_METHOD_IVF, meta, fits);
}
