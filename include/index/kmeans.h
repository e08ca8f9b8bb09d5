/*
 * index/kmeans.h
 *		k-means for many vectors and many centroids, by a team of processes.
 *
 * Squared L2, or spherical (centroids of length 1, nearest by inner product; vectors
 * taken as if they had length 1).  The same vectors and seed give the same centroids,
 * bit for bit, whatever the number of processes and wherever the vectors lie: each result
 * is computed in one piece, from the same input in the same order.
 *
 * The vectors are only read.  The team's leader trains; workers attach and run chunks
 * of jobs.  All state that they share is in one piece of memory.
 */
#ifndef INDEX_KMEANS_H
#define INDEX_KMEANS_H

#include "index/build_team.h"
#include "index/centroid_table.h"
#include "index/centroids.h"

/* What of the state all processes share, and its beginning */
typedef struct KmeansHead
{
	uint32 count; /* vectors */
	uint32 dimensions;
	uint32 max_centroids;
	uint32 k; /* centroids at present */
	bool spherical;
	uint64 seed;
	uint32 step; /* the present round looks at every step-th vector */
} KmeansHead;

/* One process's view */
typedef struct Kmeans
{
	KmeansHead *head;
	const float *vectors; /* count * dimensions */
	float *centroids;	  /* head->k * dimensions */
	float *origin;		  /* a point amid the vectors; zero where spherical */
	void *table_memory;	  /* room for a table of the centroids */

	float *lengths;		 /* of vectors: squared, from the origin; spherical: 1 / length */
	uint32 *assignments; /* of vectors */
	float *scores;
	uint32 *members; /* vectors sorted by centroid */
	uint32 *starts;	 /* of each centroid in members, and the end */
	uint32 *moved;	 /* of each chunk of an assignment */
	uint32 *wanted;	 /* seeds that a coarse cluster is to give, then those that it gave */
	uint32 *firsts;	 /* place of its first one */

	CentroidTable table; /* as last opened; of table_memory */
	CentroidSearch *search;
	const float **batch;
	uint32 rounds; /* made, in the leader */
} Kmeans;

/* Bytes of shared state */
extern Size kmeans_size(uint32 count, uint32 dimensions, uint32 k);

/* The leader: begin with `memory` (zeroed) and at least one vector. */
extern void kmeans_init(Kmeans *kmeans, void *memory, const float *vectors, uint32 count,
						uint32 dimensions, uint32 k, bool spherical, uint64 seed);
/* A worker: the same memory, the same vectors. */
extern void kmeans_attach(Kmeans *kmeans, void *memory, const float *vectors);
extern void kmeans_detach(Kmeans *kmeans);

/*
 * The leader: train; head->k centroids come out, fewer than wanted where the vectors are fewer or
 * equal.  The team passes jobs from KMEANS_JOB_FIRST to KMEANS_JOB_LAST to kmeans_run().
 */
extern void kmeans_train(Kmeans *kmeans, const BuildTeam *team);
extern void kmeans_run(Kmeans *kmeans, int job, uint32 chunk);

/* Train in this process, squared L2; `centroids` in the current context. */
extern void kmeans_train_alone(const float *vectors, uint32 count, uint32 dimensions, uint32 k,
							   uint64 seed, Centroids *centroids);

#define KMEANS_JOB_FIRST 1
#define KMEANS_JOB_LAST	 4

#endif
