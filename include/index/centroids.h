/*
 * index/centroids.h
 *		Lloyd's k-means over vectors in memory, started by k-means++.
 *
 * Squared L2 throughout: for normalised vectors that is the order of the cosine.
 * The same input and seed give the same centroids.
 */
#ifndef INDEX_CENTROIDS_H
#define INDEX_CENTROIDS_H

/* A set of centroids, and the nearest of them to a vector */
typedef struct Centroids
{
	uint32 dimensions;
	uint32 count;
	float *vectors;		   /* count * dimensions */
	const void **pointers; /* to each of them */
	float *distances;	   /* scratch of centroids_nearest() */
} Centroids;

/* Room for `count` centroids, in the current context. */
extern void centroids_init(Centroids *centroids, uint32 count, uint32 dimensions);
extern void centroids_free(Centroids *centroids);

static inline float *
centroids_get(const Centroids *centroids, uint32 at)
{
	return centroids->vectors + (size_t) at * centroids->dimensions;
}

/* The nearest centroid (the first of equally near ones), and its distance unless NULL. */
extern uint32 centroids_nearest(const Centroids *centroids, const float *vector, float *distance);

/*
 * Train `k` centroids on `count` vectors (at least 1) in at most `iterations` rounds.  Fewer than
 * k come out where there are fewer distinct vectors.  `assignments` (count entries) tells the
 * centroid of each vector at the end.
 */
extern void
centroids_train(const float *const *vectors, uint32 count, uint32 dimensions, uint32 k,
				uint32 iterations, uint64 seed, Centroids *centroids, uint32 *assignments);

#endif
