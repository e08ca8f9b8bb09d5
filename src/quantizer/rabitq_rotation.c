/*
 * rabitq_rotation.c
 *		The rotation P of quantizer/rabitq.h.
 *
 * Four rounds of signs by chance, a fast Hadamard transform, and the sums and differences of both
 * halves (a step of Kac's walk, which takes the dimensions along that the transform left out). A
 * transform is of the largest power of two of dimensions, the first ones and the last ones by
 * turns. Each step is a rotation or a reflection times a factor, which is taken out as signs are given.
 *
 * Signs come from a hash of their position: nothing is stored, and they never change, since codes
 * on disk depend on them.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quantizer/rabitq.h"

#define ROUNDS 4

/* Vectors with larger elements, whose sums may overflow, are made smaller first. */
#define HUGE_ELEMENT 0x1p90f
#define HUGE_SCALE	 0x1p-40f

uint32_t
rabitq_rotated_dimensions(uint32_t dimensions)
{
	return (dimensions + RABITQ_ROTATED_PADDING - 1) / RABITQ_ROTATED_PADDING *
		   RABITQ_ROTATED_PADDING;
}

/* Sixty-four signs: the output function of SplitMix64 (Steele et al., OOPSLA 2014). */
static uint64_t
sign_bits(uint32_t round, uint32_t word)
{
	uint64_t z = ((uint64_t) round << 32 | word) * UINT64_C(0x9E3779B97F4A7C15) +
				 UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* values[i] *= factor, with a sign by chance; both ends are multiples of 16 */
static void
flip_signs(uint32_t round, uint32_t first, uint32_t end, float factor, float *values)
{
	while (first < end)
	{
		uint32_t stop = (first / 64 + 1) * 64 < end ? (first / 64 + 1) * 64 : end;

		rabitq_kernels->scale_with_signs(values + first, stop - first,
										 sign_bits(round, first / 64) >> first % 64, factor);
		first = stop;
	}
}

static void
add_halves(float *values, uint32_t count)
{
	uint32_t half = count / 2;

	for (uint32_t i = 0; i < half; i++)
	{
		float a = values[i];
		float b = values[half + i];

		values[i] = a + b;
		values[half + i] = a - b;
	}
}

/* What transforms of `count` floats are made of */
typedef struct Rounds
{
	uint32_t count;
	uint32_t n;			 /* floats of a Hadamard transform */
	float factor;		 /* for those */
	float halves_factor; /* for the others */
} Rounds;

static Rounds
rounds_of(uint32_t count)
{
	Rounds rounds = {.count = count, .n = RABITQ_ROTATED_PADDING, .halves_factor = 1.0f};

	while (2 * rounds.n <= count)
		rounds.n *= 2;
	if (rounds.n < count)
		rounds.halves_factor = sqrtf(0.5f);
	rounds.factor = rounds.halves_factor / sqrtf((float) rounds.n);
	return rounds;
}

static void
give_signs(const Rounds *rounds, uint32_t round, uint32_t first, float *rotated)
{
	flip_signs(round, 0, first, rounds->halves_factor, rotated);
	flip_signs(round, first, first + rounds->n, rounds->factor, rotated);
	flip_signs(round, first + rounds->n, rounds->count, rounds->halves_factor, rotated);
}

static void
rotate_floats(float *rotated, uint32_t count)
{
	Rounds rounds = rounds_of(count);

	for (uint32_t round = 0; round < ROUNDS; round++)
	{
		uint32_t first = round % 2 == 0 ? 0 : count - rounds.n;

		give_signs(&rounds, round, first, rotated);
		rabitq_kernels->hadamard(rotated + first, rounds.n);
		if (rounds.n < count)
			add_halves(rotated, count);
	}
}

/* All steps are their own inverse, but for the factor. */
void
rabitq_rotate_back(uint32_t dimensions, float *rotated, float *vector)
{
	uint32_t count = rabitq_rotated_dimensions(dimensions);
	Rounds rounds = rounds_of(count);

	for (uint32_t round = ROUNDS; round-- > 0;)
	{
		uint32_t first = round % 2 == 0 ? 0 : count - rounds.n;

		if (rounds.n < count)
			add_halves(rotated, count);
		rabitq_kernels->hadamard(rotated + first, rounds.n);
		give_signs(&rounds, round, first, rotated);
	}
	memcpy(vector, rotated, dimensions * sizeof(float));
}

/* Whether sums of the elements may overflow. */
static bool
is_huge(const float *values, uint32_t count)
{
	uint32_t exceeding = 0;

	for (uint32_t i = 0; i < count; i++)
		exceeding |= fabsf(values[i]) > HUGE_ELEMENT;
	return exceeding != 0;
}

void
rabitq_rotate(uint32_t dimensions, const float *vector, float *rotated)
{
	uint32_t count = rabitq_rotated_dimensions(dimensions);

	bool huge = is_huge(vector, dimensions);

	for (uint32_t i = 0; i < dimensions; i++)
		rotated[i] = huge ? vector[i] * HUGE_SCALE : vector[i];
	memset(rotated + dimensions, 0, (count - dimensions) * sizeof(float));
	rotate_floats(rotated, count);
	for (uint32_t i = 0; i < count && huge; i++)
	{
		double value = (double) rotated[i] / (double) HUGE_SCALE;

		value = value < FLT_MAX ? value : FLT_MAX;
		rotated[i] = (float) (value > -FLT_MAX ? value : -FLT_MAX);
	}
}
