/*
 * index/row_sample.c
 *		Block sampling for index builds, as ANALYZE does it (Knuth's algorithm S on
 *		blocks, reservoir on rows).
 *
 * Two looks: some blocks tell how many vectors a block holds, that and the
 * number of blocks gives the estimate and the number of blocks to sample.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "index/row_sample.h"

/* Blocks of the first look */
#define PROBE_BLOCKS 64
#define SEED		 UINT64CONST(0x726F772073616D70)

typedef struct SampleState
{
	const IndexType *type;
	RowSample *sample;
	uint32 capacity;
	uint64 seen; /* rows with a vector */
	float *vector;
	pg_prng_state random;
} SampleState;

static void
take_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	SampleState *state = callback_state;
	Size size = state->type->dimensions * sizeof(float);
	uint64 at;

	if (isnull[0] || !index_type_form_vector(state->type, values[0], state->vector))
		return;

	/* Reservoir sampling (Vitter's algorithm R) */
	at = state->seen++;
	if (at >= state->capacity)
	{
		at = pg_prng_uint64_range(&state->random, 0, at);
		if (at >= state->capacity)
			return;
	}
	else
		state->sample->count++;
	memcpy((char *) state->sample->vectors + at * size, state->vector, size);
}

/* Show the rows of `count` blocks to take_row(); returns the blocks looked at. */
static BlockNumber
sample_blocks(Relation heap, Relation index, IndexInfo *index_info, BlockNumber blocks,
			  BlockNumber count, SampleState *state)
{
	BlockSamplerData sampler;
	BlockNumber done = 0;

	state->seen = 0;
	state->sample->count = 0;
	BlockSampler_Init(&sampler, blocks, (int) Min(count, (BlockNumber) INT_MAX),
					  (uint32) pg_prng_uint64(&state->random));
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber block = BlockSampler_Next(&sampler);

		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(heap, index, index_info, false, false, false, block, 1,
									 take_row, state, NULL);
		done++;
	}
	return done;
}

void
row_sample_take(Relation heap, Relation index, IndexInfo *index_info, const IndexType *type,
				uint32 wanted, Size memory, RowSample *sample)
{
	Size size = type->dimensions * sizeof(float);
	BlockNumber blocks = RelationGetNumberOfBlocks(heap);
	BlockNumber looked_at;
	SampleState state = {.type = type, .sample = sample};
	double density;

	pg_prng_seed(&state.random, SEED);
	state.capacity = (uint32) Max(Min((Size) wanted, memory / size), 1);
	state.vector = palloc(size);
	sample->count = 0;
	sample->row_estimate = 0;
	sample->vectors = MemoryContextAllocHuge(CurrentMemoryContext, state.capacity * size);

	if (blocks > 0)
	{
		looked_at = sample_blocks(heap, index, index_info, blocks, PROBE_BLOCKS, &state);
		density = (double) state.seen / looked_at;
		if (looked_at < blocks && sample->count < state.capacity)
		{
			/* A little more than needed; where rows are very few, not the whole heap */
			double needed = state.capacity * 1.1 / Max(density, 1.0);

			looked_at = sample_blocks(heap, index, index_info, blocks,
									  (BlockNumber) Min(needed, (double) blocks), &state);
			density = (double) state.seen / looked_at;
		}
		sample->row_estimate = density * blocks;
	}
	pfree(state.vector);
}

void
row_sample_free(RowSample *sample)
{
	pfree(sample->vectors);
	sample->count = 0;
}
