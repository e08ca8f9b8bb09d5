/*
 * rabitq.c
 *		RaBitQ codes one by one, relative to the mean of a sample (quantizer/rabitq.h).
 *
 * The parameters are the mean m; all zeros do for an index made on an empty table. With r = P(x - m)
 * and q' = P(q - m), all that estimates need of x is stored for every metric:
 *
 *		|x - q|^2  =  |q'|^2 + |r|^2 - 2 <r, q'>
 *		-<x, q>    =  -<m, q> - <x - m, m> - <r, q'>
 *
 * A query is rounded to 8 bits around 0, for 8-bit codes to 16 bits. The rounding adds a hundredth to
 * the variance of 4-bit codes' errors, less to those of fewer bits, and is part of the bounds.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "rabitq_coding.h"
#include "routines.h"

#define HEAD_BYTES ((uint32_t) sizeof(RabitqCode))

/* Elements whose means are found together */
#define TRAIN_ELEMENTS 64

typedef struct RabitqQuery
{
	QuantizerQuery common;
	uint32_t count; /* floats of a rotated vector */
	float step;		/* of a word */
	float word_sum; /* what all words stand for, together */
	float norm;		/* |q'| */
	float rounding; /* bound of the error of <v, q'> that the rounded query brings */
	float distance; /* of the mean: squared L2, or -<m, q> */

	/* Behind it: the rotated query in floats, then in words of 8 or 16 bits */
	float rotated[];
} RabitqQuery;

static size_t
rabitq_parameters_size(uint32_t dimensions)
{
	return dimensions * sizeof(float);
}

static void
rabitq_train(const float *const *sample, uint32_t count, uint32_t dimensions, void *parameters)
{
	float *mean = (float *) parameters;

	/* A few elements of all vectors at a time: whole lines of a cache, and no memory */
	for (uint32_t first = 0; first < dimensions; first += TRAIN_ELEMENTS)
	{
		uint32_t elements =
			dimensions - first < TRAIN_ELEMENTS ? dimensions - first : TRAIN_ELEMENTS;
		double sums[TRAIN_ELEMENTS] = {0};

		for (uint32_t j = 0; j < count; j++)
		{
			for (uint32_t i = 0; i < elements; i++)
				sums[i] += sample[j][first + i];
		}
		for (uint32_t i = 0; i < elements; i++)
			mean[first + i] = count > 0 ? rabitq_finite_float(sums[i] / count) : 0.0f;
	}
}

static inline uint32_t
code_size(uint32_t dimensions, uint32_t bits)
{
	return HEAD_BYTES + (rabitq_rotated_dimensions(dimensions) * bits / 8 + 3) / 4 * 4;
}

/* P(vector - mean) */
static void
rotate_from_mean(const float *mean, const float *vector, uint32_t dimensions, float *rotated)
{
	for (uint32_t i = 0; i < dimensions; i++)
		rotated[i] = mean == NULL ? vector[i] : vector[i] - mean[i];
	rabitq_rotate(dimensions, rotated, rotated);
}

static inline void
encode(const float *mean, const float *vector, uint32_t dimensions, uint32_t bits, RabitqCode *code)
{
	float rotated[RABITQ_MAX_ROTATED];
	uint8_t elements[RABITQ_MAX_ROTATED];
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	RabitqCoding coding;
	double center_dot = 0.0;

	memset(code, 0, code_size(dimensions, bits));
	if (count > RABITQ_MAX_ROTATED)
		return;
	rotate_from_mean(mean, vector, dimensions, rotated);
	for (uint32_t i = 0; i < dimensions && mean != NULL; i++)
		center_dot += ((double) vector[i] - (double) mean[i]) * (double) mean[i];
	rabitq_code(rotated, NULL, count, bits, &coding, elements);
	code->square = rabitq_finite_float(coding.square);
	code->rescale = rabitq_finite_float(coding.rescale);
	code->error = rabitq_finite_float(coding.error);
	code->center_dot = rabitq_finite_float(center_dot);
	for (uint32_t i = 0; i < count; i++)
	{
		RabitqPlace place = rabitq_place(bits, count, i);

		code->values[place.byte] |= (uint8_t) (elements[i] << place.shift);
	}
}

static inline void
decode(const float *mean, const RabitqCode *code, uint32_t dimensions, uint32_t bits, float *vector)
{
	float rotated[RABITQ_MAX_ROTATED];
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	float middle = (float) ((1u << bits) - 1) * 0.5f;

	memset(vector, 0, dimensions * sizeof(float));
	if (count > RABITQ_MAX_ROTATED)
		return;
	for (uint32_t i = 0; i < count; i++)
	{
		RabitqPlace place = rabitq_place(bits, count, i);
		uint32_t element = code->values[place.byte] >> place.shift & ((1u << bits) - 1);

		rotated[i] = code->rescale * ((float) element - middle);
	}
	rabitq_rotate_back(dimensions, rotated, vector);
	for (uint32_t i = 0; i < dimensions && mean != NULL; i++)
		vector[i] += mean[i];
}

static size_t
rabitq_query_size(uint32_t dimensions)
{
	uint32_t count = rabitq_rotated_dimensions(dimensions);

	return (sizeof(RabitqQuery) + count * (sizeof(float) + sizeof(int16_t)) +
			RABITQ_QUERY_PADDING * sizeof(int16_t) + 7) /
		   8 * 8;
}

/* Root mean square of the elements of v, for the bound: that of the best quantizer, and a little more */
static double
code_deviation(uint32_t bits)
{
	switch (bits)
	{
		case 1:
			return 0.5;
		case 2:
			return 1.2;
		case 4:
			return 3.5;
		default:
			return 40.0;
	}
}

/* The smallest step with which words fit, and sums of 8-bit codes 32 bits (sq8_dot_batch). */
static double
word_step(const float *rotated, uint32_t count, uint32_t bits)
{
	double largest = 0.0;
	double sum = 0.0;
	double for_each;
	double for_all;

	for (uint32_t i = 0; i < count; i++)
	{
		double magnitude = fabs((double) rotated[i]);

		largest = magnitude > largest ? magnitude : largest;
		sum += magnitude;
	}
	if (bits < 8)
		return largest / INT8_MAX;
	for_each = largest / INT16_MAX;
	for_all = sum / (INT32_MAX / 255 - 0.5 * count - 1.0);
	return for_each > for_all ? for_each : for_all;
}

static inline void
prepare_query(const QuantizerRoutine *routine, const float *mean, DistanceMetric metric,
			  const float *vector, uint32_t dimensions, RabitqQuery *query)
{
	uint32_t bits = routine->bits;
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	void *place;
	int16_t *words;
	int8_t *bytes;
	double square = 0.0;
	double mean_dot = 0.0;
	double step;
	int64_t sum = 0;

	memset(query, 0, rabitq_query_size(dimensions));
	query->common = (QuantizerQuery){
		.routine = routine,
		.metric = metric,
		.dimensions = dimensions,
		.vector = vector,
	};
	query->count = count;
	rotate_from_mean(mean, vector, dimensions, query->rotated);
	place = query->rotated + count;
	words = place;
	bytes = place;

	for (uint32_t i = 0; i < count; i++)
		square += (double) query->rotated[i] * (double) query->rotated[i];
	for (uint32_t i = 0; i < dimensions && mean != NULL; i++)
		mean_dot += (double) mean[i] * (double) vector[i];
	query->norm = rabitq_finite_float(sqrt(square));
	query->distance = rabitq_finite_float(metric == DISTANCE_L2 ? square : -mean_dot);

	step = word_step(query->rotated, count, bits);
	/* The mean itself, or a query that is not finite: all words stay 0. */
	if (!(step > 1e-37 && step < 1e37 && square <= DBL_MAX))
	{
		query->rounding = rabitq_finite_float(sqrt(square * count) * code_deviation(bits));
		return;
	}
	for (uint32_t i = 0; i < count; i++)
	{
		double steps = (double) query->rotated[i] / step;
		int32_t word = (int32_t) (steps + (INT16_MAX + 1.5)) - (INT16_MAX + 1);

		if (bits < 8)
			bytes[i] = (int8_t) word;
		else
			words[i] = (int16_t) word;
		sum += word;
	}
	query->step = (float) step;
	query->word_sum = (float) ((double) ((1u << bits) - 1) * 0.5 * step * (double) sum);
	query->rounding =
		(float) (RABITQ_ERROR_WIDTH * step * sqrt(count / 12.0) * code_deviation(bits));
}

/* Products of a chunk of codes with the query. */
static inline void
measure_dots(const RabitqQuery *query, uint32_t bits, const void *const *codes, uint32_t count,
			 int32_t *dots)
{
	const void *words = query->rotated + query->count;

	switch (bits)
	{
		case 1:
			rabitq_kernels->dots_1(words, codes, count, query->count, dots);
			break;
		case 2:
			rabitq_kernels->dots_2(words, codes, count, query->count, dots);
			break;
		case 4:
			rabitq_kernels->dots_4(words, codes, count, query->count, dots);
			break;
		default:
			distance_kernels->sq8_dot_batch(words, codes, count, query->count, dots);
			break;
	}
}

static inline void
distances_with_bounds(const QuantizerQuery *common, uint32_t bits, const void *const *codes,
					  uint32_t count, float *distances, float *lower_bounds)
{
	enum
	{
		CHUNK = 64
	};
	const RabitqQuery *query = (const RabitqQuery *) common;
	bool is_l2 = common->metric == DISTANCE_L2;
	float factor = is_l2 ? 2.0f : 1.0f;
	int32_t dots[CHUNK];

	for (uint32_t first = 0; first < count; first += CHUNK)
	{
		uint32_t width = count - first < CHUNK ? count - first : CHUNK;

		measure_dots(query, bits, codes + first, width, dots);
		for (uint32_t i = 0; i < width; i++)
		{
			const RabitqCode *code = (const RabitqCode *) codes[first + i];
			float value = query->step * (float) dots[i] - query->word_sum;
			float distance = query->distance + (is_l2 ? code->square : -code->center_dot) -
							 factor * code->rescale * value;

			/* A comparison with NaN is false. */
			distances[first + i] = distance < INFINITY ? distance : INFINITY;
			if (lower_bounds != NULL)
			{
				float lower = distance - factor * (code->error * query->norm +
												   fabsf(code->rescale) * query->rounding);

				lower_bounds[first + i] = lower > -INFINITY ? lower : -INFINITY;
			}
		}
	}
}

/* The functions of codes of so many bits, and their table */
#define RABITQ_ROUTINE(n)                                                                          \
	static uint32_t rabitq_##n##_code_size(uint32_t dimensions)                                    \
	{                                                                                              \
		return code_size(dimensions, n);                                                           \
	}                                                                                              \
                                                                                                   \
	static void rabitq_##n##_encode(const void *parameters, const float *vector,                   \
									uint32_t dimensions, void *code)                               \
	{                                                                                              \
		encode((const float *) parameters, vector, dimensions, n, (RabitqCode *) code);            \
	}                                                                                              \
                                                                                                   \
	static void rabitq_##n##_decode(const void *parameters, const void *code, uint32_t dimensions, \
									float *vector)                                                 \
	{                                                                                              \
		decode((const float *) parameters, (const RabitqCode *) code, dimensions, n, vector);      \
	}                                                                                              \
                                                                                                   \
	static void rabitq_##n##_prepare_query(const void *parameters, DistanceMetric metric,          \
										   const float *vector, uint32_t dimensions,               \
										   QuantizerQuery *query)                                  \
	{                                                                                              \
		prepare_query(&quantizer_rabitq_##n, (const float *) parameters, metric, vector,           \
					  dimensions, (RabitqQuery *) query);                                          \
	}                                                                                              \
                                                                                                   \
	static void rabitq_##n##_distances(const QuantizerQuery *query, const void *const *codes,      \
									   uint32_t count, float *distances)                           \
	{                                                                                              \
		distances_with_bounds(query, n, codes, count, distances, NULL);                            \
	}                                                                                              \
                                                                                                   \
	static void rabitq_##n##_distances_with_bounds(const QuantizerQuery *query,                    \
												   const void *const *codes, uint32_t count,       \
												   float *distances, float *lower_bounds)          \
	{                                                                                              \
		distances_with_bounds(query, n, codes, count, distances, lower_bounds);                    \
	}                                                                                              \
                                                                                                   \
	const QuantizerRoutine quantizer_rabitq_##n = {                                                \
		.kind = QUANTIZER_RABITQ_##n,                                                              \
		.name = "rabitq",                                                                          \
		.bits = n,                                                                                 \
		.supports_l1 = false,                                                                      \
		.exact = false,                                                                            \
		.parameters_size = rabitq_parameters_size,                                                 \
		.train = rabitq_train,                                                                     \
		.code_size = rabitq_##n##_code_size,                                                       \
		.encode = rabitq_##n##_encode,                                                             \
		.decode = rabitq_##n##_decode,                                                             \
		.query_size = rabitq_query_size,                                                           \
		.prepare_query = rabitq_##n##_prepare_query,                                               \
		.distances = rabitq_##n##_distances,                                                       \
		.distances_with_bounds = rabitq_##n##_distances_with_bounds,                               \
	}

RABITQ_ROUTINE(1);
RABITQ_ROUTINE(2);
RABITQ_ROUTINE(4);
RABITQ_ROUTINE(8);
