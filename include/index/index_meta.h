/*
 * index/index_meta.h
 *		The part of the metapage that all methods have: column, quantizer, the
 *		arrays of vectors, codes and parameters.
 */
#ifndef INDEX_INDEX_META_H
#define INDEX_INDEX_META_H

#include "index/index_type.h"
#include "quantizer/quantizer.h"
#include "storage/page_array.h"

/*
 * Begin the metadata of an index that is about to be built: all but the method's own.  No array has
 * a run yet: bulk_write.c adds them as it writes the arrays, and an empty index keeps its arrays
 * without runs until the first insert grows them.
 */
extern void index_meta_init(Relation index, const IndexType *type, IndexMethod method,
							QuantizerKind quantizer, IndexMeta *meta);

/*
 * Have the codes of another quantizer, before any code is written; ERROR where there are none for this
 * type or metric.
 */
extern void
index_meta_set_quantizer(const IndexType *type, QuantizerKind quantizer, IndexMeta *meta);

/*
 * ERROR (ERRCODE_INDEX_CORRUPTED) where a metapage does not fit the index's column or itself;
 * `method_fits` is the verdict on the method's own part.
 */
extern void index_meta_check(Relation index, const IndexType *type, IndexMethod method,
							 const IndexMeta *meta, bool method_fits);

/*
 * The column's type as the metapage tells it, without a look at the catalog (so without collation);
 * after index_meta_check().
 */
extern void index_meta_type(const IndexMeta *meta, IndexType *type);

/*
 * The quantizer that made the codes in PAGE_ARRAY_CODES, after index_meta_check(): "none" also where
 * the method keeps its codes elsewhere.
 */
static inline const QuantizerRoutine *
index_meta_quantizer(const IndexMeta *meta)
{
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size == 0)
		return quantizer_routine(QUANTIZER_NONE);
	return quantizer_routine((QuantizerKind) meta->quantizer);
}

#endif
