/*
 * rabitq_test.c
 *		The rotation and blocks of 32 RaBitQ codes.
 *
 * Estimates are compared with exact distances in double: the mean error must be small beside its
 * deviation, errors must shrink with the bits, and lower bounds must hold for at least 97 % of the
 * codes (1.9 standard deviations, on one side) of every kind of vectors. Bounds are told in units of
 * |q - c| |x - c|, what the error of the method is proportional to.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "quantizer/quantizer.h"
#include "quantizer/rabitq.h"

#define LENGTH_MAX 3072

typedef enum Input
{
	INPUT_GAUSSIAN,
	INPUT_CLUSTERED, /* all vectors near to the center, the query is not */
	INPUT_HISTOGRAM, /* many zeros, none negative */
	INPUT_ONE_HOT,
	INPUT_CONSTANT, /* all elements equal */
	INPUT_ZERO_CENTER,
	INPUT_LARGE, /* 1e17: distances just fit float32 */
	INPUT_SMALL, /* 1e-17 */
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {
	"gaussian", "near to the center", "histograms", "one-hot",
	"constant", "around the origin",  "of 1e17",	"of 1e-17",
};

static const uint32_t all_bits[] = {1, 2, 4, 8};
static const DistanceMetric metrics[] = {DISTANCE_L2, DISTANCE_INNER_PRODUCT, DISTANCE_COSINE};

static float
gaussian(void)
{
	float sum = 0.0f;

	for (int i = 0; i < 12; i++)
		sum += random_float();
	return sum * 0.5f;
}

static void
fill(Input input, const float *center, float *vector, uint32_t n)
{
	float constant = gaussian();

	for (uint32_t i = 0; i < n; i++)
	{
		float value = gaussian();

		switch (input)
		{
			case INPUT_CLUSTERED:
				vector[i] = center == NULL ? value : center[i] + 0.1f * value;
				break;
			case INPUT_HISTOGRAM:
				vector[i] = random_below(3) == 0 ? (float) random_below(200) : 0.0f;
				break;
			case INPUT_ONE_HOT:
				vector[i] = 0.0f;
				break;
			case INPUT_CONSTANT:
				vector[i] = constant;
				break;
			case INPUT_LARGE:
				vector[i] = value * 1e17f;
				break;
			case INPUT_SMALL:
				vector[i] = value * 1e-17f;
				break;
			default:
				vector[i] = value;
				break;
		}
	}
	if (input == INPUT_ONE_HOT)
		vector[random_below(n)] = 1.0f;
}

static double
exact_distance(DistanceMetric metric, const float *a, const float *b, uint32_t n)
{
	double sum = 0.0;

	for (uint32_t i = 0; i < n; i++)
	{
		double difference = (double) a[i] - (double) b[i];

		sum += metric == DISTANCE_L2 ? difference * difference : -(double) a[i] * (double) b[i];
	}
	return sum;
}

static double
length(const float *a, const float *b, uint32_t n)
{
	return sqrt(exact_distance(DISTANCE_L2, a, b, n));
}

static void
normalize(float *vector, uint32_t n)
{
	double norm = sqrt(-exact_distance(DISTANCE_COSINE, vector, vector, n));

	for (uint32_t i = 0; i < n && norm > 0.0; i++)
		vector[i] = (float) (vector[i] / norm);
}

/* Memory for one block with its vectors, and a query */
typedef struct Case
{
	float *query;
	float *center;
	float *vectors[RABITQ_BLOCK];
	float *rotated_query;
	float *rotated_center;
	float *rotated;
	void *block;
	void *prepared;
	float distances[RABITQ_BLOCK];
	float lower_bounds[RABITQ_BLOCK];
} Case;

static Case
case_create(uint32_t n_max)
{
	Case made;
	size_t bytes = rabitq_rotated_dimensions(n_max) * sizeof(float);

	made.query = malloc(bytes);
	made.center = malloc(bytes);
	for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
		made.vectors[i] = malloc(bytes);
	made.rotated_query = malloc(bytes);
	made.rotated_center = malloc(bytes);
	made.rotated = malloc(bytes);
	made.block = malloc(rabitq_block_size(n_max, 8));
	made.prepared = malloc(rabitq_block_query_size(n_max));
	return made;
}

static void
case_free(Case *made)
{
	free(made->query);
	free(made->center);
	for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
		free(made->vectors[i]);
	free(made->rotated_query);
	free(made->rotated_center);
	free(made->rotated);
	free(made->block);
	free(made->prepared);
}

static void
case_fill(Case *made, Input input, DistanceMetric metric, uint32_t n)
{
	fill(input, NULL, made->center, n);
	if (input == INPUT_ZERO_CENTER)
		memset(made->center, 0, n * sizeof(float));
	fill(input, NULL, made->query, n);
	if (metric == DISTANCE_COSINE)
	{
		normalize(made->center, n);
		normalize(made->query, n);
	}
	for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
	{
		fill(input, made->center, made->vectors[i], n);
		if (metric == DISTANCE_COSINE)
			normalize(made->vectors[i], n);
	}
}

/* Code the vectors and measure them. */
static void
case_measure(Case *made, DistanceMetric metric, uint32_t n, uint32_t bits)
{
	rabitq_rotate(n, made->query, made->rotated_query);
	rabitq_rotate(n, made->center, made->rotated_center);
	memset(made->block, 0, rabitq_block_size(n, bits));
	for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
	{
		rabitq_rotate(n, made->vectors[i], made->rotated);
		rabitq_block_put(metric, n, bits, made->rotated_center, made->rotated, made->block, i);
	}
	rabitq_block_prepare(metric, n, bits, made->rotated_query, made->prepared);
	rabitq_block_distances(made->prepared, made->block,
						   (float) exact_distance(metric, made->query, made->center, n),
						   made->distances, made->lower_bounds);
}

static void
test_rotation(void)
{
	float *a = malloc(LENGTH_MAX * sizeof(float));
	float *b = malloc(LENGTH_MAX * sizeof(float));
	float *rotated_a = malloc(LENGTH_MAX * sizeof(float));
	float *rotated_b = malloc(LENGTH_MAX * sizeof(float));

	for (uint32_t n = 1; n <= LENGTH_MAX; n = n < 200 ? n + 1 : n + 359)
	{
		uint32_t count = rabitq_rotated_dimensions(n);

		expect(count % 16 == 0 && count >= n && count < n + 16, "%u are %u rotated", n, count);
		for (Input input = 0; input < INPUT_KINDS; input++)
		{
			double product;
			double rotated_product;
			double lengths;

			fill(input, NULL, a, n);
			fill(input, NULL, b, n);
			rabitq_rotate(n, a, rotated_a);
			rabitq_rotate(n, b, rotated_b);
			product = exact_distance(DISTANCE_COSINE, a, b, n);
			rotated_product = exact_distance(DISTANCE_COSINE, rotated_a, rotated_b, count);
			lengths = sqrt(exact_distance(DISTANCE_COSINE, a, a, n) *
						   exact_distance(DISTANCE_COSINE, b, b, n));
			expect(fabs(product - rotated_product) <= 2e-6 * lengths,
				   "%u %s: product %.9g is %.9g rotated", n, input_names[input], product,
				   rotated_product);
			product = exact_distance(DISTANCE_COSINE, a, a, n);
			rotated_product = exact_distance(DISTANCE_COSINE, rotated_a, rotated_a, count);
			expect(fabs(product - rotated_product) <= -2e-6 * product,
				   "%u %s: length %.9g is %.9g rotated", n, input_names[input], product,
				   rotated_product);
			rabitq_rotate_back(n, rotated_b, rotated_b);
			for (uint32_t i = 0; i < n; i++)
				expect(fabs((double) rotated_b[i] - b[i]) <=
						   1e-5 * sqrt(-exact_distance(DISTANCE_COSINE, b, b, n)),
					   "%u %s: element %u is %g after rotating there and back, was %g", n,
					   input_names[input], i, rotated_b[i], b[i]);
			rabitq_rotate(n, a, a);
			expect(memcmp(a, rotated_a, count * sizeof(float)) == 0, "%u in place", n);
		}
	}
	free(a);
	free(b);
	free(rotated_a);
	free(rotated_b);
	check_done("a rotation keeps lengths and products");
}

/* No element of a vector is left in one place: even one that is all in one dimension is spread. */
static void
test_spread(void)
{
	static const uint32_t lengths[] = {64, 100, 128, 200, 384, 768, 1000, 1536};
	float vector[1536];
	float rotated[1536];

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
	{
		uint32_t n = lengths[l];
		uint32_t count = rabitq_rotated_dimensions(n);

		for (uint32_t at = 0; at < n; at++)
		{
			double fourth = 0.0;
			float largest = 0.0f;

			memset(vector, 0, sizeof(vector));
			vector[at] = 1.0f;
			rabitq_rotate(n, vector, rotated);
			for (uint32_t i = 0; i < count; i++)
			{
				largest = fmaxf(largest, fabsf(rotated[i]));
				fourth += pow(rotated[i], 4);
			}
			/* Of normal numbers the largest of 1536 is below 5 deviations, the kurtosis is 3; all in
			 * one place would be 39 deviations, a kurtosis of 1536. */
			expect(largest * sqrtf((float) count) < 15.0f && fourth * count < 30.0,
				   "%u: dimension %u has a largest part of %g, kurtosis %g", n, at,
				   largest * sqrtf((float) count), fourth * count);
		}
	}
	check_done("a rotation spreads single dimensions");
}

/* Deviation of the error by bits, in units of |q - c| |x - c| / sqrt(n): below these. */
static const double largest_deviation[] = {0.80, 0.42, 0.13, 0.012};

static void
test_estimates(Input input)
{
	Case made = case_create(LENGTH_MAX);

	for (uint32_t b = 0; b < 4; b++)
	{
		uint32_t bits = all_bits[b];
		long held = 0;
		long codes = 0;
		double error_sum = 0.0;
		double error_square_sum = 0.0;

		for (uint32_t n = 1; n <= LENGTH_MAX;
			 n = n < 40	   ? n + 1
				 : n < 200 ? n + 9
						   : (n < 768 ? 768 : (n < 1536 ? 1536 : n + 1536)))
		{
			for (size_t m = 0; m < 3; m++)
			{
				double apart;

				case_fill(&made, input, metrics[m], n);
				case_measure(&made, metrics[m], n, bits);
				apart = length(made.query, made.center, n);
				for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
				{
					double exact = exact_distance(metrics[m], made.query, made.vectors[i], n);
					double error = made.distances[i] - exact;
					double unit = apart * length(made.vectors[i], made.center, n);
					/* What the floats that were given and made have lost already */
					double rounding =
						1e-5 * (unit + fabs(exact) +
								fabs(exact_distance(metrics[m], made.query, made.center, n)));

					expect(!isnan(made.distances[i]) && !isnan(made.lower_bounds[i]),
						   "%u bits, %u: NaN", bits, n);
					expect(made.lower_bounds[i] <= made.distances[i],
						   "%u bits, %u: a lower bound of %g for %g", bits, n, made.lower_bounds[i],
						   made.distances[i]);
					codes++;
					held += made.lower_bounds[i] <= exact + rounding;
					if (n < 16 || fabs(error) <= rounding)
						continue;
					if (unit == 0.0)
						continue;
					error /= unit / sqrt(n) * (metrics[m] == DISTANCE_L2 ? 2.0 : 1.0);
					error_sum += error;
					error_square_sum += error * error;
				}
			}
		}
		expect(held >= 0.97 * codes, "%u bits: %ld of %ld lower bounds hold", bits, held, codes);
		/* On one line with the query, or in one of few directions, errors are not by chance. */
		if (input == INPUT_CONSTANT || input == INPUT_ONE_HOT)
			continue;
		expect(fabs(error_sum) <= 0.1 * sqrt(error_square_sum * codes),
			   "%u bits: a mean error of %g, deviation %g", bits, error_sum / codes,
			   sqrt(error_square_sum / codes));
		expect(sqrt(error_square_sum / codes) < largest_deviation[b],
			   "%u bits: deviation of errors %g", bits, sqrt(error_square_sum / codes));
	}
	case_free(&made);
	check_done("vectors %s: estimates are unbiased, bounds hold", input_names[input]);
}

static bool
is_settled(float distance, float lower_bound)
{
	return !isnan(distance) && !isnan(lower_bound);
}

/* Codes by themselves, relative to a mean that was trained or to none. */
static void
test_dense(uint32_t bits)
{
	enum
	{
		COUNT = 100
	};
	static const uint32_t lengths[] = {1, 3, 16, 31, 64, 100, 128, 200, 300, 384, 768, 1000, 1536};
	const QuantizerRoutine *rabitq = quantizer_routine(quantizer_rabitq_kind(bits));
	long held = 0;
	long codes_count = 0;
	double error_sum = 0.0;
	double error_square_sum = 0.0;

	expect(rabitq != NULL && strcmp(rabitq->name, "rabitq") == 0 && rabitq->bits == bits &&
			   quantizer_is_rabitq(rabitq->kind) && !rabitq->exact && !rabitq->supports_l1,
		   "the routine of %u bits", bits);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (Input input = INPUT_GAUSSIAN; input <= INPUT_HISTOGRAM; input++)
			for (int trained = 0; trained < 2; trained++)
			{
				uint32_t n = lengths[l];
				uint32_t size = rabitq->code_size(n);
				float *vectors = malloc(sizeof(float) * n * (COUNT + 2));
				const float *sample[COUNT];
				float *mean = malloc(rabitq->parameters_size(n));
				float *query_vector = vectors + (size_t) n * COUNT;
				float *decoded = vectors + (size_t) n * (COUNT + 1);
				Guarded memory = guarded_create((size_t) size * COUNT);
				char *array = (char *) memory.end - (size_t) size * COUNT;
				QuantizerQuery *query = malloc(rabitq->query_size(n));
				const void *codes[COUNT];
				double apart;

				for (int i = 0; i < COUNT; i++)
				{
					fill(input, NULL, vectors + (size_t) n * i, n);
					sample[i] = vectors + (size_t) n * i;
					codes[i] = array + (size_t) size * i;
				}
				fill(input, NULL, query_vector, n);
				rabitq->train(sample, COUNT, n, mean);
				for (int i = 0; i < COUNT; i++)
				{
					double off;

					memset(array + (size_t) size * i, 0x55, size);
					rabitq->encode(trained ? mean : NULL, sample[i], n, array + (size_t) size * i);
					rabitq->decode(trained ? mean : NULL, codes[i], n, decoded);
					off = length(decoded, sample[i], n);
					if (bits == 8 && n >= 16)
						expect(off <= 0.03 * sqrt(-exact_distance(DISTANCE_COSINE, sample[i],
																  sample[i], n)),
							   "%u: decoded, a vector is %g off", n, off);
				}
				for (size_t m = 0; m < 3; m++)
				{
					float distances[COUNT];
					float lower_bounds[COUNT];
					float plain[COUNT];

					rabitq->prepare_query(trained ? mean : NULL, metrics[m], query_vector, n,
										  query);
					expect(query->routine == rabitq && query->metric == metrics[m] &&
							   query->dimensions == n,
						   "a prepared query tells what it is");
					rabitq->distances_with_bounds(query, codes, COUNT, distances, lower_bounds);
					rabitq->distances(query, codes, COUNT, plain);
					expect(memcmp(plain, distances, sizeof(plain)) == 0,
						   "with bounds, distances are the same");
					memset(decoded, 0, n * sizeof(float));
					if (trained)
						memcpy(decoded, mean, n * sizeof(float));
					apart = length(query_vector, decoded, n);
					for (int i = 0; i < COUNT; i++)
					{
						double exact = exact_distance(metrics[m], query_vector, sample[i], n);
						double unit = apart * length(sample[i], decoded, n);
						double error = distances[i] - exact;
						double rounding =
							1e-5 * (unit + fabs(exact) +
									fabs(exact_distance(metrics[m], query_vector, decoded, n)) +
									fabs(exact_distance(metrics[m], sample[i], decoded, n)));

						codes_count++;
						held += lower_bounds[i] <= exact + rounding;
						expect(lower_bounds[i] <= distances[i], "a bound above its estimate");
						if (n < 16 || fabs(error) <= rounding)
							continue;
						error /= unit / sqrt(n) * (metrics[m] == DISTANCE_L2 ? 2.0 : 1.0);
						error_sum += error;
						error_square_sum += error * error;
					}
				}

				/* Any bytes */
				for (char *byte = array; byte < (char *) memory.end; byte++)
					*byte = (char) random_next();
				{
					float distances[COUNT];
					float lower_bounds[COUNT];

					rabitq->distances_with_bounds(query, codes, COUNT, distances, lower_bounds);
					for (int i = 0; i < COUNT; i++)
						expect(is_settled(distances[i], lower_bounds[i]), "NaN of garbage");
					/* And a mean of any */
					for (uint32_t i = 0; i < n; i++)
						mean[i] = i % 2 == 0 ? NAN : INFINITY;
					rabitq->encode(mean, sample[0], n, array);
					rabitq->prepare_query(mean, DISTANCE_L2, query_vector, n, query);
					rabitq->distances_with_bounds(query, codes, 1, distances, lower_bounds);
					expect(is_settled(distances[0], lower_bounds[0]), "NaN of a mean of NaN");
				}
				munmap((char *) memory.start - sysconf(_SC_PAGESIZE),
					   guarded_size(memory) + 2 * sysconf(_SC_PAGESIZE));
				free(query);
				free(mean);
				free(vectors);
			}
	expect(held >= 0.97 * codes_count, "%ld of %ld lower bounds hold", held, codes_count);
	expect(fabs(error_sum) <= 0.1 * sqrt(error_square_sum * codes_count),
		   "a mean error of %g, deviation %g", error_sum / codes_count,
		   sqrt(error_square_sum / codes_count));
	for (uint32_t b = 0; b < 4; b++)
		expect(all_bits[b] != bits || sqrt(error_square_sum / codes_count) < largest_deviation[b],
			   "deviation of errors %g", sqrt(error_square_sum / codes_count));
	check_done("dense codes of %u bits", bits);
}

/* Lanes are put one by one and moved; the others stay as they are. */
static void
test_lanes(void)
{
	enum
	{
		LENGTH = 100
	};
	Case made = case_create(LENGTH);
	size_t size_max = rabitq_block_size(LENGTH, 8);
	unsigned char *second = malloc(size_max);
	unsigned char *before = malloc(size_max);

	for (uint32_t b = 0; b < 4; b++)
	{
		uint32_t bits = all_bits[b];
		size_t size = rabitq_block_size(LENGTH, bits);
		float distances[RABITQ_BLOCK];

		expect(size % 4 == 0 && size == 400 + 4 * 112 * bits, "%u bits: size %zu", bits, size);
		case_fill(&made, INPUT_GAUSSIAN, DISTANCE_L2, LENGTH);
		case_measure(&made, DISTANCE_L2, LENGTH, bits);

		/* From the last to the first gives the same block. */
		memset(second, 0, size);
		for (uint32_t i = RABITQ_BLOCK; i-- > 0;)
		{
			rabitq_rotate(LENGTH, made.vectors[i], made.rotated);
			rabitq_block_put(DISTANCE_L2, LENGTH, bits, made.rotated_center, made.rotated, second,
							 i);
		}
		expect(memcmp(second, made.block, size) == 0, "%u bits: the order matters", bits);

		/* Another vector in one lane, and the first one there again */
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
		{
			rabitq_block_put(DISTANCE_L2, LENGTH, bits, made.rotated_center, made.rotated_query,
							 second, i);
			rabitq_block_distances(made.prepared, second, 1.0f, distances, NULL);
			expect(memcmp(second, made.block, size) != 0, "%u bits: nothing was put", bits);
			rabitq_rotate(LENGTH, made.vectors[i], made.rotated);
			rabitq_block_put(DISTANCE_L2, LENGTH, bits, made.rotated_center, made.rotated, second,
							 i);
			expect(memcmp(second, made.block, size) == 0, "%u bits: lane %u wrote elsewhere", bits,
				   i);
		}

		/* Moved in a circle by 5 lanes, 32 times, in one block and to another one */
		memset(before, 0x5a, size);
		memset(before, 0, sizeof(RabitqBlock));
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			rabitq_block_move(LENGTH, bits, made.block, i, before, (i + 5) % RABITQ_BLOCK);
		rabitq_block_distances(made.prepared, before, 1.0f, made.lower_bounds, NULL);
		rabitq_block_distances(made.prepared, made.block, 1.0f, distances, NULL);
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			expect(made.lower_bounds[(i + 5) % RABITQ_BLOCK] == distances[i],
				   "%u bits: lane %u has another distance where it was moved", bits, i);
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			rabitq_block_move(LENGTH, bits, before, (i + 5) % RABITQ_BLOCK, second, i);
		expect(memcmp(second, made.block, size) == 0, "%u bits: moved back, it is another", bits);
	}
	free(before);
	free(second);
	case_free(&made);
	check_done("lanes are put and moved without the others");
}

/* Whatever the bytes of a block are, and whatever the vectors: no NaN, and no byte behind the end. */
static void
test_garbage(void)
{
	static const uint32_t lengths[] = {1, 16, 100, 768, 1536};
	static const float values[] = {NAN,	  INFINITY, -INFINITY, FLT_MAX, -FLT_MAX,
								   1e30f, -1e30f,	1e-30f,	   1e-42f,	0.0f};

	for (int round = 0; round < 1000; round++)
	{
		uint32_t n = lengths[round % 5];
		uint32_t bits = all_bits[round / 5 % 4];
		DistanceMetric metric = metrics[round / 20 % 3];
		size_t size = rabitq_block_size(n, bits);
		Case made = case_create(n);
		Guarded guarded = guarded_create(size);
		unsigned char *block = (unsigned char *) guarded.end - size;

		case_fill(&made, INPUT_GAUSSIAN, metric, n);
		case_measure(&made, metric, n, bits);
		for (size_t i = 0; i < size; i++)
			block[i] = round < 20 ? 0xff : (unsigned char) random_next();
		rabitq_block_distances(made.prepared, block, 1.0f, made.distances, made.lower_bounds);
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			expect(is_settled(made.distances[i], made.lower_bounds[i]), "%g and %g of garbage",
				   made.distances[i], made.lower_bounds[i]);

		/* Vectors with an extreme element, or of such; some are what no type lets in. */
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
		{
			for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
				made.vectors[i][random_below(n)] = values[v];
			if (round % 3 == 0)
				made.center[random_below(n)] = values[v];
			if (round % 3 == 1)
				made.query[random_below(n)] = values[v];
			for (uint32_t i = 0; i < n && round % 7 == 0; i++)
				made.vectors[0][i] = made.query[i] = values[v];
			case_measure(&made, metric, n, bits);
			for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
				expect(is_settled(made.distances[i], made.lower_bounds[i]),
					   "%g and %g of vectors with %g", made.distances[i], made.lower_bounds[i],
					   values[v]);
		}
		munmap((char *) guarded.start - sysconf(_SC_PAGESIZE),
			   guarded_size(guarded) + 2 * sysconf(_SC_PAGESIZE));
		case_free(&made);
	}
	check_done("garbage gives any distance but NaN");
}

/* A vector that is the center, or the query, is measured as such. */
static void
test_center(void)
{
	Case made = case_create(768);

	for (uint32_t n = 1; n <= 768; n = n < 130 ? n + 1 : n + 319)
		for (uint32_t b = 0; b < 4; b++)
			for (size_t m = 0; m < 3; m++)
			{
				float center_distance;

				case_fill(&made, INPUT_GAUSSIAN, metrics[m], n);
				memcpy(made.vectors[7], made.center, n * sizeof(float));
				case_measure(&made, metrics[m], n, all_bits[b]);
				center_distance = (float) exact_distance(metrics[m], made.query, made.center, n);
				expect(made.distances[7] == center_distance &&
						   made.lower_bounds[7] == center_distance,
					   "%u: the center is at %.9g (%.9g), should be %.9g", n, made.distances[7],
					   made.lower_bounds[7], center_distance);
			}
	case_free(&made);
	check_done("the center's code has the center's distance");
}

int
main(void)
{
	/* What the server uses; rabitq_kernels_test.c compares the sets. */
	distance_kernels_choose();
	test_rotation();
	test_spread();
	for (Input input = 0; input < INPUT_KINDS; input++)
		test_estimates(input);
	for (uint32_t b = 0; b < 4; b++)
		test_dense(all_bits[b]);
	test_lanes();
	test_center();
	test_garbage();
	return checks_end();
}
