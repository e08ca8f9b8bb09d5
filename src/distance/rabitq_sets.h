/*
 * rabitq_sets.h
 *		What the sets of RaBitQ kernels share: their declarations, and where a lane's nibbles are.
 */
#ifndef VECTORSTORE_RABITQ_SETS_H
#define VECTORSTORE_RABITQ_SETS_H

#include "distance/rabitq_kernels.h"

extern const RabitqKernels rabitq_kernels_scalar;
#if defined(__x86_64__)
extern const RabitqKernels rabitq_kernels_avx2;
extern const RabitqKernels rabitq_kernels_avx512;
#elif defined(__aarch64__)
extern const RabitqKernels rabitq_kernels_neon;
#endif

/* Sums of byte look-ups fit 16 bits for so many groups: 257 * 255 = 65535, rounded down. */
#define RABITQ_CHUNK_GROUPS 256

/* Partial sums of an encoding, joined in one order */
#define RABITQ_LANES 8

static inline double
rabitq_join_lanes(const double *sums)
{
	return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
		   ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif /* VECTORSTORE_RABITQ_SETS_H */
