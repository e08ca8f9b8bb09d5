/*
 * bit_distance.h
 *		Hamming and Jaccard distances of bit strings.
 *
 * One set of kernels per instruction set, in the manner of distance.h; a choice of its own, because
 * counting bits came to processors in other steps than multiplying floats. bit_scalar.c is the
 * specification that the tests compare the others with.
 *
 * A bit string is an array of bytes. Bits behind its end in the last byte are zero, as the server
 * keeps them, and so count for nothing. Results are whole numbers, or one division of two, and are
 * the same in all sets, but for the rounding to float32 in the batches.
 *
 * Contract of every kernel: that of distance.h. Nothing need be aligned, and 0 bytes are allowed.
 */
#ifndef VECTORSTORE_BIT_DISTANCE_H
#define VECTORSTORE_BIT_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A batch: distances[i] = distance(query, vectors[i]) for i < count (0 is allowed). The vectors are
 * prefetched first: give all those of one hop in one call. vectors[] point to the bytes.
 */
typedef void (*BitDistanceBatch)(const uint8_t *query, const void *const *vectors, uint32_t count,
								 size_t bytes, float *distances);

typedef struct BitKernels
{
	const char *name; /* "scalar", "popcnt", "avx2", "avx512", "neon" */

	/* The number of bits that differ. */
	uint64_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t bytes);

	/*
	 * 1 - (bits set in both) / (bits set in at least one); 1 where no bit is set in both, which
	 * includes two strings without any.
	 */
	double (*jaccard)(const uint8_t *a, const uint8_t *b, size_t bytes);

	BitDistanceBatch hamming_batch;
	BitDistanceBatch jaccard_batch;
} BitKernels;

/*
 * The kernels to use: the scalar ones until bit_kernels_choose() was called, then the best set that
 * the processor and the operating system support. Constant from then on.
 */
extern const BitKernels *bit_kernels;

extern void bit_kernels_choose(void); /* from distance_kernels_choose() */

/* All sets that this machine can run, the scalar one first and the chosen one last. */
extern const BitKernels *const *bit_kernels_available(uint32_t *count);

#endif /* VECTORSTORE_BIT_DISTANCE_H */
