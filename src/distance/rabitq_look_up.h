/*
 * rabitq_look_up.h
 *		Look-ups of blocks for instruction sets whose look-ups are within 16 bytes: one statement of
 *		the loops (Andre et al., section 3).
 *
 * A rabitq_*.c file defines the vocabulary below for its registers and includes this file.
 *
 *	SIMD_TARGET					attribute that lets a function use the instructions
 *	SIMD_GROUPS					groups of 16 bytes in a register, at most 4
 *	Bytes						a register
 *	bytes_load(p)  bytes_zero()
 *	bytes_low(v)  bytes_high(v)		the low and the high nibble of each byte
 *	bytes_look_up(table, v)		look-ups within each 16 bytes
 *	words_add(a, b)				sums of 16-bit words
 *	words_odd(v)				the high byte of each word, as a word
 *	words_subtract_odd(v, odd)	v - 256 * odd
 *	words_store(p, v)			8 words: the sums over the groups of a register
 *
 * Results are bytes; two sums of 16-bit words are kept for those of even and of odd bytes. The sum of
 * words as they come has the odd bytes' sum in its upper half, from where it is taken away at the end.
 * A chunk of groups is so small that no sum exceeds 16 bits.
 */
#ifndef VECTORSTORE_RABITQ_LOOK_UP_H
#define VECTORSTORE_RABITQ_LOOK_UP_H

/* Sums of one nibble's 16 lanes over a chunk of groups */
typedef struct LookUpSums
{
	Bytes all;
	Bytes odd;
} LookUpSums;

SIMD_INLINE LookUpSums
look_up_add(LookUpSums sums, Bytes table, Bytes nibbles)
{
	Bytes found = bytes_look_up(table, nibbles);

	sums.all = words_add(sums.all, found);
	sums.odd = words_add(sums.odd, words_odd(found));
	return sums;
}

/* totals[i] += words of 16 lanes, times 2^shift */
SIMD_INLINE void
look_up_take(LookUpSums sums, uint32_t shift, uint32_t *totals)
{
	uint16_t words[16];

	words_store(words, words_subtract_odd(sums.all, sums.odd));
	words_store(words + 8, sums.odd);
	for (uint32_t i = 0; i < 16; i++)
		totals[i] += (uint32_t) words[i] << shift;
}

SIMD_INLINE void
look_up_chunk(const uint8_t *tables, const uint8_t *codes, uint32_t groups, uint32_t shift,
			  uint32_t *totals)
{
	LookUpSums low = {bytes_zero(), bytes_zero()};
	LookUpSums high = low;

	for (uint32_t group = 0; group < groups; group += SIMD_GROUPS)
	{
		Bytes table = bytes_load(tables + (size_t) group * RABITQ_GROUP_BYTES);
		Bytes bytes = bytes_load(codes + (size_t) group * RABITQ_GROUP_BYTES);

		low = look_up_add(low, table, bytes_low(bytes));
		high = look_up_add(high, table, bytes_high(bytes));
	}
	look_up_take(low, shift, totals);
	look_up_take(high, shift, totals + 16);
}

SIMD_FUNCTION void
block_sums(const RabitqLookup *lookup, const RabitqBlock *block, int32_t *sums)
{
	const uint8_t *codes = block->codes;
	size_t table_bytes = (size_t) lookup->groups * RABITQ_GROUP_BYTES;
	uint32_t totals[RABITQ_BLOCK] = {0};

	for (uint32_t plane = 0; plane < lookup->planes; plane++)
	{
		uint32_t shift = lookup->planes - 1 - plane;

		for (uint32_t first = 0; first < lookup->groups; first += RABITQ_CHUNK_GROUPS)
		{
			uint32_t left = lookup->groups - first;
			uint32_t width = left < RABITQ_CHUNK_GROUPS ? left : RABITQ_CHUNK_GROUPS;
			size_t at = (size_t) first * RABITQ_GROUP_BYTES;

			look_up_chunk(lookup->tables + at, codes + at, width, shift, totals);
			if (lookup->wide)
				look_up_chunk(lookup->tables + table_bytes + at, codes + at, width, shift + 8,
							  totals);
		}
		codes += table_bytes;
	}
	for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
		sums[lane] = (int32_t) totals[lane];
}

SIMD_FUNCTION void
block_distances(const RabitqLookup *lookup, const RabitqBlock *block, float center_distance,
				float center_norm, float *distances, float *lower_bounds)
{
	int32_t sums[RABITQ_BLOCK];
	float estimates[RABITQ_BLOCK];

	block_sums(lookup, block, sums);
	for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
	{
		float value = lookup->scale * (float) sums[lane] + lookup->bias;
		float distance = center_distance + block->add[lane] + block->rescale[lane] * value;

		/* A comparison with NaN is false. */
		estimates[lane] = distance;
		distances[lane] = distance < INFINITY ? distance : INFINITY;
	}
	if (lower_bounds == NULL)
		return;
	for (uint32_t lane = 0; lane < RABITQ_BLOCK; lane++)
	{
		float lower = estimates[lane] - block->error[lane] * center_norm +
					  block->rescale[lane] * lookup->error;

		lower_bounds[lane] = lower > -INFINITY ? lower : -INFINITY;
	}
}

#endif /* VECTORSTORE_RABITQ_LOOK_UP_H */
