/*
 * quantizer_test.c
 *		The quantizers through QuantizerRoutine, with every set of kernels.
 *
 * What a code must keep: each element within half a step (a 255th of the vector's range) and the
 * rounding of float32. What a distance must keep: it is that between the query and the decoded
 * vector, but for a query that was rounded to 16 bits. Its step t is at most a 32767th of the
 * largest deviation from the mean, or so large that the sum of all words is 2^31 / 255; an element
 * y is off by t / 2, so (x - y)^2 by |x - y| t + t^2 / 4 and x y by |x| t / 2.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "quantizer/quantizer.h"

#define LENGTH_MAX 16000

typedef enum Input
{
	INPUT_UNIFORM,
	INPUT_GAUSSIAN,
	INPUT_SPARSE,	/* many zeros, none negative, as histograms are */
	INPUT_FAR,		/* far from the origin, near to one another */
	INPUT_OUTLIER,	/* one element much larger than the others */
	INPUT_CONSTANT, /* all elements equal */
	INPUT_HUGE,		/* range above FLT_MAX */
	INPUT_TINY,		/* denormals */
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {
	"uniform",
	"gaussian",
	"sparse",
	"far from the origin",
	"with an outlier",
	"constant",
	"with a range above FLT_MAX",
	"denormal",
};

static const uint32_t lengths[] = {1,  2,  3,	5,	 8,	  15,  16,	 17,   31,	 32,
								   33, 63, 100, 128, 255, 768, 1536, 3072, 4096, LENGTH_MAX};

#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static float
gaussian(void)
{
	float sum = 0.0f;

	for (int i = 0; i < 12; i++)
		sum += random_float();
	return sum * 0.5f;
}

static void
fill(Input input, float *vector, uint32_t n)
{
	float constant = random_float() * 100.0f;

	for (uint32_t i = 0; i < n; i++)
		switch (input)
		{
			case INPUT_UNIFORM:
				vector[i] = random_float();
				break;
			case INPUT_GAUSSIAN:
			case INPUT_OUTLIER:
				vector[i] = gaussian();
				break;
			case INPUT_SPARSE:
				vector[i] = random_below(3) == 0 ? (float) random_below(200) : 0.0f;
				break;
			case INPUT_FAR:
				vector[i] = 1e6f + random_float();
				break;
			case INPUT_CONSTANT:
				vector[i] = constant;
				break;
			case INPUT_HUGE:
				vector[i] = random_float() * FLT_MAX;
				break;
			default:
				vector[i] = random_float() * 1e-42f;
				break;
		}
	if (input == INPUT_OUTLIER)
		vector[random_below(n)] = 500.0f;
	/* The maximum is the largest float: where the step is rounded up, the last element overflows. */
	if (input == INPUT_HUGE && n > 1)
	{
		vector[random_below(n)] = -FLT_MAX * (1.0f - (float) random_below(1000) * 0x1p-12f);
		vector[random_below(n)] = FLT_MAX;
	}
}

static void
test_none(void)
{
	const QuantizerRoutine *none = quantizer_routine(QUANTIZER_NONE);
	float vector[100];
	float decoded[100];
	float code[100];
	const void *codes[1] = {code};

	expect(none != NULL && none->kind == QUANTIZER_NONE && strcmp(none->name, "none") == 0 &&
			   none->exact,
		   "the routine of 0");
	expect(none->parameters_size(100) == 0 && none->code_size(100) == 400, "sizes");
	expect(none->query_size(100) >= sizeof(QuantizerQuery), "size of a query");
	fill(INPUT_GAUSSIAN, vector, 100);
	none->encode(NULL, vector, 100, code);
	none->decode(NULL, code, 100, decoded);
	expect(memcmp(vector, code, sizeof(code)) == 0, "the code is the vector");
	expect(memcmp(vector, decoded, sizeof(code)) == 0, "decoding gives it back");
	for (DistanceMetric metric = DISTANCE_L2; metric <= DISTANCE_L1; metric++)
	{
		QuantizerQuery *query = malloc(none->query_size(100));
		float distance = NAN;
		float expected;

		fill(INPUT_GAUSSIAN, decoded, 100);
		none->prepare_query(NULL, metric, decoded, 100, query);
		expect(query->routine == none && query->metric == metric && query->dimensions == 100,
			   "a prepared query tells what it is");
		none->distances(query, codes, 1, &distance);
		expected = distance_between(metric, decoded, vector, 100);
		expect(fabsf(distance - expected) <= 1e-5f * fabsf(expected) + 1e-5f,
			   "metric %d: %.9g, should be %.9g", metric, distance, expected);
		free(query);
	}
	check_done("none: the code is the raw vector, distances are exact");
}

static void
test_kinds(void)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);

	expect(sq8 != NULL && sq8->kind == QUANTIZER_SQ8 && strcmp(sq8->name, "sq8") == 0 &&
			   !sq8->exact,
		   "the routine of 1");
	expect(sq8->parameters_size(100) == 0, "sq8 needs no training");
	for (uint32_t n = 1; n < 100; n++)
		expect(sq8->code_size(n) % 4 == 0 && sq8->code_size(n) >= sizeof(Sq8Code) + n &&
				   sq8->code_size(n) < sizeof(Sq8Code) + n + 4,
			   "size of a code of %u: %u", n, sq8->code_size(n));
	expect(quantizer_routine((QuantizerKind) 77) == NULL, "an unknown kind");
	check_done("the routine of each kind, none for an unknown one");
}

static void
test_codes(Input input)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);
	float *vector = malloc(LENGTH_MAX * sizeof(float));
	float *decoded = malloc(LENGTH_MAX * sizeof(float));
	char *memory = malloc(sq8->code_size(LENGTH_MAX) + 1);
	char *second = malloc(sq8->code_size(LENGTH_MAX) + 1);

	for (size_t l = 0; l < LENGTHS; l++)
		for (int round = 0; round < 20; round++)
		{
			uint32_t n = lengths[l];
			const Sq8Code *code = (const Sq8Code *) memory;
			double minimum = DBL_MAX;
			double maximum = -DBL_MAX;
			double largest;
			double step;
			double bound;
			uint32_t value_sum = 0;
			uint32_t square_sum = 0;

			fill(input, vector, n);
			memset(memory, 0x55, sq8->code_size(n) + 1);
			memset(second, 0xaa, sq8->code_size(n) + 1);
			sq8->encode(NULL, vector, n, memory);
			sq8->encode(NULL, vector, n, second);
			expect(memcmp(memory, second, sq8->code_size(n)) == 0,
				   "equal vectors of %u have equal codes", n);
			expect(memory[sq8->code_size(n)] == 0x55, "encode wrote behind the code of %u", n);
			sq8->decode(NULL, memory, n, decoded);

			for (uint32_t i = 0; i < n; i++)
			{
				minimum = fmin(minimum, vector[i]);
				maximum = fmax(maximum, vector[i]);
				value_sum += code->values[i];
				square_sum += (uint32_t) code->values[i] * code->values[i];
			}
			expect(code->value_sum == value_sum && code->square_sum == square_sum,
				   "sums of a code of %u", n);

			/* The step is rounded to float32, 255 times; the element is, once. */
			largest = fmax(fabs(minimum), fabs(maximum));
			step = (maximum - minimum) / 255.0;
			bound = step * (0.5 + 255 * 0x1p-23) + largest * 0x1p-24 + 256 * 0x1p-149;
			if (minimum == maximum)
				bound = 0;
			for (uint32_t i = 0; i < n; i++)
				expect(isfinite(decoded[i]) && fabs((double) decoded[i] - vector[i]) <= bound,
					   "element %u of %u: %.9g for %.9g, allowed is %.3g", i, n, decoded[i],
					   vector[i], bound);
		}
	free(second);
	free(memory);
	free(decoded);
	free(vector);
	check_done("sq8: elements of vectors %s are within half a step", input_names[input]);
}

/* The largest step that the words of a query may have. */
static long double
query_step(const float *query, uint32_t n)
{
	long double mean = 0;
	long double largest = 0;
	long double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		mean += (long double) query[i] / n;
	for (uint32_t i = 0; i < n; i++)
	{
		largest = fmaxl(largest, fabsl(query[i] - mean));
		sum += fabsl(query[i] - mean);
	}
	return fmaxl(largest / 32767, sum / (2147483647.0L / 255 - n / 2.0L - 2)) * (1 + 1e-9L);
}

/* Between codes nothing is rounded but the joined sums in double, and the result to float32. */
static void
compare_code_distance(DistanceMetric metric, float got, const Sq8Code *a, const Sq8Code *b,
					  uint32_t n)
{
	long double sum = 0;
	long double magnitude = 0;
	long double bound;

	for (uint32_t i = 0; i < n; i++)
	{
		long double values_a = (long double) a->step * a->values[i];
		long double values_b = (long double) b->step * b->values[i];
		long double x = a->offset + values_a;
		long double y = b->offset + values_b;
		long double apart = (long double) a->offset - b->offset;

		sum += metric == DISTANCE_L2 ? (x - y) * (x - y) : -x * y;
		magnitude += metric == DISTANCE_L2
						 ? values_a * values_a + values_b * values_b + apart * apart
						 : (fabsl((long double) a->offset) + values_a) *
							   (fabsl((long double) b->offset) + values_b);
	}
	bound = magnitude * 1e-13L + fabsl(sum) * 0x1p-23L + n * 0x1p-149L;
	if (fabsl(sum) - bound > FLT_MAX)
		expect(isinf(got) && (got > 0) == (sum > 0), "codes, metric %d, %u: %g, should be %Lg",
			   metric, n, got, sum);
	else if (fabsl(sum) + bound < FLT_MAX)
		expect(fabsl(got - sum) <= bound,
			   "codes, metric %d, %u: %.9g, should be %.9Lg, allowed %.3Lg", metric, n, got, sum,
			   bound);
}

static void
compare_distance(DistanceMetric metric, float got, const float *query, const Sq8Code *code,
				 uint32_t n)
{
	long double t = query_step(query, n);
	long double sum = 0;
	long double magnitude = 0;
	long double bound = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		long double x = code->offset + (long double) code->step * code->values[i];
		long double y = query[i];
		long double term;

		if (metric == DISTANCE_L2)
		{
			term = (x - y) * (x - y);
			bound += fabsl(x - y) * t + t * t / 4;
		}
		else if (metric == DISTANCE_L1)
		{
			term = fabsl(x - y);
			bound += (n / 8 + 16) * 0x1p-24L * term + 0x1p-24L * fabsl(x);
		}
		else
		{
			term = -x * y;
			bound += fabsl(x) * t / 2;
		}
		sum += term;
		magnitude += fabsl(term);
	}
	/* Rounding of the joined sums in double, and of the result to float32. */
	bound += magnitude * 1e-11L + (fabsl(sum) + bound) * 0x1p-24L + n * 0x1p-149L;
	if (fabsl(sum) - bound > FLT_MAX)
		expect(isinf(got) && (got > 0) == (sum > 0), "metric %d, %u: %g, should be %Lg", metric, n,
			   got, sum);
	else if (fabsl(sum) + bound < FLT_MAX)
		expect(fabsl(got - sum) <= bound, "metric %d, %u: %.9g, should be %.9Lg, allowed %.3Lg",
			   metric, n, got, sum, bound);
	else
		expect(!isnan(got), "metric %d, %u: NaN", metric, n);
}

/* Both vectors of the kind, and a query of the kind to gaussian vectors. */
static void
test_distances(const char *set, Input input)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);
	enum
	{
		COUNT = 5
	};
	float *vector = malloc(LENGTH_MAX * sizeof(float));
	QuantizerQuery *query = malloc(sq8->query_size(LENGTH_MAX));
	char *array = malloc((size_t) sq8->code_size(LENGTH_MAX) * COUNT);

	for (size_t l = 0; l < LENGTHS; l++)
		for (int round = 0; round < 8; round++)
			for (DistanceMetric metric = DISTANCE_L2; metric <= DISTANCE_L1; metric++)
			{
				uint32_t n = lengths[l];
				const void *codes[COUNT];
				float distances[COUNT + 1];

				for (int i = 0; i < COUNT; i++)
				{
					char *code = array + (size_t) i * sq8->code_size(n);

					fill(round % 2 == 0 ? input : INPUT_GAUSSIAN, vector, n);
					sq8->encode(NULL, vector, n, code);
					codes[i] = code;
				}
				/* The last query is one of the vectors. */
				if (round < 7)
					fill(input, vector, n);
				sq8->prepare_query(NULL, metric, vector, n, query);
				expect(query->routine == sq8 && query->metric == metric && query->dimensions == n,
					   "a prepared query tells what it is");
				distances[COUNT] = 4711.0f;
				sq8->distances(query, codes, COUNT, distances);
				expect(distances[COUNT] == 4711.0f, "wrote behind the end");
				for (int i = 0; i < COUNT; i++)
					compare_distance(metric, distances[i], vector, (const Sq8Code *) codes[i], n);
				if (metric == DISTANCE_L1)
					continue;

				sq8->prepare_code(NULL, metric, codes[round % COUNT], n, query);
				expect(query->routine == sq8 && query->metric == metric && query->dimensions == n,
					   "a prepared code tells what it is");
				sq8->distances(query, codes, COUNT, distances);
				for (int i = 0; i < COUNT; i++)
					compare_code_distance(metric, distances[i],
										  (const Sq8Code *) codes[round % COUNT],
										  (const Sq8Code *) codes[i], n);
			}
	free(array);
	free(query);
	free(vector);
	check_done("%s: sq8 distances of vectors %s", set, input_names[input]);
}

/* Counts beyond the chunks that are computed together; and every set gives the same bits. */
static void
test_counts(const DistanceKernels *const *sets, uint32_t sets_count)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);
	enum
	{
		LENGTH = 100,
		COUNT = 300
	};
	float vector[LENGTH];
	QuantizerQuery *query = malloc(sq8->query_size(LENGTH));
	char *array = malloc((size_t) sq8->code_size(LENGTH) * COUNT);
	const void *codes[COUNT];

	for (int i = 0; i < COUNT; i++)
	{
		char *code = array + (size_t) i * sq8->code_size(LENGTH);

		fill(INPUT_GAUSSIAN, vector, LENGTH);
		sq8->encode(NULL, vector, LENGTH, code);
		codes[i] = code;
	}
	for (DistanceMetric metric = DISTANCE_L2; metric <= DISTANCE_COSINE; metric++)
	{
		float expected[COUNT];

		sq8->prepare_query(NULL, metric, vector, LENGTH, query);
		for (int i = 0; i < COUNT; i++)
			sq8->distances(query, codes + i, 1, expected + i);
		for (uint32_t s = 0; s < sets_count; s++)
			for (uint32_t count = 0; count <= COUNT; count += count < 70 ? 1 : 23)
			{
				float distances[COUNT + 1];

				distance_kernels = sets[s];
				distances[count] = 4711.0f;
				sq8->distances(query, codes, count, distances);
				expect(distances[count] == 4711.0f, "%u: wrote behind the end", count);
				expect(memcmp(distances, expected, count * sizeof(float)) == 0,
					   "%s, metric %d: distances of %u differ from those of one at a time",
					   sets[s]->name, metric, count);
			}
	}
	free(array);
	free(query);
	check_done("sq8: batches of 0 to %d, the same bits in all sets", COUNT);
}

/* The order of distances is that of the exact ones, as far as the codes can tell. */
static void
test_order(uint32_t n)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);
	enum
	{
		COUNT = 1000,
		NEAREST = 10
	};
	float *vectors = malloc((size_t) n * (COUNT + 1) * sizeof(float));
	float *vector = vectors + (size_t) COUNT * n;
	char *array = malloc((size_t) sq8->code_size(n) * COUNT);
	QuantizerQuery *query = malloc(sq8->query_size(n));

	for (int i = 0; i <= COUNT; i++)
		fill(INPUT_GAUSSIAN, vectors + (size_t) i * n, n);
	for (int i = 0; i < COUNT; i++)
		sq8->encode(NULL, vectors + (size_t) i * n, n, array + (size_t) i * sq8->code_size(n));
	for (DistanceMetric metric = DISTANCE_L2; metric <= DISTANCE_L1; metric++)
	{
		float exact[COUNT];
		float coded[COUNT];
		int kept = 0;

		sq8->prepare_query(NULL, metric, vector, n, query);
		for (int i = 0; i < COUNT; i++)
		{
			const void *code = array + (size_t) i * sq8->code_size(n);

			exact[i] = distance_between(metric, vector, vectors + (size_t) i * n, n);
			sq8->distances(query, &code, 1, coded + i);
		}
		for (int i = 0; i < COUNT; i++)
		{
			int nearer_exact = 0;
			int nearer_coded = 0;

			for (int j = 0; j < COUNT; j++)
			{
				nearer_exact += exact[j] < exact[i];
				nearer_coded += coded[j] < coded[i];
			}
			if (nearer_exact < NEAREST && nearer_coded < NEAREST + 5)
				kept++;
		}
		expect(kept == NEAREST, "metric %d, %u dimensions: %d of the nearest %d are kept", metric,
			   n, kept, NEAREST);
	}
	free(query);
	free(array);
	free(vectors);
	check_done("sq8: the nearest 10 of 1000 are among the nearest 15 by codes, %u dimensions", n);
}

/* Bytes of no code at all, as a corrupt page has them: any distance, but nothing worse. */
static void
test_garbage(void)
{
	const QuantizerRoutine *sq8 = quantizer_routine(QUANTIZER_SQ8);
	uint32_t sizes[] = {1, 33, 128, 1000};
	float vector[1000];

	for (int round = 0; round < 2000; round++)
	{
		uint32_t n = sizes[round % 4];
		size_t size = sq8->code_size(n);
		unsigned char *code = malloc(size);
		const void *codes[4] = {code, code, code, code};
		QuantizerQuery *query = malloc(sq8->query_size(n));
		float distances[4];

		for (size_t i = 0; i < size; i++)
			code[i] = round < 8 ? 0xff : (unsigned char) random_next();
		fill(INPUT_GAUSSIAN, vector, n);
		for (DistanceMetric metric = DISTANCE_L2; metric <= DISTANCE_L1; metric++)
		{
			sq8->prepare_query(NULL, metric, vector, n, query);
			sq8->distances(query, codes, 4, distances);
			expect(memcmp(&distances[0], &distances[3], sizeof(float)) == 0 ||
					   (isnan(distances[0]) && isnan(distances[3])),
				   "the same bytes have the same distance");
			expect(metric != DISTANCE_L2 || !(distances[0] < 0.0f), "a squared distance of %g",
				   distances[0]);
		}
		free(query);
		free(code);
	}
	/* Nor do vectors that no vector type lets in. */
	for (uint32_t at = 0; at < 33; at++)
		for (int v = 0; v < 3; v++)
		{
			static const float values[] = {NAN, INFINITY, -INFINITY};
			char *code = malloc(sq8->code_size(33));
			const void *codes[1] = {code};
			QuantizerQuery *query = malloc(sq8->query_size(33));
			float distance = 0.0f;

			fill(INPUT_GAUSSIAN, vector, 33);
			vector[at] = values[v];
			sq8->encode(NULL, vector, 33, code);
			sq8->prepare_query(NULL, DISTANCE_L2, vector, 33, query);
			sq8->distances(query, codes, 1, &distance);
			expect(!(distance < 0.0f), "a squared distance of %g", distance);
			free(query);
			free(code);
		}
	check_done("sq8: any bytes as codes and any floats as vectors are survived");
}

int
main(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);

	distance_kernels_choose();
	test_kinds();
	test_none();
	for (Input input = 0; input < INPUT_KINDS; input++)
		test_codes(input);
	for (uint32_t s = 0; s < count; s++)
	{
		distance_kernels = sets[s];
		for (Input input = 0; input < INPUT_KINDS; input++)
			test_distances(sets[s]->name, input);
	}
	test_counts(sets, count);
	test_order(128);
	test_order(768);
	test_order(4096);
	test_garbage();
	return checks_end();
}
