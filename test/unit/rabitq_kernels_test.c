/*
 * rabitq_kernels_test.c
 *		Every set of RaBitQ kernels that this machine can run, against the scalar one.
 *
 * Integer sums and products, transforms and signs must be the same bits. Distances may differ by the
 * rounding of a multiplication that is joined with an addition. Blocks, tables and codes end at the
 * end of readable memory.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "distance/rabitq_kernels.h"

#define DIMENSIONS_MAX 4800

typedef enum Input
{
	INPUT_RANDOM,
	INPUT_LARGEST, /* all bits of codes and look-ups set */
	INPUT_KINDS
} Input;

static void
fill_bytes(Input input, void *to, size_t bytes)
{
	unsigned char *byte = (unsigned char *) to;

	for (size_t i = 0; i < bytes; i++)
		byte[i] = input == INPUT_LARGEST ? 0xff : (unsigned char) random_next();
}

static bool
near_enough(float a, float b, float magnitude)
{
	return a == b || fabsf(a - b) <= 1e-6f * magnitude;
}

static void
compare_block(const RabitqKernels *set, const RabitqLookup *lookup, const RabitqBlock *block)
{
	const RabitqKernels *scalar = rabitq_kernels_available(&(uint32_t){0})[0];
	int32_t expected_sums[RABITQ_BLOCK];
	int32_t sums[RABITQ_BLOCK];
	float expected[RABITQ_BLOCK];
	float expected_lower[RABITQ_BLOCK];
	float distances[RABITQ_BLOCK + 1];
	float lower[RABITQ_BLOCK + 1];

	scalar->block_sums(lookup, block, expected_sums);
	set->block_sums(lookup, block, sums);
	expect(memcmp(sums, expected_sums, sizeof(sums)) == 0,
		   "%u planes of %u groups: the first sum is %d, should be %d", lookup->planes,
		   lookup->groups, sums[0], expected_sums[0]);

	scalar->block_distances(lookup, block, 2.0f, 3.0f, expected, expected_lower);
	distances[RABITQ_BLOCK] = lower[RABITQ_BLOCK] = 4711.0f;
	set->block_distances(lookup, block, 2.0f, 3.0f, distances, NULL);
	set->block_distances(lookup, block, 2.0f, 3.0f, distances, lower);
	expect(distances[RABITQ_BLOCK] == 4711.0f && lower[RABITQ_BLOCK] == 4711.0f,
		   "wrote behind the end");
	for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
	{
		float magnitude = 2.0f + fabsf(block->add[i]) +
						  fabsf(block->rescale[i]) * (lookup->scale * (float) sums[i] +
													  fabsf(lookup->bias) + lookup->error) +
						  3.0f * fabsf(block->error[i]);

		expect(near_enough(distances[i], expected[i], magnitude), "distance %u: %.9g for %.9g", i,
			   distances[i], expected[i]);
		expect(near_enough(lower[i], expected_lower[i], magnitude), "bound %u: %.9g for %.9g", i,
			   lower[i], expected_lower[i]);
	}
}

static void
test_blocks(const RabitqKernels *set, Input input)
{
	size_t table_bytes_max = (size_t) DIMENSIONS_MAX / RABITQ_GROUP * RABITQ_GROUP_BYTES * 2;
	Guarded tables = guarded_create(table_bytes_max);
	Guarded blocks = guarded_create(sizeof(RabitqBlock) + table_bytes_max * 4);

	for (uint32_t dimensions = 16; dimensions <= DIMENSIONS_MAX;
		 dimensions += dimensions < 256 ? 16 : 16 * (1 + random_below(40)))
	{
		for (uint32_t planes = 1; planes <= 8; planes *= 2)
		{
			RabitqLookup lookup = {
				.groups = dimensions / RABITQ_GROUP,
				.planes = planes,
				.wide = planes == 8,
				.scale = 0.001f,
				.bias = -1.5f,
				.error = 0.25f,
			};
			size_t bytes = (size_t) lookup.groups * RABITQ_GROUP_BYTES;
			uint8_t *table = (uint8_t *) tables.end - bytes * (lookup.wide ? 2 : 1);
			RabitqBlock *block =
				(RabitqBlock *) ((char *) blocks.end - sizeof(RabitqBlock) - bytes * planes);

			lookup.tables = table;
			fill_bytes(input, table, bytes * (lookup.wide ? 2 : 1));
			/* With 8 planes, sums must fit 31 bits: tables are made so. */
			for (size_t i = bytes; lookup.wide && i < 2 * bytes; i++)
				table[i] &= 0x07;
			fill_bytes(input, block, sizeof(RabitqBlock) + bytes * planes);
			for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			{
				block->add[i] = random_float() * 100.0f;
				block->rescale[i] = -fabsf(random_float());
				block->error[i] = fabsf(random_float());
			}
			compare_block(set, &lookup, block);
		}
	}
	check_done("%s: blocks of %s", set->name, input == INPUT_RANDOM ? "random codes" : "ones");
}

/* Factors of any bits: NaN never comes out. */
static void
test_garbage(const RabitqKernels *set)
{
	uint8_t tables[16 * 16];
	char memory[sizeof(RabitqBlock) + 16 * 16];
	RabitqBlock *block = (RabitqBlock *) memory;
	RabitqLookup lookup = {.tables = tables, .groups = 16, .planes = 1, .scale = 1.0f};

	for (int round = 0; round < 20000; round++)
	{
		float distances[RABITQ_BLOCK];
		float lower[RABITQ_BLOCK];

		fill_bytes(round < 3 ? INPUT_LARGEST : INPUT_RANDOM, memory, sizeof(memory));
		fill_bytes(INPUT_RANDOM, tables, sizeof(tables));
		set->block_distances(&lookup, block, round % 2 == 0 ? 1.0f : INFINITY, 1.0f, distances,
							 lower);
		for (uint32_t i = 0; i < RABITQ_BLOCK; i++)
			expect(!isnan(distances[i]) && !isnan(lower[i]), "%g and %g of garbage", distances[i],
				   lower[i]);
	}
	check_done("%s: no NaN from garbage", set->name);
}

static void
test_dots(const RabitqKernels *set, const RabitqKernels *scalar)
{
	enum
	{
		COUNT_MAX = 70
	};
	Guarded memory = guarded_create(sizeof(RabitqCode) + DIMENSIONS_MAX / 2);
	int8_t *query = malloc(DIMENSIONS_MAX + RABITQ_QUERY_PADDING);
	char *array = calloc(COUNT_MAX, sizeof(RabitqCode) + DIMENSIONS_MAX / 2 + 4);

	for (uint32_t dimensions = 16; dimensions <= DIMENSIONS_MAX;
		 dimensions += dimensions < 800 ? 16 : 16 * (1 + random_below(20)))
	{
		for (uint32_t bits = 1; bits <= 4; bits *= 2)
		{
			RabitqDotBatch dots_of = bits == 1	 ? set->dots_1
									 : bits == 2 ? set->dots_2
												 : set->dots_4;
			RabitqDotBatch expected_of = bits == 1	 ? scalar->dots_1
										 : bits == 2 ? scalar->dots_2
													 : scalar->dots_4;
			size_t size = sizeof(RabitqCode) + (dimensions * bits / 8 + 3) / 4 * 4;
			char *last = (char *) memory.end - size;
			const void *codes[COUNT_MAX];
			int32_t expected[COUNT_MAX];
			int32_t dots[COUNT_MAX + 1];
			uint32_t count = random_below(COUNT_MAX + 1);

			memset(query, 0, dimensions + RABITQ_QUERY_PADDING);
			for (uint32_t i = 0; i < dimensions; i++)
				query[i] = (int8_t) (count % 3 == 0 ? 127 : (int32_t) random_below(255) - 127);
			for (uint32_t i = 0; i < count; i++)
			{
				char *code = i + 1 == count ? last : array + i * size;

				fill_bytes(count % 5 == 0 ? INPUT_LARGEST : INPUT_RANDOM, code, size);
				codes[i] = code;
			}
			for (uint32_t i = count; i <= COUNT_MAX; i++)
				dots[i] = 4711;
			expected_of(query, codes, count, dimensions, expected);
			dots_of(query, codes, count, dimensions, dots);
			expect(memcmp(dots, expected, count * sizeof(int32_t)) == 0,
				   "%u bits, %u dimensions, %u codes", bits, dimensions, count);
			expect(dots[count] == 4711, "wrote behind the end");
		}
	}
	free(array);
	free(query);
	check_done("%s: products with single codes", set->name);
}

/* The specification itself, against the elements one by one. */
static void
test_places(const RabitqKernels *scalar)
{
	for (uint32_t dimensions = 16; dimensions <= 1600; dimensions += 16)
	{
		for (uint32_t bits = 1; bits <= 4; bits *= 2)
		{
			unsigned char memory[sizeof(RabitqCode) + 800];
			unsigned char used[800] = {0};
			int8_t query[1600 + RABITQ_QUERY_PADDING] = {0};
			const void *codes[1] = {memory};
			RabitqCode *code = (RabitqCode *) memory;
			int32_t dot = 0;
			uint32_t i = random_below(dimensions);

			memset(memory, 0, sizeof(memory));
			query[i] = 100;
			for (uint32_t j = 0; j < dimensions; j++)
			{
				RabitqPlace place = rabitq_place(bits, dimensions, j);
				unsigned char part = (unsigned char) (((1u << bits) - 1) << place.shift);

				expect(place.byte < dimensions * bits / 8 && place.shift + bits <= 8 &&
						   (used[place.byte] & part) == 0,
					   "%u bits, %u dimensions: place of %u", bits, dimensions, j);
				used[place.byte] |= part;
				if (j == i)
					code->values[place.byte] |= part;
			}
			(bits == 1	 ? scalar->dots_1
			 : bits == 2 ? scalar->dots_2
						 : scalar->dots_4)(query, codes, 1, dimensions, &dot);
			expect(dot == 100 * ((1 << bits) - 1), "%u bits, element %u of %u: %d", bits, i,
				   dimensions, dot);
		}
	}
	check_done("every element of a code has a place of its own");
}

static void
test_transforms(const RabitqKernels *set, const RabitqKernels *scalar)
{
	float *values = malloc(8192 * sizeof(float));
	float *expected = malloc(8192 * sizeof(float));

	for (uint32_t n = 16; n <= 8192; n *= 2)
	{
		for (int round = 0; round < 5; round++)
		{
			for (uint32_t i = 0; i < n; i++)
				values[i] = random_float() * (round == 0 ? 1e-38f : 1.0f);
			memcpy(expected, values, n * sizeof(float));
			scalar->hadamard(expected, n);
			set->hadamard(values, n);
			expect(memcmp(values, expected, n * sizeof(float)) == 0, "a transform of %u", n);
		}
	}
	for (uint32_t count = 16; count <= 64; count += 16)
	{
		for (int round = 0; round < 50; round++)
		{
			uint64_t signs = random_next();

			for (uint32_t i = 0; i < 64; i++)
				values[i] = random_float();
			memcpy(expected, values, 64 * sizeof(float));
			scalar->scale_with_signs(expected, count, signs, 0.3f);
			set->scale_with_signs(values, count, signs, 0.3f);
			expect(memcmp(values, expected, 64 * sizeof(float)) == 0, "signs of %u", count);
			expect(values[0] != 0.0f && (expected[5] < 0.0f) == (values[5] < 0.0f), "signs");
		}
	}
	free(values);
	free(expected);
	check_done("%s: transforms and signs", set->name);
}

/* Encoding gives the same bits in all sets, NaN included; look-ups differ by a rounding at most. */
static void
test_coding(const RabitqKernels *set, const RabitqKernels *scalar)
{
	enum
	{
		MAX = 2048
	};
	static const float levels[] = {0.0f, 1.0f, 7.0f, 127.0f};
	Guarded vectors = guarded_create(MAX * sizeof(float));
	Guarded centers = guarded_create(MAX * sizeof(float));

	for (uint32_t count = 16; count <= MAX; count += count < 256 ? 16 : 16 * (1 + random_below(20)))
	{
		for (int round = 0; round < 24; round++)
		{
			float *vector = (float *) vectors.end - count;
			float *center = round % 3 == 0 ? NULL : (float *) centers.end - count;
			float top = levels[round % 4];
			float factors[RABITQ_TRIALS] = {0.0f, 0.9f * top, 1.1f * top, 1e30f};
			double expected[2][RABITQ_TRIALS];
			double got[2][RABITQ_TRIALS];
			uint8_t expected_elements[MAX];
			uint8_t elements[MAX + 1];
			RabitqMoments expected_moments;
			RabitqMoments moments;
			uint8_t expected_tables[MAX * 8];
			uint8_t tables[MAX * 8];
			bool wide = round % 2 == 0;
			bool agree = true;

			for (uint32_t i = 0; i < count; i++)
			{
				vector[i] = random_float();
				((float *) centers.end - count)[i] = random_float();
			}
			if (round == 20)
				vector[random_below(count)] = NAN;
			scalar->code_moments(vector, center, count, &expected_moments);
			set->code_moments(vector, center, count, &moments);
			expect(memcmp(&moments, &expected_moments, sizeof(moments)) == 0 || round == 20,
				   "moments of %u: %.17g for %.17g", count, moments.square,
				   expected_moments.square);
			scalar->code_trials(vector, center, count, factors, top, expected[0], expected[1]);
			set->code_trials(vector, center, count, factors, top, got[0], got[1]);
			expect(memcmp(got, expected, sizeof(got)) == 0 || round == 20, "trials of %u", count);
			elements[count] = 77;
			got[0][0] = set->code_elements(vector, center, count, factors[2], top, elements);
			expected[0][0] =
				scalar->code_elements(vector, center, count, factors[2], top, expected_elements);
			expect(memcmp(&got[0][0], &expected[0][0], sizeof(double)) == 0 || round == 20,
				   "the product of %u: %.17g for %.17g", count, got[0][0], expected[0][0]);
			expect(memcmp(elements, expected_elements, count) == 0, "elements of %u", count);
			expect(elements[count] == 77, "wrote behind the end of %u", count);

			if (round == 20)
				continue;
			scalar->fill_look_ups(vector, count / 4, wide ? 10000.0f : 60.0f, wide ? 65535 : 255,
								  expected_tables, wide ? expected_tables + count * 4 : NULL);
			set->fill_look_ups(vector, count / 4, wide ? 10000.0f : 60.0f, wide ? 65535 : 255,
							   tables, wide ? tables + count * 4 : NULL);
			for (uint32_t i = 0; i < count * 4; i++)
			{
				int a = tables[i] + (wide ? tables[count * 4 + i] * 256 : 0);
				int b = expected_tables[i] + (wide ? expected_tables[count * 4 + i] * 256 : 0);

				agree = agree && abs(a - b) <= 1;
			}
			expect(agree, "look-ups of %u", count);
		}
	}
	check_done("%s: encoding and look-ups", set->name);
}

int
main(void)
{
	uint32_t count;
	const RabitqKernels *const *sets = rabitq_kernels_available(&count);

	expect(strcmp(sets[0]->name, "scalar") == 0, "the scalar set is the first");
	expect(rabitq_kernels == sets[0], "the scalar set is used before one is chosen");
	rabitq_kernels_choose();
	expect(rabitq_kernels == sets[count - 1], "the last set is chosen");
	check_done("%u sets of kernels; %s is chosen", count, sets[count - 1]->name);
	test_places(sets[0]);
	for (uint32_t s = 0; s < count; s++)
	{
		test_blocks(sets[s], INPUT_RANDOM);
		test_blocks(sets[s], INPUT_LARGEST);
		test_garbage(sets[s]);
		test_dots(sets[s], sets[0]);
		test_transforms(sets[s], sets[0]);
		test_coding(sets[s], sets[0]);
	}
	return checks_end();
}
