/*
 * ivf/ivf_codes.c
 *		Blocks of codes: their place on pages, making them, measuring them.
 */
#include "postgres.h"
#include "compat.h"

#include "quantizer/quantizer.h"
#include "ivf/ivf_codes.h"

/* Blocks that cross page ends are copied before they are measured; so many bytes at a time, that
 * the copies stay in the first cache. */
#define COPIED_BYTES 16384

/* Blocks stand whole on pages unless that costs more than this share of what rows take in all */
#define WHOLE_COST_SHARE 16

static uint32
code_bits(const IndexMeta *meta)
{
	return quantizer_routine((QuantizerKind) meta->quantizer)->bits;
}

void
ivf_codes_init(IndexMeta *meta)
{
	uint32 size = rabitq_block_size(meta->dimensions, code_bits(meta));
	uint32 per_page = STORAGE_PAYLOAD_SIZE / size;
	uint32 row_size = meta->arrays[PAGE_ARRAY_VECTORS].slot_size + size / IVF_BLOCK;
	uint32 lost = 0; /* for each row */

	if (per_page > 0)
		lost = (STORAGE_PAYLOAD_SIZE - per_page * size) / (per_page * IVF_BLOCK);
	meta->ordinals_per_code = IVF_BLOCK;
	memset(&meta->arrays[PAGE_ARRAY_PARAMETERS], 0, sizeof(PageArrayMeta));
	page_array_init(&meta->arrays[PAGE_ARRAY_CODES], size,
					per_page > 0 && lost < row_size / WHOLE_COST_SHARE);
}

bool
ivf_codes_fit(const IndexMeta *meta)
{
	const PageArrayMeta *codes = &meta->arrays[PAGE_ARRAY_CODES];

	return meta->ordinals_per_code == IVF_BLOCK &&
		   codes->slot_size == rabitq_block_size(meta->dimensions, code_bits(meta)) &&
		   (meta->metric == DISTANCE_L2 || meta->metric == DISTANCE_INNER_PRODUCT ||
			meta->metric == DISTANCE_COSINE);
}

void
ivf_encoder_init(IvfEncoder *encoder, const IndexMeta *meta)
{
	Size rotated = rabitq_rotated_dimensions(meta->dimensions) * sizeof(float);

	encoder->metric = (DistanceMetric) meta->metric;
	encoder->dimensions = meta->dimensions;
	encoder->bits = code_bits(meta);
	encoder->block_size = meta->arrays[PAGE_ARRAY_CODES].slot_size;
	encoder->center = palloc0(rotated);
	encoder->vector = palloc0(rotated);
	encoder->block = palloc(encoder->block_size);
	encoder->mask = palloc(encoder->block_size);
	encoder->ones = palloc(encoder->block_size);
	memset(encoder->ones, 0xFF, encoder->block_size);
}

void
ivf_encoder_set_list(IvfEncoder *encoder, const float *centroid)
{
	rabitq_rotate(encoder->dimensions, centroid, encoder->center);
}

void
ivf_encoder_put(IvfEncoder *encoder, const float *vector, void *block, uint32 ordinal)
{
	rabitq_rotate(encoder->dimensions, vector, encoder->vector);
	rabitq_block_put(encoder->metric, encoder->dimensions, encoder->bits, encoder->center,
					 encoder->vector, block, ordinal % IVF_BLOCK);
}

void
ivf_encoder_write(IvfEncoder *encoder, Relation index, const IndexMeta *meta, uint32 ordinal,
				  const float *vector)
{
	uint32 lane = ordinal % IVF_BLOCK;

	memset(encoder->block, 0, encoder->block_size);
	ivf_encoder_put(encoder, vector, encoder->block, lane);

	/* The bits of one lane, and of what all lanes have in common: the center's length */
	memset(encoder->mask, 0, encoder->block_size);
	rabitq_block_move(encoder->dimensions, encoder->bits, encoder->ones, lane, encoder->mask, lane);
	page_array_merge_slot(index, meta, PAGE_ARRAY_CODES, ordinal / IVF_BLOCK, encoder->block,
						  encoder->mask);
}

bool
ivf_encoder_verify(IvfEncoder *encoder, const float *vector, const void *block, uint32 ordinal)
{
	uint32 lane = ordinal % IVF_BLOCK;

	memset(encoder->block, 0, encoder->block_size);
	ivf_encoder_put(encoder, vector, encoder->block, lane);
	memset(encoder->mask, 0, encoder->block_size);
	rabitq_block_move(encoder->dimensions, encoder->bits, block, lane, encoder->mask, lane);
	return memcmp(encoder->block, encoder->mask, encoder->block_size) == 0;
}

void
ivf_block_query_begin(IvfBlockQuery *query, const IndexMeta *meta, const float *vector)
{
	const PageArrayMeta *codes = &meta->arrays[PAGE_ARRAY_CODES];
	float *rotated = palloc(rabitq_rotated_dimensions(meta->dimensions) * sizeof(float));

	query->prepared = palloc(rabitq_block_query_size(meta->dimensions));
	rabitq_rotate(meta->dimensions, vector, rotated);
	rabitq_block_prepare((DistanceMetric) meta->metric, meta->dimensions, code_bits(meta), rotated,
						 query->prepared);
	pfree(rotated);
	query->batch = IVF_BLOCK_BATCH;
	if (codes->slots_per_page == 0)
		query->batch = Max(Min(COPIED_BYTES / codes->slot_size, IVF_BLOCK_BATCH), 1);
}

/*
 * Rows are given out in order by these bounds, so they must hold in practice: they are wider than
 * those of rabitq.h, which 97 % of the codes keep, by this factor (4.75 deviations).
 */
#define BOUND_WIDTHS 2.5f

/* Bounds of a batch, in a section that may be left */
typedef struct BoundSection
{
	const void *prepared;
	const void **slots;
	uint32 count;
	float center_distance;
	uint32 block_size;
	float *lower_bounds;
} BoundSection;

/* Blocks that are asked for ahead: the processor does so by itself within a 4 kB page alone. */
#define BLOCKS_AHEAD 4

static inline void
touch_block(const char *block, uint32 size)
{
	for (uint32 at = 0; at < size; at += PG_CACHE_LINE_SIZE / 2)
		__builtin_prefetch(block + at);
}

static void
compute_bounds(void *argument)
{
	const BoundSection *section = argument;
	float estimates[IVF_BLOCK];

	for (uint32 i = 0; i < BLOCKS_AHEAD && i < section->count; i++)
		touch_block(section->slots[i], section->block_size);
	for (uint32 i = 0; i < section->count; i++)
	{
		float *bounds = section->lower_bounds + (Size) i * IVF_BLOCK;

		if (i + BLOCKS_AHEAD < section->count)
			touch_block(section->slots[i + BLOCKS_AHEAD], section->block_size);
		rabitq_block_distances(section->prepared, section->slots[i], section->center_distance,
							   estimates, bounds);
		for (uint32 lane = 0; lane < IVF_BLOCK; lane++)
			bounds[lane] -= (BOUND_WIDTHS - 1) * (estimates[lane] - bounds[lane]);
	}
}

void
ivf_block_query_measure(const IvfBlockQuery *query, StorageReader *reader, uint32 first_block,
						uint32 count, float center_distance, float *lower_bounds)
{
	const void *slots[STORAGE_MAX_BATCH];
	BoundSection section = {.prepared = query->prepared,
							.slots = slots,
							.count = count,
							.center_distance = center_distance,
							.block_size = reader->meta->arrays[PAGE_ARRAY_CODES].slot_size,
							.lower_bounds = lower_bounds};

	Assert(count <= query->batch);
	storage_read_run(reader, PAGE_ARRAY_CODES, first_block, count, slots, compute_bounds, &section);
}
