/*
 * index/row_sample.c
 *		Block sampling for index builds, as ANALYZE does it (Knuth's algorithm S on
 *		blocks, reservoir on rows).
 *
 * Two looks: some blocks tell how many vectors a block holds, that and the
 * number of blocks gives the estimate and the number of blocks to sample.  Blocks
 * are drawn in short stretches.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "index/row_sample.h"

/* Consecutive blocks that are looked at together: each look begins a scan of the table */
#define STRETCH_BLOCKS 16
/* Stretches of the first look */
#define PROBE_STRETCHES 8
#define SEED			UINT64CONST(0x726F772073616D70)

typedef struct SampleState
{
	const IndexType *type;
	RowSample *sample;
	uint32 capacity;
	uint64 seen; /* rows with a vector */
	void *vector;
	pg_prng_state random;
} SampleState;

static void
take_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *callback_state)
{
	SampleState *state = callback_state;
	uint64 at;

	if (isnull[0] || !index_type_form_vector(state->type, values[0], state->vector))
		return;

	/* Reservoir sampling (Vitter's algorithm R) */
	at = state->seen++;
	if (state->capacity == 0)
		return;
	if (at >= state->capacity)
	{
		at = pg_prng_uint64_range(&state->random, 0, at);
		if (at >= state->capacity)
			return;
	}
	else
		state->sample->count++;
	index_type_to_floats(state->type, state->vector,
						 state->sample->vectors + at * state->type->dimensions);
}

/* Show the rows of `count` stretches of blocks to take_row(); returns the blocks looked at. */
static BlockNumber
sample_stretches(Relation heap, Relation index, IndexInfo *index_info, BlockNumber blocks,
				 double count, SampleState *state)
{
	BlockNumber stretches = blocks / STRETCH_BLOCKS + (blocks % STRETCH_BLOCKS != 0);
	BlockSamplerData sampler;
	BlockNumber done = 0;

	state->seen = 0;
	state->sample->count = 0;
	BlockSampler_Init(&sampler, stretches, (int) Min(count, (double) INT_MAX),
					  (uint32) pg_prng_uint64(&state->random));
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber first = BlockSampler_Next(&sampler) * STRETCH_BLOCKS;
		BlockNumber length = Min(blocks - first, STRETCH_BLOCKS);

		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(heap, index, index_info, false, false, false, first, length,
									 take_row, state, NULL);
		done += length;
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
	if (type->vector_type->to_floats == NULL)
		state.capacity = 0;
	state.vector = palloc(type->vector_size);
	sample->count = 0;
	sample->row_estimate = 0;
	sample->vectors = MemoryContextAllocHuge(CurrentMemoryContext, Max(state.capacity, 1) * size);

	if (blocks > 0)
	{
		looked_at = sample_stretches(heap, index, index_info, blocks, PROBE_STRETCHES, &state);
		density = (double) state.seen / looked_at;
		if (looked_at < blocks && sample->count < state.capacity)
		{
			/* A little more than needed; where rows are very few, not the whole heap */
			double needed = state.capacity * 1.1 / Max(density, 1.0);

			looked_at = sample_stretches(heap, index, index_info, blocks,
										 ceil(needed / STRETCH_BLOCKS), &state);
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
