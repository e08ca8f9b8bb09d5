/*
 * distance_kernels_test.c
 *		Every set of float32 kernels that this machine can run, against sums in long double.
 *
 * Small integers are the sharpest input: all sums are exact in float32, so a result must be equal,
 * and an element left out, taken twice or taken from outside shows. For other input a result may
 * be off by the rounding of its sums (reference.h).
 *
 * The scalar set is checked in the same way, so each set agrees with it within twice that.
 */
#include "unit.h"

#include "distance/distance.h"
#include "reference.h"

#ifndef LENGTH_ALL
#define LENGTH_ALL 4100 /* all lengths up to here, and LENGTH_MAX */
#endif
#define LENGTH_MAX 16000
#define COUNT_MAX  70

typedef enum Input
{
	INPUT_INTEGERS,
	INPUT_UNIFORM,
	INPUT_MAGNITUDES,
	INPUT_HUGE,
	INPUT_DENORMAL,
	INPUT_ZEROS,
	INPUT_CANCELLING,
	INPUT_NEAR,
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {
	"small integers",
	"uniform",
	"magnitudes from 2^-30 to 2^30",
	"around 1e30",
	"denormals",
	"zeros of both signs",
	"products that cancel",
	"vectors that nearly agree",
};

static void
fill(Input input, float *a, float *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		switch (input)
		{
			case INPUT_INTEGERS:
				a[i] = (float) ((int) random_below(17) - 8);
				b[i] = (float) ((int) random_below(17) - 8);
				break;
			case INPUT_UNIFORM:
				a[i] = random_float();
				b[i] = random_float();
				break;
			case INPUT_MAGNITUDES:
				a[i] = ldexpf(random_float(), (int) random_below(61) - 30);
				b[i] = ldexpf(random_float(), (int) random_below(61) - 30);
				break;
			case INPUT_HUGE:
				a[i] = random_float() * 1e30f;
				b[i] = random_float() * 1e30f;
				break;
			case INPUT_DENORMAL:
				a[i] = random_float() * 1e-38f;
				b[i] = random_float() * 1e-41f;
				break;
			case INPUT_ZEROS:
				a[i] = random_below(2) == 0 ? 0.0f : -0.0f;
				b[i] = random_below(2) == 0 ? 0.0f : -0.0f;
				break;
			case INPUT_CANCELLING:
				a[i] = (i % 2 == 0 ? 1e4f : -1e4f) * (1.0f + random_float() * 0x1p-20f);
				b[i] = 1e4f * (1.0f + random_float() * 0x1p-20f);
				break;
			case INPUT_NEAR:
			default:
				a[i] = 1000.0f + random_float();
				b[i] = a[i] + (float) ((int) random_below(5) - 2) * 0x1p-13f;
				break;
		}
	}
}

static bool
agrees(Input input, float got, const Reference *reference)
{
	return reference_agrees(input == INPUT_INTEGERS || input == INPUT_ZEROS, got, reference);
}

/* n floats that end with the guarded memory; all in front of them is NaN, which would show. */
static float *
place_at_end(Guarded memory, uint32_t n)
{
	memset(memory.start, 0xff, guarded_size(memory));
	return (float *) memory.end - n;
}

static void
compare_pair(const DistanceKernels *set, Input input, const float *a, const float *b, uint32_t n)
{
	References all = references_of(a, b, n);
	float l2 = set->l2_squared(a, b, n);
	float product = set->inner_product(a, b, n);
	float l1 = set->l1(a, b, n);
	double cosine = set->cosine_similarity(a, b, n);

	expect(agrees(input, l2, &all.l2), "l2_squared, length %u: %.9g, should be %.9Lg", n, l2,
		   all.l2.sum);
	expect(agrees(input, product, &all.product), "inner_product, length %u: %.9g, should be %.9Lg",
		   n, product, all.product.sum);
	expect(agrees(input, l1, &all.l1), "l1, length %u: %.9g, should be %.9Lg", n, l1, all.l1.sum);
	expect(reference_cosine_agrees(cosine, &all),
		   "cosine_similarity, length %u: %.17g, should be %.17Lg", n, cosine,
		   all.product.sum / sqrtl(all.square_a.sum * all.square_b.sum));
}

/* All lengths, with the vectors' ends at the end of readable memory. */
static void
test_pairs(const DistanceKernels *set, Input input, Guarded memory_a, Guarded memory_b)
{
	for (uint32_t i = 1; i <= LENGTH_ALL + 1; i++)
	{
		uint32_t n = i <= LENGTH_ALL ? i : LENGTH_MAX;
		float *a = place_at_end(memory_a, n);
		float *b = place_at_end(memory_b, n);

		fill(input, a, b, n);
		compare_pair(set, input, a, b, n);
	}
	check_done("%s: single distances of %s, lengths 1 to %d and %d", set->name, input_names[input],
			   LENGTH_ALL, LENGTH_MAX);
}

/* Vectors at each alignment that floats can have in a cache line, and at the start of a page. */
static void
test_alignments(const DistanceKernels *set, Guarded memory_a, Guarded memory_b)
{
	for (uint32_t n = 1; n <= 200; n++)
		for (uint32_t offset_a = 0; offset_a < 16; offset_a++)
		{
			uint32_t offset_b = (offset_a * 7 + n) % 16;
			float *a = (float *) memory_a.start + offset_a;
			float *b = (float *) memory_b.start + offset_b;

			memset(memory_a.start, 0xff, 4096);
			memset(memory_b.start, 0xff, 4096);
			fill(INPUT_INTEGERS, a, b, n);
			compare_pair(set, INPUT_INTEGERS, a, b, n);
		}
	check_done("%s: single distances at byte offsets 0 to 60", set->name);
}

/* A NaN or an infinity at any place of a vector is in the result. */
static void
test_not_finite(const DistanceKernels *set, Guarded memory_a, Guarded memory_b)
{
	for (uint32_t n = 1; n <= 140; n++)
	{
		float *a = place_at_end(memory_a, n);
		float *b = place_at_end(memory_b, n);
		const void *vectors[5] = {b, b, b, b, b};

		for (uint32_t at = 0; at < n; at++)
		{
			static const float values[] = {NAN, INFINITY, -INFINITY};

			for (int v = 0; v < 3; v++)
			{
				float batch[3][5];

				fill(INPUT_UNIFORM, a, b, n);
				a[at] = v == 0 ? 1.0f : 2.0f;
				b[at] = values[v];
				set->l2_squared_batch(a, vectors, 5, n, batch[0]);
				set->negative_inner_product_batch(a, vectors, 5, n, batch[1]);
				set->l1_batch(a, vectors, 5, n, batch[2]);
				for (int i = 0; i < 6; i++)
				{
					float l2 = i < 5 ? batch[0][i] : set->l2_squared(b, a, n);
					float product = i < 5 ? -batch[1][i] : set->inner_product(b, a, n);
					float l1 = i < 5 ? batch[2][i] : set->l1(b, a, n);

					if (v == 0)
						expect(isnan(l2) && isnan(product) && isnan(l1),
							   "a NaN at %u of %u: %g, %g, %g", at, n, l2, product, l1);
					else
						expect(isinf(l2) && l2 > 0 && product == values[v] && isinf(l1) && l1 > 0,
							   "%g at %u of %u: %g, %g, %g", values[v], at, n, l2, product, l1);
				}
				expect(isnan(set->cosine_similarity(a, b, n)), "cosine with %g at %u of %u",
					   values[v], at, n);

				/* inf - inf and 0 * inf */
				a[at] = values[v];
				expect(isnan(set->l2_squared(a, b, n)) && isnan(set->l1(a, b, n)),
					   "both %g at %u of %u", values[v], at, n);
				a[at] = 0.0f;
				expect(isnan(set->inner_product(a, b, n)), "0 * %g at %u of %u", values[v], at, n);
			}
		}
	}
	check_done("%s: NaN and infinities at each place of vectors of 1 to 140", set->name);
}

static void
compare_batch(const DistanceKernels *set, Input input, const float *query,
			  const void *const *vectors, uint32_t count, uint32_t n)
{
	const float canary = 123456.0f;
	float l2[COUNT_MAX + 1];
	float product[COUNT_MAX + 1];
	float l1[COUNT_MAX + 1];

	for (uint32_t i = 0; i <= count; i++)
		l2[i] = product[i] = l1[i] = canary;
	set->l2_squared_batch(query, vectors, count, n, l2);
	set->negative_inner_product_batch(query, vectors, count, n, product);
	set->l1_batch(query, vectors, count, n, l1);
	expect(l2[count] == canary && product[count] == canary && l1[count] == canary,
		   "a batch of %u of length %u wrote behind the end", count, n);
	for (uint32_t i = 0; i < count; i++)
	{
		References all = references_of(query, (const float *) vectors[i], n);

		expect(agrees(input, l2[i], &all.l2), "l2, %u of %u, length %u: %.9g, should be %.9Lg", i,
			   count, n, l2[i], all.l2.sum);
		expect(agrees(input, -product[i], &all.product),
			   "negative inner product, %u of %u, length %u: %.9g, should be %.9Lg", i, count, n,
			   product[i], -all.product.sum);
		expect(agrees(input, l1[i], &all.l1), "l1, %u of %u, length %u: %.9g, should be %.9Lg", i,
			   count, n, l1[i], all.l1.sum);
	}
}

/* All lengths in batches of five (a group and a single), each vector before a guard page. */
static void
test_batch_lengths(const DistanceKernels *set, Input input, Guarded query_memory,
				   const Guarded *memory)
{
	for (uint32_t i = 1; i <= LENGTH_ALL + 1; i++)
	{
		uint32_t n = i <= LENGTH_ALL ? i : LENGTH_MAX;
		float *query = place_at_end(query_memory, n);
		const void *vectors[5];

		for (int v = 0; v < 5; v++)
		{
			float *vector = place_at_end(memory[v], n);

			fill(input, vector, query, n);
			vectors[v] = vector;
		}
		compare_batch(set, input, query, vectors, 5, n);
	}
	check_done("%s: batches of %s, lengths 1 to %d and %d", set->name, input_names[input],
			   LENGTH_ALL, LENGTH_MAX);
}

static void
test_batch_counts(const DistanceKernels *set)
{
	static const uint32_t lengths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 128, 129, 768};
	float *query = malloc(768 * sizeof(float));
	float *array = malloc((size_t) COUNT_MAX * 769 * sizeof(float));

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (uint32_t count = 0; count <= COUNT_MAX; count++)
		{
			const void *vectors[COUNT_MAX];
			uint32_t n = lengths[l];

			/* In no order, at all alignments. */
			for (uint32_t i = 0; i < count; i++)
			{
				float *vector = array + (size_t) ((i * 37) % COUNT_MAX) * (n + 1);

				fill(INPUT_INTEGERS, vector, query, n);
				vectors[i] = vector;
			}
			compare_batch(set, INPUT_INTEGERS, query, vectors, count, n);
		}
	free(array);
	free(query);
	check_done("%s: batches of 0 to %d vectors", set->name, COUNT_MAX);
}

/* The rounding too is the same wherever a vector stands in a batch, and however long that is. */
static void
test_batch_places(const DistanceKernels *set)
{
	static const uint32_t lengths[] = {3, 17, 50, 100, 129, 768};
	float *query = malloc(768 * sizeof(float));
	float *array = malloc((size_t) COUNT_MAX * 768 * sizeof(float));

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
	{
		DistanceBatch batches[] = {set->l2_squared_batch, set->negative_inner_product_batch,
								   set->l1_batch};
		const void *vectors[COUNT_MAX];
		uint32_t n = lengths[l];

		for (uint32_t i = 0; i < COUNT_MAX; i++)
		{
			fill(INPUT_UNIFORM, array + (size_t) i * n, query, n);
			vectors[i] = array + (size_t) i * n;
		}
		for (int b = 0; b < 3; b++)
		{
			float all[COUNT_MAX];

			batches[b](query, vectors, COUNT_MAX, n, all);
			for (uint32_t first = 0; first < 5; first++)
				for (uint32_t count = 1; count <= 9; count++)
				{
					float some[9];

					batches[b](query, vectors + first, count, n, some);
					for (uint32_t i = 0; i < count; i++)
						expect(
							some[i] == all[first + i],
							"metric %d, length %u, %u of %u from %u: %.9g, %.9g in a batch of %d",
							b, n, i, count, first, some[i], all[first + i], COUNT_MAX);
				}
		}
	}
	free(array);
	free(query);
	check_done("%s: the distance of a vector does not depend on its place in a batch", set->name);
}

static void
test_choice(void)
{
	uint32_t count = 0;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	float a[3] = {1.0f, 2.0f, 3.0f};
	float b[3] = {2.0f, 2.0f, -1.0f};
	const void *vectors[1] = {b};
	static const DistanceMetric metrics[] = {DISTANCE_L2, DISTANCE_INNER_PRODUCT, DISTANCE_COSINE,
											 DISTANCE_L1};
	static const float distances[] = {17.0f, -3.0f, -3.0f, 5.0f};

	expect(strcmp(distance_kernels->name, "scalar") == 0, "before the choice: %s",
		   distance_kernels->name);
	expect(count >= 1 && strcmp(sets[0]->name, "scalar") == 0, "the first set is the scalar one");
	distance_kernels_choose();
	expect(distance_kernels == sets[count - 1], "chosen: %s", distance_kernels->name);
#if defined(__x86_64__)
	expect((__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) == (count > 1),
		   "AVX2 is offered where it is supported");
#elif defined(__aarch64__)
	expect(count == 2 && strcmp(sets[1]->name, "neon") == 0, "NEON is always there");
#endif
	for (int m = 0; m < 4; m++)
	{
		float got = 0.0f;

		distance_batch_function(metrics[m])(a, vectors, 1, 3, &got);
		expect(got == distances[m], "metric %d, batch: %g", m, got);
		got = distance_between(metrics[m], a, b, 3);
		expect(got == distances[m], "metric %d, single: %g", m, got);
	}
	for (uint32_t i = 0; i < count; i++)
		printf("# can run: %s\n", sets[i]->name);
	check_done("the best set is chosen, and metrics are on the scale where smaller is nearer");
}

int
main(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	Guarded memory[6];

	for (int i = 0; i < 6; i++)
		memory[i] = guarded_create(LENGTH_MAX * sizeof(float));
	test_choice();
	for (uint32_t s = 0; s < count; s++)
	{
		for (Input input = 0; input < INPUT_KINDS; input++)
			test_pairs(sets[s], input, memory[0], memory[1]);
		test_alignments(sets[s], memory[0], memory[1]);
		test_not_finite(sets[s], memory[0], memory[1]);
		test_batch_lengths(sets[s], INPUT_INTEGERS, memory[5], memory);
		test_batch_lengths(sets[s], INPUT_MAGNITUDES, memory[5], memory);
		test_batch_counts(sets[s]);
		test_batch_places(sets[s]);
	}
	return checks_end();
}
