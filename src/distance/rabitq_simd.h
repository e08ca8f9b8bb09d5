/*
 * rabitq_simd.h
 *		The Hadamard transform for any instruction set with vector registers: one statement of the
 *		loops.
 *
 * A rabitq_*.c file defines the vocabulary below for its registers and includes this file.
 *
 *	SIMD_TARGET					attribute that lets a function use the instructions
 *	SIMD_LANES					floats in a register, a power of two of at most 16
 *	Floats						a register of floats
 *	floats_load(p)  floats_store(p, v)  floats_add  floats_subtract
 *	floats_transform(v)			the transform of the lanes of one register
 */
#ifndef VECTORSTORE_RABITQ_SIMD_H
#define VECTORSTORE_RABITQ_SIMD_H

#define SIMD_FUNCTION SIMD_TARGET static
#define SIMD_INLINE	  SIMD_TARGET static inline __attribute__((always_inline))

/* One step for registers that are `half` floats apart. */
SIMD_INLINE void
transform_pairs(float *values, uint32_t n, uint32_t half)
{
	for (uint32_t i = 0; i < n; i += 2 * half)
	{
		for (uint32_t j = i; j < i + half; j += SIMD_LANES)
		{
			Floats a = floats_load(values + j);
			Floats b = floats_load(values + j + half);

			floats_store(values + j, floats_add(a, b));
			floats_store(values + j + half, floats_subtract(a, b));
		}
	}
}

/* The steps for `half` and 2 * half in one pass over the memory. */
SIMD_INLINE void
transform_fours(float *values, uint32_t n, uint32_t half)
{
	for (uint32_t i = 0; i < n; i += 4 * half)
	{
		for (uint32_t j = i; j < i + half; j += SIMD_LANES)
		{
			Floats a = floats_load(values + j);
			Floats b = floats_load(values + j + half);
			Floats c = floats_load(values + j + 2 * half);
			Floats d = floats_load(values + j + 3 * half);
			Floats a_plus_b = floats_add(a, b);
			Floats a_less_b = floats_subtract(a, b);
			Floats c_plus_d = floats_add(c, d);
			Floats c_less_d = floats_subtract(c, d);

			floats_store(values + j, floats_add(a_plus_b, c_plus_d));
			floats_store(values + j + half, floats_add(a_less_b, c_less_d));
			floats_store(values + j + 2 * half, floats_subtract(a_plus_b, c_plus_d));
			floats_store(values + j + 3 * half, floats_subtract(a_less_b, c_less_d));
		}
	}
}

SIMD_FUNCTION void
hadamard(float *values, uint32_t n)
{
	uint32_t half = SIMD_LANES;

	for (uint32_t i = 0; i < n; i += SIMD_LANES)
		floats_store(values + i, floats_transform(floats_load(values + i)));
	for (; 4 * half <= n; half *= 4)
		transform_fours(values, n, half);
	if (half < n)
		transform_pairs(values, n, half);
}

#endif /* VECTORSTORE_RABITQ_SIMD_H */
