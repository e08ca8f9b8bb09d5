/*
 * packed_kernels_test.c
 *		Products of many vectors with many packed ones, in every set of kernels that this machine can
 *		run.
 *
 * Small integers are the sharpest input: all sums are exact in float32, so every score must be equal
 * to that of a sum in double. For other input the rounding of a sum is allowed. The same pair must
 * have the same score wherever it stands in a call.
 */
#include "unit.h"

#include <math.h>

#include "distance/distance.h"

#define ROWS_MAX	40
#define PACKED_MAX	100
#define LENGTH_MAX	70
#define LENGTH_LONG 3000

typedef struct Case
{
	uint32_t rows;
	uint32_t packed_count;
	uint32_t dimensions;
	PackedVectors packed;
	const float *rows_at[ROWS_MAX];
	const float *packed_at[PACKED_MAX];
} Case;

/* Memory that ends where the case's data ends: what reads behind it dies. */
static Guarded row_memory;
static Guarded packed_from;
static Guarded packed_memory;
static Guarded bias_memory;
static Guarded number_memory;
static Guarded score_memory;

static float
any_float(bool integers)
{
	return integers ? (float) ((int) random_below(17) - 8) : random_float();
}

static void
make_case(Case *c, uint32_t rows, uint32_t packed_count, uint32_t dimensions, bool integers)
{
	uint32_t padded = distance_packed_count(packed_count);
	float *row_floats = (float *) row_memory.end - (size_t) rows * dimensions;
	float *packed_floats = (float *) packed_from.end - (size_t) packed_count * dimensions;
	float *packed = (float *) packed_memory.end - (size_t) padded * dimensions;
	float *bias = (float *) bias_memory.end - padded;
	uint32_t *numbers = (uint32_t *) number_memory.end - padded;

	c->rows = rows;
	c->packed_count = packed_count;
	c->dimensions = dimensions;
	for (size_t i = 0; i < (size_t) rows * dimensions; i++)
		row_floats[i] = any_float(integers);
	for (size_t i = 0; i < (size_t) packed_count * dimensions; i++)
		packed_floats[i] = any_float(integers);
	for (uint32_t i = 0; i < rows; i++)
		c->rows_at[i] = row_floats + (size_t) i * dimensions;
	for (uint32_t j = 0; j < packed_count; j++)
		c->packed_at[j] = packed_floats + (size_t) j * dimensions;
	distance_pack(c->packed_at, packed_count, dimensions, packed);
	for (uint32_t j = 0; j < padded; j++)
	{
		bias[j] = j < packed_count ? any_float(integers) : INFINITY;
		numbers[j] = j < packed_count ? 1000 + 3 * j : 0;
	}
	c->packed = (PackedVectors){.count = padded,
								.dimensions = dimensions,
								.packed = packed,
								.bias = bias,
								.numbers = numbers};
}

static double
reference_score(const Case *c, uint32_t row, uint32_t j, double *magnitude)
{
	double sum = 0;

	*magnitude = fabs((double) c->packed.bias[j]);
	for (uint32_t d = 0; d < c->dimensions; d++)
	{
		sum += (double) c->rows_at[row][d] * c->packed_at[j][d];
		*magnitude += fabs((double) c->rows_at[row][d] * c->packed_at[j][d]);
	}
	return c->packed.bias[j] - sum;
}

static void
compare_case(const DistanceKernels *set, const Case *c, bool integers)
{
	float *scores = (float *) score_memory.end - (size_t) c->rows * c->packed.count;
	uint32_t best[ROWS_MAX];
	float best_scores[ROWS_MAX];

	for (uint32_t i = 0; i < c->rows; i++)
	{
		best[i] = 7;
		best_scores[i] = INFINITY;
	}
	set->packed_scores(&c->packed, c->rows_at, c->rows, scores);
	set->packed_nearest(&c->packed, c->rows_at, c->rows, best, best_scores);
	for (uint32_t i = 0; i < c->rows; i++)
	{
		uint32_t nearest = 0;
		const float *row = scores + (size_t) i * c->packed.count;

		for (uint32_t j = 0; j < c->packed_count; j++)
		{
			double magnitude;
			double expected = reference_score(c, i, j, &magnitude);
			double allowed = integers ? 0 : magnitude * c->dimensions * 0x1p-23;

			expect(fabs(row[j] - expected) <= allowed, "%u x %u x %u, score %u %u: %g for %g",
				   c->rows, c->packed_count, c->dimensions, i, j, row[j], expected);
			if (row[j] < row[nearest])
				nearest = j;
		}
		for (uint32_t j = c->packed_count; j < c->packed.count; j++)
			expect(isinf(row[j]), "%u x %u x %u, padding %u %u: %g", c->rows, c->packed_count,
				   c->dimensions, i, j, row[j]);
		expect(best[i] == c->packed.numbers[nearest] && best_scores[i] == row[nearest],
			   "%u x %u x %u, nearest to %u: %u, %g for %u, %g", c->rows, c->packed_count,
			   c->dimensions, i, best[i], best_scores[i], c->packed.numbers[nearest], row[nearest]);
	}
}

/* Every number of rows and of packed vectors that tiles end in, and every length */
static void
test_shapes(const DistanceKernels *set, bool integers)
{
	static Case c;

	for (uint32_t rows = 1; rows <= ROWS_MAX; rows++)
	{
		make_case(&c, rows, 1 + random_below(PACKED_MAX), 1 + random_below(LENGTH_MAX), integers);
		compare_case(set, &c, integers);
	}
	for (uint32_t packed = 1; packed <= PACKED_MAX; packed++)
	{
		make_case(&c, 1 + random_below(ROWS_MAX), packed, 1 + random_below(LENGTH_MAX), integers);
		compare_case(set, &c, integers);
	}
	for (uint32_t length = 1; length <= LENGTH_MAX; length++)
	{
		make_case(&c, 1 + random_below(ROWS_MAX), 1 + random_below(PACKED_MAX), length, integers);
		compare_case(set, &c, integers);
	}
	/* So long that rows are taken in blocks */
	make_case(&c, ROWS_MAX, PACKED_MAX, LENGTH_LONG, integers);
	compare_case(set, &c, integers);
	check_done("%s: scores and nearest of all shapes, %s", set->name,
			   integers ? "small integers" : "uniform");
}

/* The score of a pair is the same, bit for bit, alone and among others. */
static void
test_alone(const DistanceKernels *set)
{
	static Case c;
	float *scores = (float *) score_memory.end - (size_t) ROWS_MAX * 112;
	float alone[112];

	make_case(&c, ROWS_MAX, PACKED_MAX, 61, false);
	set->packed_scores(&c.packed, c.rows_at, c.rows, scores);
	for (uint32_t i = 0; i < c.rows; i++)
	{
		for (uint32_t first = 0; first < c.packed.count; first += DISTANCE_PANEL)
		{
			PackedVectors panel = c.packed;

			panel.count = DISTANCE_PANEL;
			panel.packed += (size_t) first * c.dimensions;
			panel.bias += first;
			set->packed_scores(&panel, c.rows_at + i, 1, alone);
			expect(memcmp(alone, scores + (size_t) i * c.packed.count + first,
						  DISTANCE_PANEL * sizeof(float)) == 0,
				   "row %u, packed vectors from %u", i, first);
		}
	}
	check_done("%s: a score does not depend on what else is in the call", set->name);
}

/* Nothing that is there already is replaced by what is not lower, or by NaN. */
static void
test_ties(const DistanceKernels *set)
{
	static Case c;
	uint32_t best[ROWS_MAX];
	float best_scores[ROWS_MAX];

	make_case(&c, ROWS_MAX, 48, 5, true);
	for (uint32_t j = 0; j < 48; j++)
	{
		((float *) c.packed.bias)[j] = j % 16 == 3 ? -1000 : 1000;
		if (j < 16)
			((float *) c.packed.bias)[j] = NAN;
	}
	for (uint32_t j = 0; j < 48; j++)
		for (uint32_t d = 0; d < 5; d++)
			((float *) c.packed_at[j])[d] = c.packed_at[0][d];
	distance_pack(c.packed_at, 48, 5, (float *) c.packed.packed);
	for (uint32_t i = 0; i < ROWS_MAX; i++)
	{
		best[i] = 7;
		best_scores[i] = i % 2 == 0 ? INFINITY : -INFINITY;
	}
	set->packed_nearest(&c.packed, c.rows_at, c.rows, best, best_scores);
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		expect(best[i] == (i % 2 == 0 ? c.packed.numbers[19] : 7), "row %u: %u", i, best[i]);
	check_done("%s: the first of equal scores, none that is not lower, no NaN", set->name);
}

int
main(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	size_t floats = (size_t) (PACKED_MAX + 16) * LENGTH_LONG;

	row_memory = guarded_create(ROWS_MAX * LENGTH_LONG * sizeof(float));
	packed_from = guarded_create(floats * sizeof(float));
	packed_memory = guarded_create(floats * sizeof(float));
	bias_memory = guarded_create(128 * sizeof(float));
	number_memory = guarded_create(128 * sizeof(uint32_t));
	score_memory = guarded_create(ROWS_MAX * 128 * sizeof(float));
	for (uint32_t s = 0; s < count; s++)
	{
		test_shapes(sets[s], true);
		test_shapes(sets[s], false);
		test_alone(sets[s]);
		test_ties(sets[s]);
	}
	return checks_end();
}
