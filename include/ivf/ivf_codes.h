/*
 * ivf/ivf_codes.h
 *		Lists whose codes stand in blocks of 32 (quantizer = rabitq): quantizer/rabitq.h.
 *
 * A slot of PAGE_ARRAY_CODES is the block of IVF_BLOCK consecutive ordinals: slot o /
 * IVF_BLOCK, lane o % IVF_BLOCK.  Extents begin and end at multiples of IVF_BLOCK, so all
 * lanes of a block belong to one list, and its center is the list's centroid.
 *
 * A block is changed one lane at a time, while others read it.  The lane of a row that
 * anybody's snapshot sees does not change, and a change of one lane leaves every bit of
 * the others as it is, on every page that the block lies on: so a block may also lie on
 * several pages, each changed by a record of its own.  A lane that is half written
 * belongs to an entry that is not LIVE yet.
 */
#ifndef IVF_IVF_CODES_H
#define IVF_IVF_CODES_H

#include "ivf/ivf.h"
#include "quantizer/rabitq.h"
#include "storage/vector_store.h"

StaticAssertDecl(IVF_BLOCK == RABITQ_BLOCK, "a block of codes is a block of ordinals");

/* Blocks whose bounds are taken at a time, at most */
#define IVF_BLOCK_BATCH 64

static inline bool
ivf_has_blocks(const IndexMeta *meta)
{
	return quantizer_is_rabitq((QuantizerKind) meta->quantizer);
}

/* Geometry of the array of an index that will be built; after index_meta_init(). */
extern void ivf_codes_init(IndexMeta *meta);

/* Whether the array is one of blocks that these functions can read. */
extern bool ivf_codes_fit(const IndexMeta *meta);

/* Makes codes, list by list */
typedef struct IvfEncoder
{
	DistanceMetric metric;
	uint32 dimensions;
	uint32 bits;
	uint32 block_size;
	float *center; /* rotated, of the current list */
	float *vector; /* scratch: rotated */
	char *block;   /* scratch */
	char *mask;	   /* scratch */
	char *ones;	   /* a block of ones */
} IvfEncoder;

/* Memory in the current context */
extern void ivf_encoder_init(IvfEncoder *encoder, const IndexMeta *meta);
extern void ivf_encoder_set_list(IvfEncoder *encoder, const float *centroid);

/* Put a vector's code into a block of the current list.  No allocation, no error. */
extern void ivf_encoder_put(IvfEncoder *encoder, const float *vector, void *block, uint32 ordinal);

/* Write the code of an ordinal that no reader looks for yet: a WAL record a page. */
extern void ivf_encoder_write(IvfEncoder *encoder, Relation index, const IndexMeta *meta,
							  uint32 ordinal, const float *vector);

/* Whether a block of the current list has this vector's code in the ordinal's lane. */
extern bool
ivf_encoder_verify(IvfEncoder *encoder, const float *vector, const void *block, uint32 ordinal);

/* A query prepared for blocks of all lists */
typedef struct IvfBlockQuery
{
	void *prepared;
	uint32 batch; /* blocks to be measured at a time, at most IVF_BLOCK_BATCH */
} IvfBlockQuery;

/* Memory in the current context; `vector` in float32 */
extern void ivf_block_query_begin(IvfBlockQuery *query, const IndexMeta *meta, const float *vector);

/*
 * Lower bounds of the distances to all lanes of `count` (at most query->batch) consecutive blocks
 * of a list, from the exact distance to its centroid.
 */
extern void
ivf_block_query_measure(const IvfBlockQuery *query, StorageReader *reader, uint32 first_block,
						uint32 count, float center_distance, float *lower_bounds);

#endif
