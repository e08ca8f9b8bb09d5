/*
 * kernels_packed.h
 *		Products of many vectors with many packed ones (packed.h), for any instruction set.
 *
 * Included by kernels_simd.h, whose vocabulary it uses, and these words more:
 *
 *	simd_any_less(a, b)			is a lane of a less than that of b?
 *	SIMD_TILE_ROWS, SIMD_TILE_REGISTERS
 *								vectors and registers of packed vectors that are multiplied
 *								together: rows * registers sums, and a few more registers
 *
 * A tile of sums is kept in registers over all dimensions: a load of packed elements serves all rows,
 * a broadcast element of a row all registers, so the multiply-add units are what limits it: 85 to 110
 * GFLOP/s of one core of an EPYC of family 25 (AVX-512, 128 and 768 dimensions), where a batch kernel
 * (one query against 1,000 vectors) reaches 23 to 29.
 *
 * Rows are taken in blocks that stay in the second-level cache while all packed vectors pass by.
 */

#define TILE_COLUMNS	  (SIMD_TILE_REGISTERS * SIMD_LANES)
#define TILE_BLOCK_FLOATS (64 * 1024)

/* The rows of a tile; the last one stands for those that are not there. */
SIMD_INLINE void
tile_rows(const float *const *vectors, uint32_t count, const float **rows)
{
#pragma GCC unroll 8
	for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
		rows[r] = vectors[r < count ? r : count - 1];
}

/* Scores of SIMD_TILE_ROWS rows with `registers` (a constant) registers of packed vectors from j on. */
SIMD_INLINE void
tile_scores(const PackedVectors *packed, uint32_t j, const float *const *rows, uint32_t registers,
			Simd scores[SIMD_TILE_ROWS][SIMD_TILE_REGISTERS])
{
	const float *columns[SIMD_TILE_REGISTERS];

#pragma GCC unroll 4
	for (uint32_t c = 0; c < registers; c++)
	{
		uint32_t first = j + c * SIMD_LANES;
		uint32_t panel = first / DISTANCE_PANEL;

		columns[c] = packed->packed + (size_t) panel * DISTANCE_PANEL * packed->dimensions +
					 first % DISTANCE_PANEL;
#pragma GCC unroll 8
		for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
			scores[r][c] = simd_zero();
	}
	for (uint32_t d = 0; d < packed->dimensions; d++)
	{
		Simd elements[SIMD_TILE_REGISTERS];

#pragma GCC unroll 4
		for (uint32_t c = 0; c < registers; c++)
			elements[c] = simd_load(columns[c] + (size_t) d * DISTANCE_PANEL);
#pragma GCC unroll 8
		for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
		{
			Simd element = simd_broadcast(rows[r][d]);

#pragma GCC unroll 4
			for (uint32_t c = 0; c < registers; c++)
				scores[r][c] = simd_multiply_add(element, elements[c], scores[r][c]);
		}
	}
#pragma GCC unroll 4
	for (uint32_t c = 0; c < registers; c++)
	{
		Simd bias = simd_load(packed->bias + j + c * SIMD_LANES);

#pragma GCC unroll 8
		for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
			scores[r][c] = simd_subtract(bias, scores[r][c]);
	}
}

SIMD_INLINE void
tile_store(const PackedVectors *packed, uint32_t j, const float *const *vectors, uint32_t count,
		   uint32_t registers, float *scores)
{
	const float *rows[SIMD_TILE_ROWS];
	Simd sums[SIMD_TILE_ROWS][SIMD_TILE_REGISTERS];

	tile_rows(vectors, count, rows);
	tile_scores(packed, j, rows, registers, sums);
#pragma GCC unroll 8
	for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
	{
		if (r >= count)
			break;
#pragma GCC unroll 4
		for (uint32_t c = 0; c < registers; c++)
			simd_store(scores + (size_t) r * packed->count + j + c * SIMD_LANES, sums[r][c]);
	}
}

SIMD_INLINE void
tile_nearest(const PackedVectors *packed, uint32_t j, const float *const *vectors, uint32_t count,
			 uint32_t registers, uint32_t *best, float *best_scores)
{
	const float *rows[SIMD_TILE_ROWS];
	Simd sums[SIMD_TILE_ROWS][SIMD_TILE_REGISTERS];

	tile_rows(vectors, count, rows);
	tile_scores(packed, j, rows, registers, sums);
#pragma GCC unroll 8
	for (uint32_t r = 0; r < SIMD_TILE_ROWS; r++)
	{
		if (r >= count)
			break;
#pragma GCC unroll 4
		for (uint32_t c = 0; c < registers; c++)
		{
			float scores[SIMD_LANES];

			/* The nearer the search comes, the more seldom a nearer one is found */
			if (!simd_any_less(sums[r][c], simd_broadcast(best_scores[r])))
				continue;
			simd_store(scores, sums[r][c]);
			for (uint32_t lane = 0; lane < SIMD_LANES; lane++)
			{
				if (scores[lane] < best_scores[r])
				{
					best_scores[r] = scores[lane];
					best[r] = packed->numbers[j + c * SIMD_LANES + lane];
				}
			}
		}
	}
}

/* Vectors whose elements stay in the cache */
static inline uint32_t
tile_block(uint32_t dimensions)
{
	uint32_t rows = TILE_BLOCK_FLOATS / dimensions / SIMD_TILE_ROWS * SIMD_TILE_ROWS;

	return rows > SIMD_TILE_ROWS ? rows : SIMD_TILE_ROWS;
}

SIMD_FUNCTION void
packed_scores(const PackedVectors *packed, const float *const *vectors, uint32_t count,
			  float *scores)
{
	uint32_t block = tile_block(packed->dimensions);

	for (uint32_t first = 0; first < count; first += block)
	{
		uint32_t end = count - first < block ? count : first + block;
		uint32_t j = 0;

		for (; j + TILE_COLUMNS <= packed->count; j += TILE_COLUMNS)
			for (uint32_t i = first; i < end; i += SIMD_TILE_ROWS)
				tile_store(packed, j, vectors + i, end - i, SIMD_TILE_REGISTERS,
						   scores + (size_t) i * packed->count);
		for (; j < packed->count; j += SIMD_LANES)
			for (uint32_t i = first; i < end; i += SIMD_TILE_ROWS)
				tile_store(packed, j, vectors + i, end - i, 1, scores + (size_t) i * packed->count);
	}
}

SIMD_FUNCTION void
packed_nearest(const PackedVectors *packed, const float *const *vectors, uint32_t count,
			   uint32_t *best, float *best_scores)
{
	uint32_t block = tile_block(packed->dimensions);

	for (uint32_t first = 0; first < count; first += block)
	{
		uint32_t end = count - first < block ? count : first + block;
		uint32_t j = 0;

		for (; j + TILE_COLUMNS <= packed->count; j += TILE_COLUMNS)
			for (uint32_t i = first; i < end; i += SIMD_TILE_ROWS)
				tile_nearest(packed, j, vectors + i, end - i, SIMD_TILE_REGISTERS, best + i,
							 best_scores + i);
		for (; j < packed->count; j += SIMD_LANES)
			for (uint32_t i = first; i < end; i += SIMD_TILE_ROWS)
				tile_nearest(packed, j, vectors + i, end - i, 1, best + i, best_scores + i);
	}
}
