/*
 * quantizer/rabitq.h
 *		Codes of 1, 2, 4 or 8 bits a dimension with unbiased estimates and error bounds, and blocks of
 *		32 of them for register look-ups.
 *
 * Sources: Gao and Long, RaBitQ (SIGMOD 2024); Gao et al., extended RaBitQ (SIGMOD 2025); Andre et
 * al., fast scan (VLDB 2015); Gou et al., SymphonyQG (SIGMOD 2025). A vector x is coded relative to
 * a center c, after a rotation P that is the same for all indexes: with r = P(x - c) and u its code
 * of whole numbers from 0 to 2^bits - 1, v = u - (2^bits - 1) / 2 points about where r does, and
 *
 *		<r, Pq - Pc>  is estimated by  |r|^2 / <v, r> * <v, Pq - Pc>
 *		|x - q|^2  =  |q - c|^2 + |r|^2 - 2 <r, Pq - Pc>
 *		-<x, q>    =  -<c, q> - <r, Pc> - <r, Pq - Pc>
 *
 * All but <v, Pq> and the exact distance of q and c is known when x is encoded. So a query is
 * prepared once, whatever the center. The rotation makes the direction of v - r one by chance, so
 * the error is about normal, and half the width of its bound is 1.9 standard deviations: lower
 * bounds hold for at least 97 % of the codes. The rounding of look-ups is part of the bound.
 *
 * The metrics are L2, inner product and cosine (the inner product of normalized vectors); L1 has no
 * such form. L2 does not change when center, vector and query are all given relative to one origin
 * (subtracted before they are rotated): what is far from the origin compared with its distance to
 * its neighbors is coded as well as anything else, but look-ups of such a query are coarse. Give
 * them relative to the mean of the data, then.
 *
 * Contract: no allocation, no lock, no static state, no error thrown; pure loads and arithmetic.
 * distances and lower bounds are never NaN, whatever the bytes of a block are: where the arithmetic
 * has no answer, a distance is infinity and a lower bound -infinity. Equal input gives the same
 * block, bit for bit, with all instruction sets. Blocks are aligned to 4 bytes, a query to 8.
 */
#ifndef VECTORSTORE_RABITQ_H
#define VECTORSTORE_RABITQ_H

#include <stddef.h>
#include <stdint.h>

#include "distance/distance.h"
#include "distance/rabitq_kernels.h"

/* Floats of a rotated vector: `dimensions` rounded up to a multiple of 16. */
extern uint32_t rabitq_rotated_dimensions(uint32_t dimensions);

/*
 * P of a vector; linear but for rounding, keeps lengths and products. `rotated` takes
 * rabitq_rotated_dimensions() floats, and may be `vector` itself.
 */
extern void rabitq_rotate(uint32_t dimensions, const float *vector, float *rotated);

/* Its inverse: `dimensions` floats, of rotated ones that are used up. */
extern void rabitq_rotate_back(uint32_t dimensions, float *rotated, float *vector);

/* Bytes of a block, a multiple of 4: 400 + 4 * rotated dimensions * bits. */
extern uint32_t rabitq_block_size(uint32_t dimensions, uint32_t bits);

/*
 * Write the code of a vector into a lane (0 to 31) of a block; the other lanes stay as they are. A
 * block begins as zero bytes. All lanes of it have the same center.
 */
extern void rabitq_block_put(DistanceMetric metric, uint32_t dimensions, uint32_t bits,
							 const float *rotated_center, const float *rotated_vector, void *block,
							 uint32_t lane);

/* Copy a code to a lane of the same or another block with the same center. */
extern void rabitq_block_move(uint32_t dimensions, uint32_t bits, const void *from,
							  uint32_t from_lane, void *to, uint32_t to_lane);

/* Bytes of a prepared query; it must stay where it was prepared. */
extern size_t rabitq_block_query_size(uint32_t dimensions);

extern void rabitq_block_prepare(DistanceMetric metric, uint32_t dimensions, uint32_t bits,
								 const float *rotated_query, void *query);

/*
 * Estimated distances of all 32 lanes, and lower bounds of the exact ones where lower_bounds is not
 * NULL. center_distance is the exact distance of query and center: squared L2, or -<c, q>. A lane
 * that nothing was put in gives that distance. Estimates of squared distances may be negative.
 */
extern void rabitq_block_distances(const void *query, const void *block, float center_distance,
								   float *distances, float *lower_bounds);

/* The same for `count` blocks with one center: 32 results each. */
extern void rabitq_blocks_distances(const void *query, const void *const *blocks, uint32_t count,
									float center_distance, float *distances, float *lower_bounds);

#endif /* VECTORSTORE_RABITQ_H */
