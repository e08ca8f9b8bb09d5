/*
 * half_kernels_test.c
 *		Every set of kernels for vectors of halfs that this machine can run: conversions bit for bit,
 *		and distances against sums in long double.
 *
 * Conversions are compared with what the standard says, not with our own: the value of a half is
 * computed by ldexp from its fields, and a float must become the half that is nearest by value.
 * Every half is tried, and the floats at, and on both sides of, every midpoint of two halfs.
 *
 * Distances of small integers are exact in float32, so an element left out, taken twice or taken
 * from outside shows; how far other sums may be off is told in reference.h. The scalar set is
 * checked in the same way, so each set agrees with it within twice that.
 */
#include "unit.h"

#include "distance/distance.h"
#include "reference.h"

#ifndef LENGTH_ALL
#define LENGTH_ALL 4100 /* all lengths up to here, and LENGTH_MAX */
#endif
#define LENGTH_MAX 16000
#define COUNT_MAX  70

#define HALF_MAX	  0x7bff /* 65504 */
#define HALF_INFINITY 0x7c00
#define HALF_SIGN	  0x8000

typedef enum Input
{
	INPUT_INTEGERS,
	INPUT_UNIFORM,
	INPUT_ANY,
	INPUT_LARGEST,
	INPUT_SUBNORMAL,
	INPUT_ZEROS,
	INPUT_CANCELLING,
	INPUT_NEAR,
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {
	"small integers",		"uniform",
	"any finite half",		"65504 of both signs",
	"subnormals",			"zeros of both signs",
	"products that cancel", "vectors that nearly agree",
};

static Half
random_sign(void)
{
	return random_below(2) == 0 ? HALF_SIGN : 0;
}

static void
fill(Input input, Half *a, Half *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		switch (input)
		{
			case INPUT_INTEGERS:
				a[i] = half_from_float((float) ((int) random_below(17) - 8));
				b[i] = half_from_float((float) ((int) random_below(17) - 8));
				break;
			case INPUT_UNIFORM:
				a[i] = half_from_float(random_float());
				b[i] = half_from_float(random_float());
				break;
			case INPUT_ANY:
				a[i] = (Half) random_below(HALF_INFINITY) | random_sign();
				b[i] = (Half) random_below(HALF_INFINITY) | random_sign();
				break;
			case INPUT_LARGEST:
				a[i] = HALF_MAX | random_sign();
				b[i] = HALF_MAX | random_sign();
				break;
			case INPUT_SUBNORMAL:
				a[i] = (Half) random_below(0x0400) | random_sign();
				b[i] = (Half) random_below(0x0400) | random_sign();
				break;
			case INPUT_ZEROS:
				a[i] = random_sign();
				b[i] = random_sign();
				break;
			case INPUT_CANCELLING:
				a[i] =
					half_from_float((i % 2 == 0 ? 1e4f : -1e4f) * (1 + random_float() * 0x1p-9f));
				b[i] = half_from_float(1e4f * (1 + random_float() * 0x1p-9f));
				break;
			case INPUT_NEAR:
			default:
				a[i] = half_from_float(1000.0f + random_float());
				b[i] = (Half) (a[i] + random_below(3) - 1);
				break;
		}
	}
}

/* The value of a finite half, from its fields. */
static double
value_of(Half half)
{
	int exponent = half >> 10 & 0x1f;
	int fraction = half & 0x3ff;
	double magnitude =
		exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 15 - 10);

	return half & HALF_SIGN ? -magnitude : magnitude;
}

/* Is this the half nearest to value, of two the one with an even fraction, with value's sign? */
static bool
is_nearest(Half half, float value)
{
	Half magnitude = half & ~HALF_SIGN;
	double size = fabs((double) value);
	double below;
	double above;

	if (isnan(value))
		return magnitude > HALF_INFINITY && (magnitude & 0x0200) != 0;
	if ((half & HALF_SIGN ? 1 : 0) != (signbit(value) ? 1 : 0) || magnitude > HALF_INFINITY)
		return false;

	/* Where a half begins and ends: at the midpoints; the one behind the last would be 65536. */
	below = magnitude == 0 ? -1.0 : (value_of(magnitude - 1) + value_of(magnitude)) / 2;
	if (magnitude == HALF_INFINITY)
		return size >= (value_of(HALF_MAX) + 65536.0) / 2;
	above = (value_of(magnitude) + (magnitude == HALF_MAX ? 65536.0 : value_of(magnitude + 1))) / 2;
	return magnitude % 2 == 0 ? size >= below && size <= above : size > below && size < above;
}

static void
test_to_floats(const DistanceKernels *set, Guarded halfs_memory, Guarded floats_memory)
{
	static Half halfs[0x10000];
	static float floats[0x10000];

	for (uint32_t i = 0; i < 0x10000; i++)
		halfs[i] = (Half) i;
	set->halfs_to_floats(halfs, floats, 0x10000);
	for (uint32_t i = 0; i < 0x10000; i++)
	{
		Half half = halfs[i];
		uint32_t magnitude = half & ~HALF_SIGN;
		float by_itself = half_to_float(half);
		bool right;

		if (magnitude > HALF_INFINITY)
		{
			/* Quiet, with sign and payload. */
			uint32_t bits;

			memcpy(&bits, &floats[i], sizeof(bits));
			right = bits == ((uint32_t) (half & HALF_SIGN) << 16 | 0x7fc00000 | magnitude << 13);
		}
		else if (magnitude == HALF_INFINITY)
			right = floats[i] == (half & HALF_SIGN ? -INFINITY : INFINITY);
		else
			right = (double) floats[i] == value_of(half) &&
					(signbit(floats[i]) != 0) == ((half & HALF_SIGN) != 0);
		expect(right, "half %04x is %.9g", half, floats[i]);
		expect(memcmp(&by_itself, &floats[i], sizeof(float)) == 0, "half %04x by itself is %.9g",
			   half, by_itself);
	}
	check_done("%s: every half becomes the float of its value", set->name);

	for (uint32_t n = 0; n <= 200; n++)
	{
		Half *from = (Half *) halfs_memory.end - n;
		float *to = (float *) floats_memory.end - n - 1;

		for (uint32_t i = 0; i < n; i++)
			from[i] = half_from_float((float) (i + n));
		to[n] = -1;
		set->halfs_to_floats(from, to, n);
		for (uint32_t i = 0; i < n; i++)
			expect(to[i] == (float) (i + n), "%u of %u is %g", i, n, to[i]);
		expect(to[n] == -1, "something behind %u floats", n);
	}
	check_done("%s: arrays of 0 to 200 halfs", set->name);
}

static void
check_from_floats(const DistanceKernels *set, const float *floats, uint32_t count)
{
	static Half halfs[4096];

	set->halfs_from_floats(floats, halfs, count);
	for (uint32_t i = 0; i < count; i++)
	{
		expect(is_nearest(halfs[i], floats[i]), "%.9g is half %04x", floats[i], halfs[i]);
		expect(halfs[i] == half_from_float(floats[i]), "%.9g by itself is half %04x, not %04x",
			   floats[i], half_from_float(floats[i]), halfs[i]);
	}
}

static void
test_from_floats(const DistanceKernels *set, Guarded halfs_memory, Guarded floats_memory)
{
	static float floats[4096];
	uint32_t count = 0;

	/* Each half, the midpoint to the next one, and the floats beside them, of both signs. */
	for (uint32_t half = 0; half <= HALF_MAX; half++)
	{
		double value = value_of((Half) half);
		double next = half == HALF_MAX ? 65536.0 : value_of((Half) (half + 1));
		float middle = (float) ((value + next) / 2);
		float tried[6] = {
			(float) value, nextafterf((float) value, INFINITY), nextafterf(middle, 0),
			middle,		   nextafterf(middle, INFINITY),		nextafterf((float) next, 0)};

		for (int i = 0; i < 6; i++)
		{
			floats[count++] = tried[i];
			floats[count++] = -tried[i];
		}
		if (count > 4096 - 12 || half == HALF_MAX)
		{
			check_from_floats(set, floats, count);
			count = 0;
		}
	}
	check_done("%s: floats around every half and every midpoint", set->name);

	for (uint32_t round = 0; round < 500; round++)
	{
		for (uint32_t i = 0; i < 4096; i++)
		{
			uint32_t bits = (uint32_t) (random_next() >> 32);

			memcpy(&floats[i], &bits, sizeof(bits));
		}
		check_from_floats(set, floats, 4096);
	}
	for (uint32_t i = 0; i < 4096; i++)
	{
		/* The largest, the smallest, infinities, NaN with all payloads that halfs tell apart. */
		static const uint32_t special[] = {0x7f7fffff, 0x00000001, 0x007fffff, 0x00800000,
										   0x7f800000, 0x7f800001, 0x7fffffff, 0x47800000};
		uint32_t bits = i < 16 ? special[i / 2] : 0x7f800000 | i << 11;

		bits |= i % 2 << 31;
		memcpy(&floats[i], &bits, sizeof(bits));
	}
	check_from_floats(set, floats, 4096);
	check_done("%s: floats of random bits, extreme ones, NaN", set->name);

	for (uint32_t n = 0; n <= 200; n++)
	{
		float *from = (float *) floats_memory.end - n;
		Half *to = (Half *) halfs_memory.end - n - 1;

		for (uint32_t i = 0; i < n; i++)
			from[i] = (float) (i + n);
		to[n] = 0x1234;
		set->halfs_from_floats(from, to, n);
		for (uint32_t i = 0; i < n; i++)
			expect(value_of(to[i]) == (double) (i + n), "%u of %u is half %04x", i, n, to[i]);
		expect(to[n] == 0x1234, "something behind %u halfs", n);
	}
	check_done("%s: arrays of 0 to 200 floats", set->name);
}

/* Sums of these as float32 are exact in any order. */
static bool
agrees(Input input, float got, const Reference *reference)
{
	return reference_agrees(input == INPUT_INTEGERS || input == INPUT_ZEROS, got, reference);
}

static References
references_of_halfs(const Half *a, const Half *b, uint32_t n)
{
	static float a_values[LENGTH_MAX];
	static float b_values[LENGTH_MAX];

	for (uint32_t i = 0; i < n; i++)
	{
		a_values[i] = (float) value_of(a[i]);
		b_values[i] = (float) value_of(b[i]);
	}
	return references_of(a_values, b_values, n);
}

/* n halfs that end with the guarded memory; all in front of them is NaN, which would show. */
static Half *
place_at_end(Guarded memory, uint32_t n)
{
	memset(memory.start, 0xff, guarded_size(memory));
	return (Half *) memory.end - n;
}

static void
compare_pair(const DistanceKernels *set, Input input, const Half *a, const Half *b, uint32_t n)
{
	References all = references_of_halfs(a, b, n);
	float l2 = set->half_l2_squared(a, b, n);
	float product = set->half_inner_product(a, b, n);
	float l1 = set->half_l1(a, b, n);
	double cosine = set->half_cosine_similarity(a, b, n);

	expect(agrees(input, l2, &all.l2), "l2_squared, length %u: %.9g, should be %.9Lg", n, l2,
		   all.l2.sum);
	expect(agrees(input, product, &all.product), "inner_product, length %u: %.9g, should be %.9Lg",
		   n, product, all.product.sum);
	expect(agrees(input, l1, &all.l1), "l1, length %u: %.9g, should be %.9Lg", n, l1, all.l1.sum);
	expect(isfinite(l2) && isfinite(product) && isfinite(l1), "finite, length %u", n);
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
		Half *a = place_at_end(memory_a, n);
		Half *b = place_at_end(memory_b, n);

		fill(input, a, b, n);
		compare_pair(set, input, a, b, n);
	}
	check_done("%s: single distances of %s, lengths 1 to %d and %d", set->name, input_names[input],
			   LENGTH_ALL, LENGTH_MAX);
}

/* Vectors at each alignment that halfs can have in a cache line, and at the start of a page. */
static void
test_alignments(const DistanceKernels *set, Guarded memory_a, Guarded memory_b)
{
	for (uint32_t n = 1; n <= 140; n++)
		for (uint32_t offset_a = 0; offset_a < 32; offset_a++)
		{
			uint32_t offset_b = (offset_a * 7 + n) % 32;
			Half *a = (Half *) memory_a.start + offset_a;
			Half *b = (Half *) memory_b.start + offset_b;

			memset(memory_a.start, 0xff, 4096);
			memset(memory_b.start, 0xff, 4096);
			fill(INPUT_INTEGERS, a, b, n);
			compare_pair(set, INPUT_INTEGERS, a, b, n);
		}
	check_done("%s: single distances at byte offsets 0 to 62", set->name);
}

/* A NaN or an infinity at any place of a vector is in the result. */
static void
test_not_finite(const DistanceKernels *set, Guarded memory_a, Guarded memory_b)
{
	for (uint32_t n = 1; n <= 140; n++)
	{
		Half *a = place_at_end(memory_a, n);
		Half *b = place_at_end(memory_b, n);
		const void *vectors[5] = {b, b, b, b, b};

		for (uint32_t at = 0; at < n; at++)
		{
			static const Half values[] = {0x7e00, HALF_INFINITY, HALF_SIGN | HALF_INFINITY};

			for (int v = 0; v < 3; v++)
			{
				float batch[3][5];
				float infinity = v == 1 ? INFINITY : -INFINITY;

				fill(INPUT_UNIFORM, a, b, n);
				a[at] = half_from_float(2.0f);
				b[at] = values[v];
				set->half_l2_squared_batch(a, vectors, 5, n, batch[0]);
				set->half_negative_inner_product_batch(a, vectors, 5, n, batch[1]);
				set->half_l1_batch(a, vectors, 5, n, batch[2]);
				for (int i = 0; i < 6; i++)
				{
					float l2 = i < 5 ? batch[0][i] : set->half_l2_squared(b, a, n);
					float product = i < 5 ? -batch[1][i] : set->half_inner_product(b, a, n);
					float l1 = i < 5 ? batch[2][i] : set->half_l1(b, a, n);

					if (v == 0)
						expect(isnan(l2) && isnan(product) && isnan(l1),
							   "a NaN at %u of %u: %g, %g, %g", at, n, l2, product, l1);
					else
						expect(isinf(l2) && l2 > 0 && product == infinity && isinf(l1) && l1 > 0,
							   "%g at %u of %u: %g, %g, %g", infinity, at, n, l2, product, l1);
				}
				expect(isnan(set->half_cosine_similarity(a, b, n)), "cosine with half %04x at %u",
					   values[v], at);
			}
		}
	}
	check_done("%s: NaN and infinities at each place of vectors of 1 to 140", set->name);
}

static void
compare_batch(const DistanceKernels *set, Input input, const Half *query,
			  const void *const *vectors, uint32_t count, uint32_t n)
{
	const float canary = 123456.0f;
	float l2[COUNT_MAX + 1];
	float product[COUNT_MAX + 1];
	float l1[COUNT_MAX + 1];

	for (uint32_t i = 0; i <= count; i++)
		l2[i] = product[i] = l1[i] = canary;
	set->half_l2_squared_batch(query, vectors, count, n, l2);
	set->half_negative_inner_product_batch(query, vectors, count, n, product);
	set->half_l1_batch(query, vectors, count, n, l1);
	expect(l2[count] == canary && product[count] == canary && l1[count] == canary,
		   "a batch of %u of length %u wrote behind the end", count, n);
	for (uint32_t i = 0; i < count; i++)
	{
		References all = references_of_halfs(query, (const Half *) vectors[i], n);

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
		Half *query = place_at_end(query_memory, n);
		const void *vectors[5];

		for (int v = 0; v < 5; v++)
		{
			Half *vector = place_at_end(memory[v], n);

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
	static const uint32_t lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 129, 768};
	Half *query = malloc(768 * sizeof(Half));
	Half *array = malloc((size_t) COUNT_MAX * 769 * sizeof(Half));

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (uint32_t count = 0; count <= COUNT_MAX; count++)
		{
			const void *vectors[COUNT_MAX];
			uint32_t n = lengths[l];

			/* In no order, at all alignments. */
			for (uint32_t i = 0; i < count; i++)
			{
				Half *vector = array + (size_t) ((i * 37) % COUNT_MAX) * (n + 1);

				fill(INPUT_INTEGERS, vector, query, n);
				vectors[i] = vector;
			}
			compare_batch(set, INPUT_INTEGERS, query, vectors, count, n);
		}
	free(array);
	free(query);
	check_done("%s: batches of 0 to %d vectors", set->name, COUNT_MAX);
}

static void
test_metrics(void)
{
	Half a[3] = {half_from_float(1.0f), half_from_float(2.0f), half_from_float(3.0f)};
	Half b[3] = {half_from_float(2.0f), half_from_float(2.0f), half_from_float(-1.0f)};
	const void *vectors[1] = {b};
	static const DistanceMetric metrics[] = {DISTANCE_L2, DISTANCE_INNER_PRODUCT, DISTANCE_COSINE,
											 DISTANCE_L1};
	static const float distances[] = {17.0f, -3.0f, -3.0f, 5.0f};

	for (int m = 0; m < 4; m++)
	{
		float got = 0.0f;

		half_distance_batch_function(metrics[m])(a, vectors, 1, 3, &got);
		expect(got == distances[m], "metric %d, batch: %g", m, got);
		got = half_distance_between(metrics[m], a, b, 3);
		expect(got == distances[m], "metric %d, single: %g", m, got);
	}
	check_done("metrics are on the scale where smaller is nearer");
}

int
main(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	Guarded memory[6];
	Guarded floats = guarded_create(LENGTH_MAX * sizeof(float));

	for (int i = 0; i < 6; i++)
		memory[i] = guarded_create(LENGTH_MAX * sizeof(Half));
	distance_kernels_choose();
	test_metrics();
	for (uint32_t s = 0; s < count; s++)
	{
		test_to_floats(sets[s], memory[0], floats);
		test_from_floats(sets[s], memory[0], floats);
		for (Input input = 0; input < INPUT_KINDS; input++)
			test_pairs(sets[s], input, memory[0], memory[1]);
		test_alignments(sets[s], memory[0], memory[1]);
		test_not_finite(sets[s], memory[0], memory[1]);
		test_batch_lengths(sets[s], INPUT_INTEGERS, memory[5], memory);
		test_batch_lengths(sets[s], INPUT_ANY, memory[5], memory);
		test_batch_counts(sets[s]);
	}
	return checks_end();
}
