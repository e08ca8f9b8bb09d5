/*
 * index/kmeans_jobs.h
 *		What the two halves of k-means share: index/kmeans.c, what every process of
 *		the team runs, and index/kmeans_train.c, what its leader decides.
 */
#ifndef INDEX_KMEANS_JOBS_H
#define INDEX_KMEANS_JOBS_H

#include <math.h>

#include "index/kmeans.h"

typedef enum KmeansJob
{
	JOB_MEASURE = KMEANS_JOB_FIRST, /* lengths of a chunk of vectors */
	JOB_ASSIGN,						/* their nearest centroids */
	JOB_MOVE,						/* a chunk of centroids to the means of their vectors */
	JOB_SEED						/* seeds of one coarse cluster */
} KmeansJob;

StaticAssertDecl(JOB_SEED == KMEANS_JOB_LAST, "the header tells the numbers of jobs");

#define CHUNK_VECTORS	1024
#define CHUNK_CENTROIDS 16

/* Centroids from which on the start has two levels */
#define TWO_LEVELS_MIN 64
/* Vectors for each seed to choose from, and for each coarse centroid to be trained on */
#define VECTORS_PER_SEED 64

static inline uint32
chunks_of(uint32 count, uint32 chunk)
{
	return count / chunk + (count % chunk != 0);
}

/* Coarse clusters of the start, 0 = one level */
static inline uint32
coarse_count(uint32 k)
{
	return k < TWO_LEVELS_MIN ? 0 : (uint32) ceil(sqrt(k));
}

static inline const float *
vector_at(const Kmeans *kmeans, uint32 number)
{
	return kmeans->vectors + (Size) number * kmeans->head->dimensions;
}

static inline float *
centroid_at(const Kmeans *kmeans, uint32 number)
{
	return kmeans->centroids + (Size) number * kmeans->head->dimensions;
}

/* Vectors that a round with this step looks at */
static inline uint32
part_count(const Kmeans *kmeans, uint32 step)
{
	return chunks_of(kmeans->head->count, step);
}

/* Choose seeds from some of the given vectors (NULL = all), evenly spread over them. */
extern uint32 kmeans_seeds_of(const Kmeans *kmeans, const uint32 *members, uint32 count,
							  uint32 wanted, uint64 seed, float *seeds);

#endif
