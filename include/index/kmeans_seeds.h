/*
 * index/kmeans_seeds.h
 *		Where k-means starts (for index/kmeans.c).
 */
#ifndef INDEX_KMEANS_SEEDS_H
#define INDEX_KMEANS_SEEDS_H

/*
 * Choose at most `wanted` of the given vectors as seeds by k-means++: each next one is drawn by its
 * squared distance to the nearest so far, so that no two are equal.  Beyond KMEANS_SEEDS_MAX they are
 * drawn evenly.  Vectors are multiplied by scales[i] (NULL = 1) first.  Writes the seeds, returns
 * their number.
 */
#define KMEANS_SEEDS_MAX 1024

extern uint32 kmeans_choose_seeds(const float *const *vectors, const float *scales, uint32 count,
								  uint32 dimensions, uint32 wanted, uint64 seed, float *seeds);

#endif
