/*
 * index/row_sample.c
 *		Block sampling for index builds, as ANALYZE does it (Knuth's algorithm S on
 *		blocks), and among the rows of those blocks.
 *
 * Two looks: some blocks tell how many vectors a block holds, that and the
 * number of blocks gives the estimate and the number of blocks to sample.  Blocks
 * are drawn in short stretches.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "index/row_sample.h"

/* Consecutive blocks that are looked at together: each look begins a scan of the table */
#define STRETCH_BLOCKS 4
/* Stretches of the first look */
#define PROBE_STRETCHES 8
#define SEED			UINT64CONST(0x726F772073616D70)

/*
 * The place of the next row in the sample; `capacity` where it is not taken.
 *
 * Of as many rows as were expected each is taken with equal probability, in their order (Knuth's
 * algorithm S, which never changes what was written); rows beyond that replace others (Vitter's
 * algorithm R).
 */
static uint64
choose_place(RowSample *sample)
{
	uint64 at = sample->seen++;
	uint64 free = sample->capacity - sample->count;

	if (at >= sample->expected && free == 0)
		return pg_prng_uint64_range(&sample->random, 0, at);
	if (at < sample->expected && free < sample->expected - at &&
		pg_prng_uint64_range(&sample->random, 0, sample->expected - at - 1) >= free)
		return sample->capacity;
	return sample->count++;
}

static void
take_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	RowSample *sample = callback_state;
	const IndexType *type = sample->type;
	Size size = type->dimensions * sizeof(float);
	uint64 place;

	if (isnull[0] || !index_type_form_vector(type, values[0], sample->vector))
		return;
	place = choose_place(sample);
	if (place < sample->capacity)
		build_memory_write(sample->memory, place * size,
						   index_type_as_floats(type, sample->vector, sample->floats), size);
}

/* Show the rows of `count` stretches of blocks to take_row(), and estimate from what they hold. */
static void
look_at_stretches(RowSample *sample, double count)
{
	BlockNumber blocks = sample->blocks;
	BlockNumber stretches = blocks / STRETCH_BLOCKS + (blocks % STRETCH_BLOCKS != 0);
	BlockSamplerData sampler;
	BlockNumber done = 0;

	sample->seen = 0;
	sample->count = 0;
	if (blocks == 0)
		return;

	BlockSampler_Init(&sampler, stretches, (int) Min(count, (double) INT_MAX),
					  (uint32) pg_prng_uint64(&sample->random));
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber first = BlockSampler_Next(&sampler) * STRETCH_BLOCKS;
		BlockNumber length = Min(blocks - first, STRETCH_BLOCKS);

		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(sample->heap, sample->index, sample->index_info, false, false,
									 false, first, length, take_row, sample, NULL);
		done += length;
	}
	sample->rows_per_block = (double) sample->seen / done;
	sample->row_estimate = sample->rows_per_block * blocks;
}

void
row_sample_begin(RowSample *sample, Relation heap, Relation index, IndexInfo *index_info,
				 const IndexType *type)
{
	memset(sample, 0, sizeof(RowSample));
	sample->heap = heap;
	sample->index = index;
	sample->index_info = index_info;
	sample->type = type;
	sample->blocks = RelationGetNumberOfBlocks(heap);
	sample->vector = palloc(type->vector_size);
	pg_prng_seed(&sample->random, SEED);
	look_at_stretches(sample, PROBE_STRETCHES);
}

void
row_sample_take(RowSample *sample, uint32 capacity, BuildMemory *memory)
{
	/* A little more than needed; where rows are very few, not the whole heap */
	double needed = capacity * 1.1 / Max(sample->rows_per_block, 1.0);
	double stretches = Max(ceil(needed / STRETCH_BLOCKS), PROBE_STRETCHES);
	double blocks = Min(stretches * STRETCH_BLOCKS, (double) sample->blocks);

	Assert(sample->type->vector_type->to_floats != NULL);
	sample->capacity = capacity;
	sample->expected = (uint64) (sample->rows_per_block * blocks);
	sample->memory = memory;
	sample->floats = palloc0(sample->type->dimensions * sizeof(float));
	look_at_stretches(sample, stretches);
	if (sample->count == 0)
		build_memory_write(memory, 0, sample->floats, sample->type->dimensions * sizeof(float));
	build_memory_end_writing(memory);
	sample->vectors = (const void *) memory->address;
	pfree(sample->floats);
}
