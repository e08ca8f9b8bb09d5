/*
 * packed.h
 *		Many vectors against many others at once: for k-means, where distances are most of the work.
 *
 * The vectors of one side (the centroids) are packed: DISTANCE_PANEL of them together, element by
 * element, so that one load has the same element of several of them and no register must be summed
 * across its lanes. A score is bias[j] - <vector, packed vector j>: the order of the squared
 * distances with bias = half the squared length, of the negative inner products with bias = 0.
 *
 * The result for a pair does not depend on what else is in the call, so the same input gives the
 * same assignments however it is divided. Ties go to the one that is packed first. NaN is not less
 * than anything.
 *
 * The kernels are members of DistanceKernels (distance.h), under the contract told there.
 */
#ifndef VECTORSTORE_PACKED_H
#define VECTORSTORE_PACKED_H

#include <stddef.h>
#include <stdint.h>

#define DISTANCE_PANEL 16

/* Vectors of packed memory, biases and rows of scores: `count` rounded up to whole panels. */
static inline uint32_t
distance_packed_count(uint32_t count)
{
	return (count + DISTANCE_PANEL - 1) / DISTANCE_PANEL * DISTANCE_PANEL;
}

/*
 * Pack `count` vectors: distance_packed_count(count) * dimensions floats. What the last panel lacks
 * is zeros; give those a bias of infinity.
 */
extern void
distance_pack(const float *const *vectors, uint32_t count, uint32_t dimensions, float *packed);

/* Packed vectors with their biases */
typedef struct PackedVectors
{
	uint32_t count; /* a multiple of DISTANCE_PANEL */
	uint32_t dimensions;
	const float *packed;
	const float *bias;
	const uint32_t *numbers; /* by which packed_nearest calls them */
} PackedVectors;

/* scores[i * packed->count + j] of each vector i and packed vector j */
typedef void (*PackedScores)(const PackedVectors *packed, const float *const *vectors,
							 uint32_t count, float *scores);

/*
 * Where a packed vector has a lower score with vector i than best_scores[i] says: that score, and
 * its number in best[i].
 */
typedef void (*PackedNearest)(const PackedVectors *packed, const float *const *vectors,
							  uint32_t count, uint32_t *best, float *best_scores);

#endif /* VECTORSTORE_PACKED_H */
