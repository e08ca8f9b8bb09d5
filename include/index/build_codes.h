/*
 * index/build_codes.h
 *		Codes of the vectors that a build has written: the quantizer trained,
 *		PAGE_ARRAY_PARAMETERS and PAGE_ARRAY_CODES written.
 */
#ifndef INDEX_BUILD_CODES_H
#define INDEX_BUILD_CODES_H

#include "index/build_memory.h"
#include "index/built_array.h"
#include "index/bulk_write.h"
#include "index/index_type.h"
#include "quantizer/quantizer.h"

/*
 * Encode the first `count` vectors of the array, in its order, as far as meta says that the index has
 * codes.  The vectors are in the file (bulk_write_flush), and so are the codes on return.  Returns
 * the quantizer's trained parameters, in the current context, or NULL if it has none.  Reports
 * PROGRESS_CREATEIDX_TUPLES_DONE.
 */
extern void *build_codes_write(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
							   const BuiltArray *vectors, uint32 count);

/*
 * For an index without dense codes: codes of all vectors for the build alone, written to `memory`
 * (within `limit` bytes, or in a file), slot after slot.  Those of a quantizer that needs no training.
 */
extern void build_codes_keep(const IndexType *type, const QuantizerRoutine *quantizer,
							 const BuiltArray *vectors, uint32 count, BuildMemory *memory,
							 Size limit, bool parallel);

#endif
