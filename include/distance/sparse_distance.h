/*
 * sparse_distance.h
 *		Distances between sparse vectors.
 *
 * A sparse vector is a list of its non-zero elements in ascending order of their indices. The cost
 * of a distance is that of merging two lists, whose steps depend on one another, so there is one
 * implementation for all processors.
 *
 * Contract: that of distance.h. The lists may hold anything (they may come from a damaged page):
 * unordered indices give a wrong number and nothing worse. Sums are float32.
 */
#ifndef VECTORSTORE_SPARSE_DISTANCE_H
#define VECTORSTORE_SPARSE_DISTANCE_H

#include <stdint.h>

typedef struct SparseElements
{
	const int32_t *indices;
	const float *values;
	uint32_t count;
} SparseElements;

extern float sparse_l2_squared(SparseElements a, SparseElements b);
extern float sparse_inner_product(SparseElements a, SparseElements b);
extern float sparse_l1(SparseElements a, SparseElements b);

/* dot / sqrt(|a|^2 |b|^2): NaN where a vector is zero; not clamped to [-1, 1] */
extern double sparse_cosine_similarity(SparseElements a, SparseElements b);

#endif /* VECTORSTORE_SPARSE_DISTANCE_H */
