/*
 * rabitq_coding_simd.h
 *		Encoding and the making of look-ups, in the compilers' vectors of 8 and 16 elements: one
 *		statement of the loops, which any instruction set compiles to registers of its own width.
 *
 * Each lane of a sum is one of the specification's partial sums, and products of floats are exact in
 * double: so all sets give the same bits, whether or not they multiply and add in one step.
 */
#ifndef VECTORSTORE_RABITQ_CODING_SIMD_H
#define VECTORSTORE_RABITQ_CODING_SIMD_H

typedef float Floats8 __attribute__((vector_size(32)));
typedef int32_t Ints8 __attribute__((vector_size(32)));
typedef double Doubles8 __attribute__((vector_size(64)));
typedef uint8_t Bytes8 __attribute__((vector_size(8)));

#define WIDEN(floats) __builtin_convertvector(floats, Doubles8)

/* r[i] to r[i + 7] */
#define LOAD_RESIDUAL(r, i)                                                                        \
	do                                                                                             \
	{                                                                                              \
		memcpy(&(r), vector + (i), sizeof(r));                                                     \
		if (center != NULL)                                                                        \
		{                                                                                          \
			Floats8 of_center;                                                                     \
                                                                                                   \
			memcpy(&of_center, center + (i), sizeof(of_center));                                   \
			(r) -= of_center;                                                                      \
		}                                                                                          \
	} while (0)

/* |r| */
#define MAGNITUDE(r) ((Floats8) ((Ints8) (r) &0x7fffffff))

/* The levels of magnitudes in whole numbers; NaN has the highest. */
#define LEVELS(magnitude, factor, top, levels)                                                     \
	do                                                                                             \
	{                                                                                              \
		Floats8 scaled = (magnitude) * (factor);                                                   \
		Floats8 highest = (Floats8){0} + (top);                                                    \
		Ints8 is_below = scaled < highest;                                                         \
                                                                                                   \
		scaled = (Floats8) (((Ints8) scaled & is_below) | ((Ints8) highest & ~is_below));          \
		(levels) = __builtin_convertvector(scaled, Ints8);                                         \
	} while (0)

SIMD_INLINE double
join_lanes(const Doubles8 *sums)
{
	double lanes[RABITQ_LANES];

	memcpy(lanes, sums, sizeof(lanes));
	return rabitq_join_lanes(lanes);
}

SIMD_FUNCTION void
code_moments(const float *vector, const float *center, uint32_t count, RabitqMoments *moments)
{
	Doubles8 squares = {0};
	Doubles8 magnitudes = {0};
	Doubles8 center_squares = {0};
	Doubles8 center_dots = {0};

	for (uint32_t i = 0; i < count; i += RABITQ_LANES)
	{
		Floats8 r;
		Doubles8 wide;

		LOAD_RESIDUAL(r, i);
		wide = WIDEN(r);
		squares += wide * wide;
		magnitudes += WIDEN(MAGNITUDE(r));
		if (center != NULL)
		{
			Floats8 c;

			memcpy(&c, center + i, sizeof(c));
			center_dots += wide * WIDEN(c);
			center_squares += WIDEN(c) * WIDEN(c);
		}
	}
	moments->square = join_lanes(&squares);
	moments->magnitude = join_lanes(&magnitudes);
	moments->center_square = join_lanes(&center_squares);
	moments->center_dot = join_lanes(&center_dots);
}

SIMD_FUNCTION void
code_trials(const float *vector, const float *center, uint32_t count, const float *factors,
			float top_level, double *dots, double *squares)
{
	Doubles8 dot_sums[RABITQ_TRIALS] = {{0}};
	Doubles8 square_sums[RABITQ_TRIALS] = {{0}};

	for (uint32_t i = 0; i < count; i += RABITQ_LANES)
	{
		Floats8 r;

		LOAD_RESIDUAL(r, i);
		r = MAGNITUDE(r);
#pragma GCC unroll 4
		for (uint32_t trial = 0; trial < RABITQ_TRIALS; trial++)
		{
			Ints8 levels;
			Floats8 v;

			LEVELS(r, factors[trial], top_level, levels);
			v = __builtin_convertvector(levels, Floats8) + 0.5f;
			dot_sums[trial] += WIDEN(v) * WIDEN(r);
			square_sums[trial] += WIDEN(v) * WIDEN(v);
		}
	}
	for (uint32_t trial = 0; trial < RABITQ_TRIALS; trial++)
	{
		dots[trial] = join_lanes(&dot_sums[trial]);
		squares[trial] = join_lanes(&square_sums[trial]);
	}
}

SIMD_FUNCTION double
code_elements(const float *vector, const float *center, uint32_t count, float factor,
			  float top_level, uint8_t *elements)
{
	Doubles8 dots = {0};
	int32_t middle = (int32_t) top_level + 1;

	for (uint32_t i = 0; i < count; i += RABITQ_LANES)
	{
		Floats8 r;
		Ints8 levels;
		Ints8 is_positive;
		Bytes8 bytes;

		LOAD_RESIDUAL(r, i);
		LEVELS(MAGNITUDE(r), factor, top_level, levels);
		is_positive = r > 0.0f;
		/* -1 - level where r is not positive */
		levels = (levels & is_positive) | (~levels & ~is_positive);
		bytes = __builtin_convertvector(levels + middle, Bytes8);
		memcpy(elements + i, &bytes, sizeof(bytes));
		if (center != NULL)
		{
			Floats8 v = __builtin_convertvector(levels, Floats8) + 0.5f;
			Floats8 c;

			memcpy(&c, center + i, sizeof(c));
			dots += WIDEN(v) * WIDEN(c);
		}
	}
	return join_lanes(&dots);
}

SIMD_FUNCTION void
fill_look_ups(const float *query, uint32_t groups, float steps_per_unit, uint32_t top_look_up,
			  uint8_t *tables, uint8_t *high_tables)
{
	typedef float Floats16 __attribute__((vector_size(64)));
	typedef int32_t Ints16 __attribute__((vector_size(64)));
	typedef uint8_t Bytes16 __attribute__((vector_size(16)));
	const Floats16 with0 = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
	const Floats16 with1 = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
	const Floats16 with2 = {0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1};
	const Floats16 with3 = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
	const Floats16 top = (Floats16){0} + (float) top_look_up;

	for (uint32_t group = 0; group < groups; group++)
	{
		const float *q = query + (size_t) group * RABITQ_GROUP;
		float least = (q[0] < 0.0f ? q[0] : 0.0f) + (q[1] < 0.0f ? q[1] : 0.0f) +
					  (q[2] < 0.0f ? q[2] : 0.0f) + (q[3] < 0.0f ? q[3] : 0.0f);
		Floats16 sums = ((with0 * q[0] + with1 * q[1]) + with2 * q[2]) + with3 * q[3];
		Floats16 steps = (sums - least) * steps_per_unit + 0.5f;
		Ints16 is_below = steps < top;
		Ints16 is_positive;
		Bytes16 bytes;
		Ints16 values;

		/* Rounding may leave a little more than the range, or less than nothing. */
		steps = (Floats16) (((Ints16) steps & is_below) | ((Ints16) top & ~is_below));
		is_positive = steps > 0.0f;
		steps = (Floats16) ((Ints16) steps & is_positive);
		values = __builtin_convertvector(steps, Ints16);
		bytes = __builtin_convertvector(values & 0xff, Bytes16);
		memcpy(tables + (size_t) group * RABITQ_GROUP_BYTES, &bytes, sizeof(bytes));
		if (high_tables != NULL)
		{
			bytes = __builtin_convertvector(values >> 8, Bytes16);
			memcpy(high_tables + (size_t) group * RABITQ_GROUP_BYTES, &bytes, sizeof(bytes));
		}
	}
}

#endif /* VECTORSTORE_RABITQ_CODING_SIMD_H */
