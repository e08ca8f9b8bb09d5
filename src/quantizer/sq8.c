/*
 * sq8.c
 *		The scalar quantizer: 8 bits a dimension, with a range of its own for each vector.
 *
 * The range [minimum, maximum] of a vector's elements is divided into 255 steps; an element is
 * stored as the number of the nearest one. Since the range is the vector's, nothing is learned
 * from other vectors: an index made on an empty table is as good as one built later, and a vector
 * unlike all earlier ones is coded as well as they. It costs 16 bytes a vector. The error of an
 * element is at most half a step, plus the rounding of float32. All elements that a code stands
 * for are finite, for every finite vector, also where maximum - minimum exceeds FLT_MAX.
 *
 * The query is rounded in the same way, but to 16 bits around its mean: with a code's x[i] = o +
 * s * c[i] and the query's y[i] = p + t * k[i], of d dimensions each, and D = o - p,
 *
 *		sum (x - y)^2 = D (d D + 2 (s sum c - t sum k)) + s (s sum c^2 - 2 t sum c k) + t^2 sum k^2
 *		sum x y       = o sum y + s (p sum c + t sum c k), where sum y = d p + t sum k
 *
 * where only sum c k depends on both; sum c and sum c^2 are stored with the code. All sums are of
 * integers and exact, and D is a difference of offsets, not of norms. So the double arithmetic
 * that joins them loses nothing of small distances between vectors far from the origin, as the
 * expansion into norms in float32 would. A query's k is below 2^15 and so small that sum |c k| fits
 * 32 bits: about 2^13 at 1536 dimensions, still 30 to 60 times finer than the codes are. (Only
 * elements much smaller than the query's range, in codes with a much smaller range, lose by it.)
 * L1 has no such form: it is taken between the query in float32 and the elements.
 *
 * Measured against products in float32 (AVX-512, one core of an EPYC of family 25, 4 kB pages), ns a
 * distance in batches of 32 from the cache and at random from 2 GB:
 *
 *							128 dimensions	768				1536
 *		L2, float32			8.7 and 60		41 and 171		79 and 233
 *		L2, as here			6.2 and 52		17 and 124		29 and 189
 *		product, float32	7.0 and 60		28 and 154		53 and 224
 *		product, as here	5.0 and 49		15 and 113		28 and 183
 *
 * VNNI saves 1.5 ns (128) to 7 ns (1536) more from the cache and next to nothing from memory; with
 * a query in 8 bits too it is another 1 to 6 ns, which is not worth the accuracy; but a build's
 * distances between codes are taken so, exactly.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "routines.h"

#define LEVELS 255

/* What prepare_query() makes: all that the distance to a code needs of the query. */
typedef struct Sq8Query
{
	QuantizerQuery common;
	const Sq8Code *code; /* the query is this code; NULL: it is in words */

	/* Element i stands for offset + step * words[i]. */
	double offset;
	double step;
	double element_sum; /* of what the words stand for: see sq8_prepare_query() */
	double word_sum;
	double word_square_sum;
	int16_t words[]; /* zeros follow, up to a multiple of SQ8_QUERY_PADDING */
} Sq8Query;

static size_t
sq8_parameters_size(uint32_t dimensions)
{
	(void) dimensions;
	return 0;
}

static void
sq8_train(const float *const *sample, uint32_t count, uint32_t dimensions, void *parameters)
{
	(void) sample;
	(void) count;
	(void) dimensions;
	(void) parameters;
}

static uint32_t
sq8_code_size(uint32_t dimensions)
{
	return ((uint32_t) sizeof(Sq8Code) + dimensions + 3) & ~(uint32_t) 3;
}

/*
 * The largest float that is not above (maximum - minimum) / LEVELS. In double, because the range
 * of a vector of floats may exceed FLT_MAX.
 */
static float
sq8_step(float minimum, float maximum)
{
	double range = (double) maximum - (double) minimum;
	float step = (float) (range / LEVELS);

	if ((double) step * LEVELS > range)
		step = nextafterf(step, 0.0f);
	return step;
}

static void
sq8_encode(const void *parameters, const float *vector, uint32_t dimensions, void *code)
{
	Sq8Code *sq8 = (Sq8Code *) code;
	float minimum = vector[0];
	float maximum = vector[0];
	double steps_per_unit;
	uint32_t value_sum = 0;
	uint32_t square_sum = 0;

	(void) parameters;
	for (uint32_t i = 1; i < dimensions; i++)
	{
		minimum = vector[i] < minimum ? vector[i] : minimum;
		maximum = vector[i] > maximum ? vector[i] : maximum;
	}
	memset(code, 0, sq8_code_size(dimensions));
	sq8->offset = minimum;
	sq8->step = sq8_step(minimum, maximum);
	/* A vector of equal elements, or of a range too small for a step: all values stay 0. */
	if (!(sq8->step > 0.0f))
		return;
	steps_per_unit = 1.0 / (double) sq8->step;
	for (uint32_t i = 0; i < dimensions; i++)
	{
		double steps = ((double) vector[i] - (double) minimum) * steps_per_unit + 0.5;
		/* The rounded step may be a little short of the range. */
		uint32_t value = (uint32_t) (steps < LEVELS ? steps : LEVELS);

		sq8->values[i] = (uint8_t) value;
		value_sum += value;
		square_sum += value * value;
	}
	sq8->value_sum = value_sum;
	sq8->square_sum = square_sum;
}

static void
sq8_decode(const void *parameters, const void *code, uint32_t dimensions, float *vector)
{
	const Sq8Code *sq8 = (const Sq8Code *) code;

	(void) parameters;
	/* In double, as the scalar kernels do. */
	for (uint32_t i = 0; i < dimensions; i++)
		vector[i] = (float) ((double) sq8->offset + (double) sq8->step * sq8->values[i]);
}

static uint32_t
padded_words(uint32_t dimensions)
{
	return (dimensions + SQ8_QUERY_PADDING - 1) / SQ8_QUERY_PADDING * SQ8_QUERY_PADDING;
}

static size_t
sq8_query_size(uint32_t dimensions)
{
	return sizeof(Sq8Query) + padded_words(dimensions) * sizeof(int16_t);
}

/*
 * The smallest step with which all words fit 16 bits and LEVELS * sum of |words| fits 32 bits, the
 * condition of sq8_dot_batch. Rounding adds at most a half to each word.
 */
static double
sq8_query_step(const float *vector, uint32_t dimensions, double offset)
{
	double largest = 0.0;
	double sum = 0.0;
	double for_each;
	double for_all;

	for (uint32_t i = 0; i < dimensions; i++)
	{
		double deviation = fabs((double) vector[i] - offset);

		largest = deviation > largest ? deviation : largest;
		sum += deviation;
	}
	for_each = largest / INT16_MAX;
	for_all = sum / (INT32_MAX / LEVELS - 0.5 * dimensions - 1.0);
	return for_each > for_all ? for_each : for_all;
}

static void
sq8_prepare_query(const void *parameters, DistanceMetric metric, const float *vector,
				  uint32_t dimensions, QuantizerQuery *query)
{
	Sq8Query *sq8 = (Sq8Query *) query;
	double steps_per_unit;
	int64_t word_sum = 0;
	int64_t word_square_sum = 0;

	(void) parameters;
	memset(sq8, 0, sq8_query_size(dimensions));
	query->routine = &quantizer_sq8;
	query->metric = metric;
	query->dimensions = dimensions;
	query->vector = vector;
	for (uint32_t i = 0; i < dimensions; i++)
		sq8->offset += vector[i];
	sq8->element_sum = sq8->offset;
	sq8->offset /= dimensions;
	sq8->step = sq8_query_step(vector, dimensions, sq8->offset);
	/* A query of equal elements (or one that is not finite): all words stay 0. */
	if (!(sq8->step > 0.0 && sq8->step < FLT_MAX))
		return;
	steps_per_unit = 1.0 / sq8->step;
	for (uint32_t i = 0; i < dimensions; i++)
	{
		double steps = ((double) vector[i] - sq8->offset) * steps_per_unit;
		/* To the nearest without a branch on the sign: what is cut off is positive. */
		int32_t word = (int32_t) (steps + (INT16_MAX + 1.5)) - (INT16_MAX + 1);

		sq8->words[i] = (int16_t) word;
		word_sum += word;
		word_square_sum += word * word;
	}
	sq8->word_sum = (double) word_sum;
	sq8->word_square_sum = (double) word_square_sum;

	/*
	 * Not the sum of the vector's own elements: one rounded query in both parts of the product
	 * errs by the rounding times x, two different ones by the rounding times x - offset.
	 */
	sq8->element_sum += sq8->step * sq8->word_sum;
}

/* A code is a query as it is. */
static void
sq8_prepare_code(const void *parameters, DistanceMetric metric, const void *code,
				 uint32_t dimensions, QuantizerQuery *query)
{
	Sq8Query *sq8 = (Sq8Query *) query;
	const Sq8Code *from = (const Sq8Code *) code;

	(void) parameters;
	query->routine = &quantizer_sq8;
	query->metric = metric;
	query->dimensions = dimensions;
	query->vector = NULL;
	sq8->code = from;
	sq8->offset = from->offset;
	sq8->step = from->step;
	sq8->word_sum = from->value_sum;
	sq8->word_square_sum = from->square_sum;
	sq8->element_sum = (double) dimensions * sq8->offset + sq8->step * sq8->word_sum;
}

static inline float
sq8_l2_squared(const Sq8Query *query, const Sq8Code *code, int32_t dot)
{
	double dimensions = query->common.dimensions;
	double step = code->step;
	double apart = (double) code->offset - query->offset;
	double offsets = apart * (dimensions * apart +
							  2.0 * (step * code->value_sum - query->step * query->word_sum));
	double values = step * (step * code->square_sum - 2.0 * query->step * dot);
	double distance = offsets + values + query->step * query->step * query->word_square_sum;

	/* Rounding may leave a little less than nothing. A NaN (of a corrupt code) stays one. */
	return (float) (distance < 0.0 ? 0.0 : distance);
}

static inline float
sq8_negative_inner_product(const Sq8Query *query, const Sq8Code *code, int32_t dot)
{
	double values = code->step * (query->offset * code->value_sum + query->step * dot);

	return (float) -(code->offset * query->element_sum + values);
}

static void
sq8_distances(const QuantizerQuery *query, const void *const *codes, uint32_t count,
			  float *distances)
{
	enum
	{
		CHUNK = 64
	};
	const Sq8Query *sq8 = (const Sq8Query *) query;
	int32_t dots[CHUNK];

	if (query->metric == DISTANCE_L1)
	{
		distance_kernels->sq8_l1_batch(query->vector, codes, count, query->dimensions, distances);
		return;
	}
	for (uint32_t first = 0; first < count; first += CHUNK)
	{
		uint32_t width = count - first < CHUNK ? count - first : CHUNK;
		const void *const *chunk = codes + first;

		if (sq8->code != NULL)
			distance_kernels->sq8_code_dot_batch(sq8->code, chunk, width, query->dimensions, dots);
		else
			distance_kernels->sq8_dot_batch(sq8->words, chunk, width, query->dimensions, dots);
		if (query->metric == DISTANCE_L2)
			for (uint32_t i = 0; i < width; i++)
				distances[first + i] = sq8_l2_squared(sq8, chunk[i], dots[i]);
		else
			for (uint32_t i = 0; i < width; i++)
				distances[first + i] = sq8_negative_inner_product(sq8, chunk[i], dots[i]);
	}
}

const QuantizerRoutine quantizer_sq8 = {
	.kind = QUANTIZER_SQ8,
	.name = "sq8",
	.bits = 8,
	.supports_l1 = true,
	.exact = false,
	.parameters_size = sq8_parameters_size,
	.train = sq8_train,
	.code_size = sq8_code_size,
	.encode = sq8_encode,
	.decode = sq8_decode,
	.query_size = sq8_query_size,
	.prepare_query = sq8_prepare_query,
	.prepare_code = sq8_prepare_code,
	.distances = sq8_distances,
};
