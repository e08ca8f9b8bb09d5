/*
 * index/centroids.h
 *		A few centroids, and the nearest of them to one vector, by squared L2.
 *
 * For many centroids or many vectors there is index/centroid_table.h.
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

#endif
