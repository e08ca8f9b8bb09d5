/*
 * sq8_kernels_test.c
 *		Every set of kernels for 8-bit codes that this machine can run.
 *
 * Integer products must be equal to the sum in 64 bits, in all sets. L1 is exact too for codes of
 * integers; for others it may be off by the rounding of each element and of the sums, as told in
 * distance_kernels_test.c. Codes end at the end of readable memory, or begin at its start; the
 * bytes that pad them to a multiple of four are set, so that a kernel that counts them shows.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "distance/distance.h"

#ifndef LENGTH_ALL
#define LENGTH_ALL 4100 /* all lengths up to here, and LENGTH_MAX */
#endif
#define LENGTH_MAX 16000
#define COUNT_MAX  70

/* The largest allowed sum of |query[i]|. */
#define QUERY_SUM_MAX (INT32_MAX / 255)

typedef enum Input
{
	INPUT_RANDOM,
	INPUT_LARGEST,	/* the sum is as large as it may be */
	INPUT_SMALLEST, /* and as small */
	INPUT_OPPOSED,	/* large addends that cancel */
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {"random values", "the largest sums",
													 "the smallest sums", "sums that cancel"};

static size_t
slot_size(uint32_t n)
{
	return (sizeof(Sq8Code) + n + 3) / 4 * 4;
}

/* A slot at the end of the memory, padding set. */
static Sq8Code *
place_at_end(Guarded memory, uint32_t n)
{
	Sq8Code *code = (Sq8Code *) ((char *) memory.end - slot_size(n));

	memset(memory.start, 0xff, guarded_size(memory));
	return code;
}

static int16_t
largest_word(uint32_t n)
{
	return (int16_t) (QUERY_SUM_MAX / n > INT16_MAX ? INT16_MAX : QUERY_SUM_MAX / n);
}

static void
fill_words(Input input, int16_t *query, uint32_t n)
{
	int16_t largest = largest_word(n);

	for (uint32_t i = 0; i < n; i++)
		switch (input)
		{
			case INPUT_RANDOM:
				query[i] =
					(int16_t) ((int32_t) random_below(2u * (uint32_t) largest + 1) - largest);
				break;
			case INPUT_LARGEST:
				query[i] = largest;
				break;
			case INPUT_SMALLEST:
				query[i] = (int16_t) -largest;
				break;
			default:
				query[i] = (int16_t) (i % 2 == 0 ? largest : -largest);
				break;
		}
	for (uint32_t i = n; i % SQ8_QUERY_PADDING != 0; i++)
		query[i] = 0;
}

static void
fill_values(Input input, Sq8Code *code, uint32_t n)
{
	code->value_sum = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		code->values[i] = input == INPUT_RANDOM ? (uint8_t) random_next() : 255;
		code->value_sum += code->values[i];
	}
}

/* The first code is the query. */
static void
compare_code_dots(const DistanceKernels *set, const void *const *codes, uint32_t count, uint32_t n)
{
	const int32_t canary = 123456789;
	int32_t dots[COUNT_MAX + 1];

	for (uint32_t i = 0; i <= count; i++)
		dots[i] = canary;
	set->sq8_code_dot_batch(count > 0 ? codes[0] : NULL, codes, count, n, dots);
	expect(dots[count] == canary, "a batch of %u codes wrote behind the end", count);
	for (uint32_t i = 0; i < count; i++)
	{
		const Sq8Code *query = (const Sq8Code *) codes[0];
		const Sq8Code *code = (const Sq8Code *) codes[i];
		int64_t sum = 0;

		for (uint32_t j = 0; j < n; j++)
			sum += (int64_t) query->values[j] * code->values[j];
		expect(dots[i] == sum, "codes, %u of %u, length %u: %d, should be %lld", i, count, n,
			   dots[i], (long long) sum);
	}
}

static void
compare_dots(const DistanceKernels *set, const int16_t *query, const void *const *codes,
			 uint32_t count, uint32_t n)
{
	const int32_t canary = 123456789;
	int32_t dots[COUNT_MAX + 1];

	for (uint32_t i = 0; i <= count; i++)
		dots[i] = canary;
	set->sq8_dot_batch(query, codes, count, n, dots);
	expect(dots[count] == canary, "a batch of %u wrote behind the end", count);
	for (uint32_t i = 0; i < count; i++)
	{
		const Sq8Code *code = (const Sq8Code *) codes[i];
		int64_t sum = 0;

		for (uint32_t j = 0; j < n; j++)
			sum += (int64_t) query[j] * code->values[j];
		expect(dots[i] == sum, "%u of %u, length %u: %d, should be %lld", i, count, n, dots[i],
			   (long long) sum);
	}
	compare_code_dots(set, codes, count, n);
}

static void
test_dot_lengths(const DistanceKernels *set, Input input, Guarded query_memory,
				 const Guarded *memory)
{
	for (uint32_t l = 1; l <= LENGTH_ALL + 1; l++)
	{
		uint32_t n = l <= LENGTH_ALL ? l : LENGTH_MAX;
		uint32_t padded = (n + SQ8_QUERY_PADDING - 1) / SQ8_QUERY_PADDING * SQ8_QUERY_PADDING;
		int16_t *query = (int16_t *) query_memory.end - padded;
		const void *codes[5];

		fill_words(input, query, n);
		for (int v = 0; v < 5; v++)
		{
			Sq8Code *code = place_at_end(memory[v], n);

			fill_values(input, code, n);
			codes[v] = code;
		}
		compare_dots(set, query, codes, 5, n);
	}
	check_done("%s: integer products of %s, lengths 1 to %d and %d", set->name, input_names[input],
			   LENGTH_ALL, LENGTH_MAX);
}

/* Codes at the start of readable memory: tails may be read from the header, not from before it. */
static void
test_starts(const DistanceKernels *set, const Guarded *memory)
{
	int16_t query[224];
	float vector[200];

	for (uint32_t n = 1; n <= 200; n++)
	{
		const void *codes[5];
		float distances[5];

		fill_words(INPUT_RANDOM, query, n);
		for (uint32_t i = 0; i < n; i++)
			vector[i] = (float) random_below(100);
		for (int v = 0; v < 5; v++)
		{
			Sq8Code *code = (Sq8Code *) memory[v].start;

			memset(code, 0xff, 1024);
			code->offset = -5.0f;
			code->step = 1.0f;
			fill_values(INPUT_RANDOM, code, n);
			codes[v] = code;
		}
		compare_dots(set, query, codes, 5, n);
		set->sq8_l1_batch(vector, codes, 5, n, distances);
		for (int v = 0; v < 5; v++)
		{
			const Sq8Code *code = (const Sq8Code *) codes[v];
			float sum = 0.0f;

			for (uint32_t i = 0; i < n; i++)
				sum += fabsf(-5.0f + (float) code->values[i] - vector[i]);
			expect(distances[v] == sum, "l1, length %u: %g, should be %g", n, distances[v], sum);
		}
	}
	check_done("%s: codes at the start of readable memory", set->name);
}

static void
test_dot_counts(const DistanceKernels *set)
{
	static const uint32_t lengths[] = {1, 15, 16, 17, 31, 32, 33, 64, 100, 128, 768};
	char *array = malloc(COUNT_MAX * (slot_size(768) + 4));
	int16_t query[768];

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (uint32_t count = 0; count <= COUNT_MAX; count++)
		{
			const void *codes[COUNT_MAX];
			uint32_t n = lengths[l];

			fill_words(INPUT_RANDOM, query, n);
			/* In no order, at all alignments. */
			for (uint32_t i = 0; i < count; i++)
			{
				Sq8Code *code = (Sq8Code *) (array + (i * 37 % COUNT_MAX) * (slot_size(n) + 4));

				memset(code, 0xff, slot_size(n));
				fill_values(INPUT_RANDOM, code, n);
				codes[i] = code;
			}
			compare_dots(set, query, codes, count, n);
		}
	free(array);
	check_done("%s: integer products of 0 to %d codes", set->name, COUNT_MAX);
}

/* L1 of codes with any offset and step, and of integers, where it is exact. */
static void
test_l1(const DistanceKernels *set, bool integers, Guarded query_memory, const Guarded *memory)
{
	for (uint32_t l = 1; l <= LENGTH_ALL + 1; l++)
	{
		uint32_t n = l <= LENGTH_ALL ? l : LENGTH_MAX;
		float *query = (float *) query_memory.end - n;
		const void *codes[5];
		float distances[6];

		memset(query_memory.start, 0xff, guarded_size(query_memory));
		for (uint32_t i = 0; i < n; i++)
			query[i] = integers ? (float) ((int) random_below(256) - 128) : random_float();
		for (int v = 0; v < 5; v++)
		{
			Sq8Code *code = place_at_end(memory[v], n);

			code->offset = integers ? -128.0f : random_float();
			code->step = integers ? 1.0f : (1.0f + random_float()) / 255.0f;
			fill_values(INPUT_RANDOM, code, n);
			codes[v] = code;
		}
		distances[5] = 123456.0f;
		set->sq8_l1_batch(query, codes, 5, n, distances);
		expect(distances[5] == 123456.0f, "wrote behind the end");
		for (int v = 0; v < 5; v++)
		{
			const Sq8Code *code = (const Sq8Code *) codes[v];
			long double sum = 0;
			long double size = 0;
			long double bound;

			for (uint32_t i = 0; i < n; i++)
			{
				long double element = code->offset + (long double) code->step * code->values[i];

				sum += fabsl(element - query[i]);
				size += fabsl(element);
			}
			bound = integers ? 0 : (n / 8 + 16) * 0x1p-24L * sum + 0x1p-24L * size;
			expect(fabsl(distances[v] - sum) <= bound, "length %u: %.9g, should be %.9Lg", n,
				   distances[v], sum);
		}
	}
	check_done("%s: l1 of %s codes, lengths 1 to %d and %d", set->name,
			   integers ? "integer" : "random", LENGTH_ALL, LENGTH_MAX);
}

/* A step that a float32 product with 255 would overflow on; and what is not finite stays so. */
static void
test_l1_extremes(const DistanceKernels *set)
{
	for (uint32_t n = 1; n <= 40; n++)
	{
		Sq8Code *code = calloc(1, slot_size(n));
		const void *codes[5] = {code, code, code, code, code};
		float query[40] = {0};
		float distances[5];

		/* The elements are -FLT_MAX + 255 * step, a little under FLT_MAX: at the end, else 0. */
		for (uint32_t i = 0; i < n; i++)
			query[i] = -FLT_MAX;
		code->offset = -FLT_MAX;
		code->step = nextafterf((float) (2.0 * FLT_MAX / 255.0), 0.0f);
		query[n - 1] = FLT_MAX;
		code->values[n - 1] = 255;
		set->sq8_l1_batch(query, codes, 5, n, distances);
		for (int v = 0; v < 5; v++)
			expect(distances[v] >= 0.0f && distances[v] < 1e-5f * FLT_MAX, "length %u: %g", n,
				   distances[v]);

		code->step = 1.0f;
		query[n - 1] = INFINITY;
		set->sq8_l1_batch(query, codes, 5, n, distances);
		for (int v = 0; v < 5; v++)
			expect(isinf(distances[v]), "infinite query, length %u: %g", n, distances[v]);
		query[n - 1] = 0.0f;
		code->offset = NAN;
		set->sq8_l1_batch(query, codes, 5, n, distances);
		for (int v = 0; v < 5; v++)
			expect(isnan(distances[v]), "offset NaN, length %u: %g", n, distances[v]);
		free(code);
	}
	check_done("%s: l1 of codes with the largest range, and not finite", set->name);
}

int
main(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	Guarded memory[6];

	for (int i = 0; i < 5; i++)
		memory[i] = guarded_create(slot_size(LENGTH_MAX));
	memory[5] = guarded_create(LENGTH_MAX * sizeof(float));
	for (uint32_t s = 0; s < count; s++)
	{
		for (Input input = 0; input < INPUT_KINDS; input++)
			test_dot_lengths(sets[s], input, memory[5], memory);
		test_dot_counts(sets[s]);
		test_l1(sets[s], true, memory[5], memory);
		test_l1(sets[s], false, memory[5], memory);
		test_starts(sets[s], memory);
		test_l1_extremes(sets[s]);
	}
	return checks_end();
}
