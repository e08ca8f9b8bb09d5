/*
 * rabitq_sets.h
 *		What the sets of RaBitQ kernels share: their declarations, and where a lane's nibbles are.
 */
#ifndef VECTORSTORE_RABITQ_SETS_H
#define VECTORSTORE_RABITQ_SETS_H

#include "distance/rabitq_kernels.h"

extern const RabitqKernels rabitq_kernels_scalar;

/* Sums of byte look-ups fit 16 bits for so many groups: 257 * 255 = 65535, rounded down. */
#define RABITQ_CHUNK_GROUPS 256

#endif /* VECTORSTORE_RABITQ_SETS_H */
