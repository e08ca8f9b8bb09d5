/*
 * rabitq_dots.h
 *		Products of single codes with a query for instruction sets without AVX-512's masks: one
 *		statement of the loops.
 *
 * A rabitq_*.c file defines the vocabulary below for its registers and includes this file.
 *
 *	SIMD_TARGET					attribute that lets a function use the instructions
 *	SIMD_BYTES					bytes of a register, 16 or 32
 *	Bytes						a register of bytes
 *	Dot							a register of 32-bit sums
 *	bytes_load(p)
 *	bytes_part(v, bits, shift)	the `bits` bits of each byte from bit `shift` on
 *	bytes_mask(p)				SIMD_BYTES bits from p on, as bytes of zeros or ones (all bits)
 *	bytes_and(a, b)
 *	dot_zero()  dot_sum(v)
 *	dot_add(sum, elements, query)	products of unsigned bytes below 16 and signed ones
 *	dot_add_signed(sum, query)		sum of signed bytes
 */
#ifndef VECTORSTORE_RABITQ_DOTS_H
#define VECTORSTORE_RABITQ_DOTS_H

/* One bit a dimension; `dimensions` is a multiple of 16. */
SIMD_INLINE int32_t
dot_of_bits(const int8_t *query, const uint8_t *values, uint32_t dimensions)
{
	Dot sum = dot_zero();
	uint32_t i = 0;

	for (; i + SIMD_BYTES <= dimensions; i += SIMD_BYTES)
		sum = dot_add_signed(sum, bytes_and(bytes_mask(values + i / 8), bytes_load(query + i)));
	if (i < dimensions)
	{
		uint8_t rest[SIMD_BYTES / 8] = {0};

		memcpy(rest, values + i / 8, (dimensions - i) / 8);
		sum = dot_add_signed(sum, bytes_and(bytes_mask(rest), bytes_load(query + i)));
	}
	return dot_sum(sum);
}

/* Parts of bytes from one register of a piece that is `width` bytes long */
SIMD_INLINE Dot
add_parts(Dot sum, uint32_t bits, Bytes bytes, const int8_t *query, uint32_t width)
{
#pragma GCC unroll 4
	for (uint32_t shift = 0; shift < 8; shift += bits)
	{
		sum = dot_add(sum, bytes_part(bytes, bits, shift), bytes_load(query));
		query += width;
	}
	return sum;
}

SIMD_INLINE int32_t
dot_of_parts(uint32_t bits, const int8_t *query, const uint8_t *values, uint32_t dimensions)
{
	uint32_t in_byte = 8 / bits;
	uint32_t bytes = dimensions / in_byte;
	Dot sum = dot_zero();

	for (uint32_t first = 0; first < bytes; first += RABITQ_PIECE)
	{
		uint32_t left = bytes - first;
		uint32_t width = left < RABITQ_PIECE ? left : RABITQ_PIECE;
		const int8_t *part = query + (size_t) first * in_byte;
		uint32_t at = 0;

		for (; at + SIMD_BYTES <= width; at += SIMD_BYTES)
			sum = add_parts(sum, bits, bytes_load(values + first + at), part + at, width);
		if (at < width)
		{
			uint8_t rest[SIMD_BYTES] = {0};

			/* What the query has in place of the zeros does not count. */
			memcpy(rest, values + first + at, width - at);
			sum = add_parts(sum, bits, bytes_load(rest), part + at, width);
		}
	}
	return dot_sum(sum);
}

SIMD_INLINE void
dot_batch(uint32_t bits, const int8_t *query, const void *const *codes, uint32_t count,
		  uint32_t dimensions, int32_t *dots)
{
	size_t bytes = sizeof(RabitqCode) + dimensions * bits / 8;

	prefetch_vectors(codes, count, 0, PREFETCH_WINDOW, bytes);
	for (uint32_t i = 0; i < count; i++)
	{
		const uint8_t *values = ((const RabitqCode *) codes[i])->values;

		if (i + PREFETCH_WINDOW < count)
			prefetch_vectors(codes, count, i + PREFETCH_WINDOW, 1, bytes);
		dots[i] = bits == 1 ? dot_of_bits(query, values, dimensions)
							: dot_of_parts(bits, query, values, dimensions);
	}
}

SIMD_FUNCTION void
dots_1(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(1, query, codes, count, dimensions, dots);
}

SIMD_FUNCTION void
dots_2(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(2, query, codes, count, dimensions, dots);
}

SIMD_FUNCTION void
dots_4(const int8_t *query, const void *const *codes, uint32_t count, uint32_t dimensions,
	   int32_t *dots)
{
	dot_batch(4, query, codes, count, dimensions, dots);
}

#endif /* VECTORSTORE_RABITQ_DOTS_H */
