/*
 * rabitq_block.c
 *		Blocks of 32 codes: putting codes in, preparing a query's look-ups, distances.
 *
 * With u = v + (2^bits - 1) / 2 and bits of u in planes, <v, Pq> is the sum over planes and groups
 * of 4 dimensions of 2^plane times one of 16 sums of elements of Pq, less (2^bits - 1) / 2 times
 * the sum of all. A group's 16 sums are rounded to whole numbers of steps above the least of them;
 * one step serves all groups. Each look-up is then off by a twelfth of a step squared, which is
 * told in the error bound.
 *
 * 8 bits are enough for look-ups of codes of up to 4 bits: an error of 0.03 deviations of an
 * element of the query, against 3 of the code itself, with 128 dimensions and 1 bit (0.3 against
 * 2.7 with 4 bits). With 8 bits look-ups are of up to 16 bits, as many as 32-bit sums allow.
 */
#include <math.h>
#include <string.h>

#include "rabitq_coding.h"

#define TABLE_ALIGNMENT	 64
#define NARROW_LOOKUP	 255
#define WIDE_LOOKUP		 65535
#define WIDE_LOOKUP_BITS 8 /* of codes from which on look-ups are wide */

typedef struct RabitqBlockQuery
{
	RabitqLookup lookup;
	DistanceMetric metric;
	float square; /* |Pq|^2 */
} RabitqBlockQuery;

uint32_t
rabitq_block_size(uint32_t dimensions, uint32_t bits)
{
	uint32_t groups = rabitq_rotated_dimensions(dimensions) / RABITQ_GROUP;

	return (uint32_t) sizeof(RabitqBlock) + groups * bits * RABITQ_GROUP_BYTES;
}

/* The byte of a lane in each group, and how far its nibble is from the low end of it */
typedef struct LanePlace
{
	uint32_t byte;
	uint32_t shift;
} LanePlace;

static LanePlace
lane_place(uint32_t lane)
{
	LanePlace place = {
		.byte = 2 * (lane % 8) + lane / 8 % 2,
		.shift = lane % RABITQ_BLOCK < 16 ? 0 : 4,
	};

	return place;
}

static inline void
put_nibble(uint8_t *byte, uint32_t shift, uint32_t nibble)
{
	*byte = (uint8_t) ((*byte & ~(0x0fu << shift)) | nibble << shift);
}

void
rabitq_block_put(DistanceMetric metric, uint32_t dimensions, uint32_t bits,
				 const float *rotated_center, const float *rotated_vector, void *block,
				 uint32_t lane)
{
	RabitqBlock *to = (RabitqBlock *) block;
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	uint32_t groups = count / RABITQ_GROUP;
	LanePlace place = lane_place(lane);
	uint8_t elements[RABITQ_MAX_ROTATED];
	RabitqCoding coding;
	double factor = metric == DISTANCE_L2 ? 2.0 : 1.0;
	double add;

	if (count > RABITQ_MAX_ROTATED)
		return;
	rabitq_code(rotated_vector, rotated_center, count, bits, &coding, elements);
	add = metric == DISTANCE_L2 ? coding.square : -coding.center_dot;
	add += factor * coding.rescale * coding.code_dot;
	lane %= RABITQ_BLOCK;
	to->add[lane] = rabitq_finite_float(add);
	to->rescale[lane] = rabitq_finite_float(-factor * coding.rescale);
	to->error[lane] = rabitq_finite_float(factor * coding.error);
	to->center_square = rabitq_finite_float(coding.center_square);

	for (uint32_t plane = 0; plane < bits; plane++)
	{
		uint32_t bit = bits - 1 - plane;
		uint8_t *byte = to->codes + place.byte + (size_t) plane * groups * RABITQ_GROUP_BYTES;

		for (uint32_t group = 0; group < groups; group++)
		{
			const uint8_t *of_group = elements + (size_t) group * RABITQ_GROUP;
			uint32_t four = (uint32_t) of_group[0] | (uint32_t) of_group[1] << 8 |
							(uint32_t) of_group[2] << 16 | (uint32_t) of_group[3] << 24;

			/* The product has the four bits side by side, and no carry. */
			four = four >> bit & 0x01010101u;
			put_nibble(byte, place.shift, four * 0x01020408u >> 24 & 0x0fu);
			byte += RABITQ_GROUP_BYTES;
		}
	}
}

void
rabitq_block_move(uint32_t dimensions, uint32_t bits, const void *from, uint32_t from_lane,
				  void *to, uint32_t to_lane)
{
	const RabitqBlock *source = (const RabitqBlock *) from;
	RabitqBlock *target = (RabitqBlock *) to;
	size_t bytes = rabitq_block_size(dimensions, bits) - sizeof(RabitqBlock);
	LanePlace source_place = lane_place(from_lane);
	LanePlace target_place = lane_place(to_lane);

	from_lane %= RABITQ_BLOCK;
	to_lane %= RABITQ_BLOCK;
	target->add[to_lane] = source->add[from_lane];
	target->rescale[to_lane] = source->rescale[from_lane];
	target->error[to_lane] = source->error[from_lane];
	target->center_square = source->center_square;
	for (size_t at = 0; at < bytes; at += RABITQ_GROUP_BYTES)
		put_nibble(target->codes + at + target_place.byte, target_place.shift,
				   source->codes[at + source_place.byte] >> source_place.shift & 0x0fu);
}

size_t
rabitq_block_query_size(uint32_t dimensions)
{
	uint32_t groups = rabitq_rotated_dimensions(dimensions) / RABITQ_GROUP;

	return sizeof(RabitqBlockQuery) + TABLE_ALIGNMENT + (size_t) groups * RABITQ_GROUP_BYTES * 2;
}

void
rabitq_block_prepare(DistanceMetric metric, uint32_t dimensions, uint32_t bits,
					 const float *rotated_query, void *query)
{
	RabitqBlockQuery *prepared = (RabitqBlockQuery *) query;
	RabitqLookup *lookup = &prepared->lookup;
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	uint32_t top_code = (1u << bits) - 1;
	uint32_t top_lookup;
	uintptr_t tables = (uintptr_t) (prepared + 1);
	double squares[RABITQ_GROUP] = {0};
	double magnitudes[RABITQ_GROUP] = {0};
	double square;
	double magnitude;
	float range = 0.0f;
	double step;

	memset(query, 0, rabitq_block_query_size(dimensions));
	tables = (tables + TABLE_ALIGNMENT - 1) / TABLE_ALIGNMENT * TABLE_ALIGNMENT;
	lookup->tables = (const uint8_t *) tables;
	lookup->groups = count / RABITQ_GROUP;
	lookup->planes = bits;
	lookup->wide = bits >= WIDE_LOOKUP_BITS;
	prepared->metric = metric;

	for (uint32_t i = 0; i < count; i += RABITQ_GROUP)
	{
		float group_range = 0.0f;

		/* Sums of a group's elements, each in a lane of its own: they don't wait for one another. */
		for (uint32_t lane = 0; lane < RABITQ_GROUP; lane++)
		{
			double element = rotated_query[i + lane];

			squares[lane] += element * element;
			magnitudes[lane] += fabs(element);
			group_range += fabsf(rotated_query[i + lane]);
		}
		range = group_range > range ? group_range : range;
	}
	square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
	magnitude = (magnitudes[0] + magnitudes[1]) + (magnitudes[2] + magnitudes[3]);
	prepared->square = rabitq_finite_float(square);
	/* The least of all sums, (sum - magnitude) / 2, less half the sum */
	lookup->bias = rabitq_finite_float(top_code * -0.5 * magnitude);

	/* The largest look-up with which no sum exceeds 31 bits */
	top_lookup = INT32_MAX / (top_code * lookup->groups);
	if (top_lookup > (lookup->wide ? WIDE_LOOKUP : NARROW_LOOKUP))
		top_lookup = lookup->wide ? WIDE_LOOKUP : NARROW_LOOKUP;
	step = (double) range / top_lookup;
	/* A query of zeros, or one that is not finite: no look-up tells anything. */
	if (!(step > 1e-37 && step < 1e37))
	{
		lookup->error = rabitq_finite_float(top_code * sqrt(count * square));
		return;
	}
	lookup->scale = (float) step;
	lookup->error = (float) (RABITQ_ERROR_WIDTH * step *
							 sqrt(lookup->groups / 12.0 * (pow(4.0, bits) - 1.0) / 3.0));
	rabitq_kernels->fill_look_ups(
		rotated_query, lookup->groups, (float) (1.0 / step), top_lookup, (uint8_t *) tables,
		lookup->wide ? (uint8_t *) tables + (size_t) lookup->groups * RABITQ_GROUP_BYTES : NULL);
}

void
rabitq_blocks_distances(const void *query, const void *const *blocks, uint32_t count,
						float center_distance, float *distances, float *lower_bounds)
{
	const RabitqBlockQuery *prepared = (const RabitqBlockQuery *) query;

	for (uint32_t i = 0; i < count; i++)
	{
		const RabitqBlock *block = (const RabitqBlock *) blocks[i];
		float center_square = center_distance;

		if (prepared->metric != DISTANCE_L2)
			center_square = prepared->square + block->center_square + 2.0f * center_distance;
		rabitq_kernels->block_distances(
			&prepared->lookup, block, center_distance,
			sqrtf(center_square > 0.0f ? center_square : 0.0f),
			distances + (size_t) i * RABITQ_BLOCK,
			lower_bounds == NULL ? NULL : lower_bounds + (size_t) i * RABITQ_BLOCK);
	}
}

void
rabitq_block_distances(const void *query, const void *block, float center_distance,
					   float *distances, float *lower_bounds)
{
	rabitq_blocks_distances(query, &block, 1, center_distance, distances, lower_bounds);
}
