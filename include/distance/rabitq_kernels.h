/*
 * rabitq_kernels.h
 *		The inner loops of RaBitQ codes (quantizer/rabitq.h): look-ups of blocks of 32 of them,
 *		products of single ones with a query, and the fast Hadamard transform.
 *
 * One set of kernels per instruction set, in the manner of distance.h; rabitq_scalar.c is the
 * specification that the tests compare the others with.
 *
 * A block holds for each bit plane, the most significant first, and each group of 4 dimensions 16
 * bytes: a nibble for each of 32 codes, whose bit i is the plane's bit of dimension i of the group.
 * Lane l is in byte 2 * (l % 8) + l / 8 % 2, the low nibble for l < 16: so the sums of even and odd
 * bytes are those of consecutive lanes. A nibble is an index into the group's 16 look-ups, which
 * are sums of the query's elements; with 16-bit look-ups their low and high bytes are two tables.
 *
 * Integer sums are exact, and the same in all sets. Contract of every kernel: that of distance.h.
 */
#ifndef VECTORSTORE_RABITQ_KERNELS_H
#define VECTORSTORE_RABITQ_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RABITQ_BLOCK	   32 /* codes in a block */
#define RABITQ_GROUP	   4  /* dimensions of a look-up */
#define RABITQ_GROUP_BYTES 16 /* of 32 nibbles, and of 16 look-ups in bytes */
/* Rotated vectors have a multiple of so many dimensions, and blocks a multiple of 4 groups. */
#define RABITQ_ROTATED_PADDING 16

/* 32 codes with a common center. */
typedef struct RabitqBlock
{
	float add[RABITQ_BLOCK];
	float rescale[RABITQ_BLOCK]; /* not above 0 */
	float error[RABITQ_BLOCK];
	float center_square; /* squared length of the center */
	uint32_t unused[3];	 /* zeros */
	uint8_t codes[];
} RabitqBlock;

/*
 * A code by itself, relative to a center c that all of an index have; aligned to 4 bytes. Bits of 1
 * bit codes are in the order of dimensions, from the lowest bit of the first byte on. Elements of
 * more bits are in pieces of RABITQ_PIECE bytes, of which the last may be shorter: with w bytes in
 * the piece, byte j has the elements j, j + w, j + 2 w, ... from the lowest bits on. 8-bit codes are
 * the same in memory as Sq8Code and are measured by its kernel.
 */
typedef struct RabitqCode
{
	float square;	  /* |r|^2 */
	float rescale;	  /* |r|^2 / <v, r> */
	float error;	  /* bound of the error of <r, q - c>, divided by |q - c| */
	float center_dot; /* <r, c> */
	uint8_t values[];
} RabitqCode;

#define RABITQ_PIECE 64

/* Where an element is in a code's values */
typedef struct RabitqPlace
{
	uint32_t byte;
	uint32_t shift;
} RabitqPlace;

static inline RabitqPlace
rabitq_place(uint32_t bits, uint32_t dimensions, uint32_t i)
{
	uint32_t in_byte = 8 / bits;
	uint32_t first = i / (RABITQ_PIECE * in_byte) * RABITQ_PIECE; /* byte of the piece */
	uint32_t left = dimensions / in_byte - first;
	uint32_t width = left < RABITQ_PIECE ? left : RABITQ_PIECE;
	RabitqPlace place = {.byte = i / 8, .shift = i % 8};

	if (bits > 1)
	{
		i -= first * in_byte;
		place.byte = first + i % width;
		place.shift = i / width * bits;
	}
	return place;
}

/* A query of bytes has zeros behind its end, so many of them. */
#define RABITQ_QUERY_PADDING 64

/*
 * dots[i] = sum over j of query[j] * element j of codes[i]; exact, below 2^31 up to 65536
 * dimensions. `dimensions` is a multiple of 16. Prefetches as DistanceBatch does.
 */
typedef void (*RabitqDotBatch)(const int8_t *query, const void *const *codes, uint32_t count,
							   uint32_t dimensions, int32_t *dots);

/* What a query's look-ups are, and what becomes of their sums. */
typedef struct RabitqLookup
{
	/* groups * 16 bytes; with `wide` as many high bytes behind them. Aligned to 64. */
	const uint8_t *tables;
	uint32_t groups; /* a multiple of 4 */
	uint32_t planes;
	bool wide;
	/* <v, Pq> = scale * sum of look-ups + bias, give or take `error` */
	float scale;
	float bias;
	float error;
} RabitqLookup;

/* Sums over a residual r = vector - center; those with the center are 0 where it is NULL. */
typedef struct RabitqMoments
{
	double square;		  /* |r|^2 */
	double magnitude;	  /* sum of |r[i]| */
	double center_square; /* |center|^2 */
	double center_dot;	  /* <r, center> */
} RabitqMoments;

/* Factors tried in one pass */
#define RABITQ_TRIALS 4

typedef struct RabitqKernels
{
	const char *name; /* "scalar", "avx2", "avx512", "neon" */

	/* sums[l] = sum over planes and groups of 2^plane * look-up; below 2^31. For the tests. */
	void (*block_sums)(const RabitqLookup *lookup, const RabitqBlock *block, int32_t *sums);

	/*
	 * With value = scale * sum + bias:
	 * distances[l] = center_distance + add[l] + rescale[l] * value
	 * lower_bounds[l] = distances[l] - error[l] * center_norm + rescale[l] * lookup->error
	 * infinity and -infinity in place of NaN. center_norm is |q - c|. lower_bounds may be NULL.
	 */
	void (*block_distances)(const RabitqLookup *lookup, const RabitqBlock *block,
							float center_distance, float center_norm, float *distances,
							float *lower_bounds);

	/* Products with codes of 1, 2 and 4 bits. */
	RabitqDotBatch dots_1;
	RabitqDotBatch dots_2;
	RabitqDotBatch dots_4;

	/*
	 * Encoding (quantizer/rabitq_coding.h), the same bits in all sets: sums are in double, in
	 * RABITQ_LANES partial sums. `count` is a multiple of 16, a center may be NULL. An element's
	 * level is |r[i]| * factor, rounded down, at most top_level; it stands for v[i] = that plus a
	 * half, with the sign of r[i].
	 */
	void (*code_moments)(const float *vector, const float *center, uint32_t count,
						 RabitqMoments *moments);

	/* <|v|, |r|> and |v|^2 for each of RABITQ_TRIALS factors. */
	void (*code_trials)(const float *vector, const float *center, uint32_t count,
						const float *factors, float top_level, double *dots, double *squares);

	/* Elements of u: v less a half, plus top_level + 1. Returns <v, center>, 0 without a center. */
	double (*code_elements)(const float *vector, const float *center, uint32_t count, float factor,
							float top_level, uint8_t *elements);

	/*
	 * The 16 look-ups of each group of a query: sums of its elements, less the smallest of them, in
	 * steps, at most top_look_up; their high bytes to high_tables unless that is NULL.
	 */
	void (*fill_look_ups)(const float *query, uint32_t groups, float steps_per_unit,
						  uint32_t top_look_up, uint8_t *tables, uint8_t *high_tables);

	/*
	 * The Hadamard transform of n floats in place, without a factor; n is a power of two of at
	 * least 16. The same bits in all sets: every sum is of two.
	 */
	void (*hadamard)(float *values, uint32_t n);

	/* values[i] *= factor, or -factor where bit i of signs is set; count is 16, 32, 48 or 64. */
	void (*scale_with_signs)(float *values, uint32_t count, uint64_t signs, float factor);
} RabitqKernels;

/*
 * The kernels to use: the scalar ones until rabitq_kernels_choose() was called, then the best set
 * that the processor and the operating system support. Constant from then on.
 */
extern const RabitqKernels *rabitq_kernels;

extern void rabitq_kernels_choose(void); /* from distance_kernels_choose() */

/* All sets that this machine can run, the scalar one first and the chosen one last. */
extern const RabitqKernels *const *rabitq_kernels_available(uint32_t *count);

#endif /* VECTORSTORE_RABITQ_KERNELS_H */
