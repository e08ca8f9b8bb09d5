/*
 * bit_kernels_test.c
 *		Every set of bit kernels that this machine can run, against bits counted one by one.
 *
 * Results are whole numbers or one division of two, so every set must give exactly the same. The
 * scalar set is checked in the same way.
 */
#include "unit.h"

#include "distance/bit_distance.h"
#include "distance/distance.h"

#define LENGTH_MAX 4100
#define COUNT_MAX  70

typedef enum Input
{
	INPUT_UNIFORM,
	INPUT_SPARSE,
	INPUT_NEAR,
	INPUT_ALL_SET,
	INPUT_DISJOINT,
	INPUT_KINDS
} Input;

static const char *const input_names[INPUT_KINDS] = {
	"random bits", "few bits", "strings that nearly agree", "ones and zeros", "disjoint bits",
};

static void
fill(Input input, uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint8_t x = (uint8_t) (random_next() >> 32);
		uint8_t y = (uint8_t) (random_next() >> 32);

		switch (input)
		{
			case INPUT_UNIFORM:
				a[i] = x;
				b[i] = y;
				break;
			case INPUT_SPARSE:
				a[i] = random_below(20) == 0 ? (uint8_t) (x & -x) : 0;
				b[i] = random_below(20) == 0 ? (uint8_t) (y & -y) : 0;
				break;
			case INPUT_NEAR:
				a[i] = x;
				b[i] = random_below(20) == 0 ? (uint8_t) (x ^ (y & -y)) : x;
				break;
			case INPUT_ALL_SET:
				a[i] = 0xff;
				b[i] = n % 2 == 0 ? 0xff : 0;
				break;
			case INPUT_DISJOINT:
			default:
				a[i] = x;
				b[i] = (uint8_t) ~x;
				break;
		}
	}
}

typedef struct Reference
{
	uint64_t different;
	double jaccard;
} Reference;

static Reference
reference_of(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t in_a = 0;
	uint64_t in_b = 0;
	uint64_t in_both = 0;
	Reference reference = {0};

	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			int x = a[i] >> bit & 1;
			int y = b[i] >> bit & 1;

			reference.different += x != y;
			in_a += (uint64_t) x;
			in_b += (uint64_t) y;
			in_both += x && y;
		}
	reference.jaccard =
		in_both == 0 ? 1.0 : 1.0 - (double) in_both / (double) (in_a + in_b - in_both);
	return reference;
}

static void
compare_pair(const BitKernels *set, const uint8_t *a, const uint8_t *b, size_t n)
{
	Reference reference = reference_of(a, b, n);
	uint64_t different = set->hamming(a, b, n);
	double jaccard = set->jaccard(a, b, n);

	expect(different == reference.different, "hamming, %zu bytes: %lu, should be %lu", n,
		   (unsigned long) different, (unsigned long) reference.different);
	expect(jaccard == reference.jaccard, "jaccard, %zu bytes: %.17g, should be %.17g", n, jaccard,
		   reference.jaccard);
}

/* All lengths, with the strings' ends at the end of readable memory, all ones in front of them. */
static void
test_lengths(const BitKernels *set, Input input, Guarded memory_a, Guarded memory_b)
{
	memset(memory_a.start, 0xff, guarded_size(memory_a));
	memset(memory_b.start, 0xff, guarded_size(memory_b));
	for (size_t n = 0; n <= LENGTH_MAX; n++)
	{
		uint8_t *a = (uint8_t *) memory_a.end - n;
		uint8_t *b = (uint8_t *) memory_b.end - n;

		fill(input, a, b, n);
		compare_pair(set, a, b, n);
	}
	check_done("%s: %s, 0 to %d bytes", set->name, input_names[input], LENGTH_MAX);
}

/* At each offset in a cache line, with ones around. */
static void
test_alignments(const BitKernels *set, Guarded memory_a, Guarded memory_b)
{
	for (size_t n = 1; n <= 300; n++)
		for (size_t offset_a = 0; offset_a < 64; offset_a++)
		{
			uint8_t *a = (uint8_t *) memory_a.start + offset_a;
			uint8_t *b = (uint8_t *) memory_b.start + (offset_a * 7 + n) % 64;

			memset(memory_a.start, 0xff, 512);
			memset(memory_b.start, 0xff, 512);
			fill(INPUT_UNIFORM, a, b, n);
			compare_pair(set, a, b, n);
		}
	check_done("%s: at byte offsets 0 to 63", set->name);
}

static void
test_batches(const BitKernels *set, Guarded query_memory, Guarded memory)
{
	static const size_t lengths[] = {0, 1, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 96, 128, 192, 250};
	const float canary = 123456.0f;

	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (uint32_t count = 0; count <= COUNT_MAX; count++)
		{
			size_t n = lengths[l];
			uint8_t *query = (uint8_t *) query_memory.end - n;
			const void *vectors[COUNT_MAX];
			float hamming[COUNT_MAX + 1];
			float jaccard[COUNT_MAX + 1];

			/* In no order, at all alignments, the last one before a guard page. */
			fill(INPUT_UNIFORM, query, query, n);
			for (uint32_t i = 0; i < count; i++)
			{
				uint8_t unused[512];
				uint8_t *vector = (uint8_t *) memory.end - (i * 37 % COUNT_MAX + 1) * n;

				fill(INPUT_UNIFORM, vector, unused, n);
				vectors[i] = vector;
			}
			for (uint32_t i = 0; i <= count; i++)
				hamming[i] = jaccard[i] = canary;
			set->hamming_batch(query, vectors, count, n, hamming);
			set->jaccard_batch(query, vectors, count, n, jaccard);
			expect(hamming[count] == canary && jaccard[count] == canary,
				   "a batch of %u of %zu bytes wrote behind the end", count, n);
			for (uint32_t i = 0; i < count; i++)
			{
				Reference reference = reference_of(query, (const uint8_t *) vectors[i], n);

				expect(hamming[i] == (float) reference.different &&
						   jaccard[i] == (float) reference.jaccard,
					   "%u of %u of %zu bytes: %g and %g, should be %g and %g", i, count, n,
					   hamming[i], jaccard[i], (double) reference.different, reference.jaccard);
			}
		}
	check_done("%s: batches of 0 to %d strings", set->name, COUNT_MAX);
}

/* More bits than counters of 8, 16 or 24 bits hold. */
static void
test_many_bits(const BitKernels *set)
{
	size_t n = (size_t) 40 << 20;
	uint8_t *a = malloc(n);
	uint8_t *b = malloc(n);

	memset(a, 0xff, n);
	memset(b, 0, n);
	expect(set->hamming(a, b, n) == 8 * (uint64_t) n, "hamming of all bits");
	expect(set->jaccard(a, b, n) == 1.0, "jaccard of no common bit");
	memset(b, 0xff, n / 2);
	expect(set->hamming(a, b, n) == 4 * (uint64_t) n, "hamming of half of the bits");
	expect(set->jaccard(a, b, n) == 0.5, "jaccard of half of the bits");
	expect(set->jaccard(a, a, n) == 0.0, "jaccard of equal strings");
	free(a);
	free(b);
	check_done("%s: strings of %zu bits", set->name, 8 * n);
}

static void
test_choice(void)
{
	uint32_t count = 0;
	const BitKernels *const *sets = bit_kernels_available(&count);

	expect(strcmp(bit_kernels->name, "scalar") == 0, "before the choice: %s", bit_kernels->name);
	expect(count >= 1 && strcmp(sets[0]->name, "scalar") == 0, "the first set is the scalar one");
	distance_kernels_choose();
	expect(bit_kernels == sets[count - 1], "chosen: %s", bit_kernels->name);
#if defined(__x86_64__)
	expect((__builtin_cpu_supports("popcnt") != 0) == (count > 1),
		   "POPCNT is used where it is supported");
#elif defined(__aarch64__)
	expect(count == 2 && strcmp(sets[1]->name, "neon") == 0, "NEON is always there");
#endif
	for (uint32_t i = 0; i < count; i++)
		printf("# can run: %s\n", sets[i]->name);
	check_done("the best set is chosen with the float kernels");
}

int
main(void)
{
	uint32_t count;
	const BitKernels *const *sets = bit_kernels_available(&count);
	Guarded memory_a = guarded_create((size_t) COUNT_MAX * 256);
	Guarded memory_b = guarded_create(LENGTH_MAX);

	test_choice();
	for (uint32_t s = 0; s < count; s++)
	{
		for (Input input = 0; input < INPUT_KINDS; input++)
			test_lengths(sets[s], input, memory_a, memory_b);
		test_alignments(sets[s], memory_a, memory_b);
		test_batches(sets[s], memory_b, memory_a);
		test_many_bits(sets[s]);
	}
	return checks_end();
}
