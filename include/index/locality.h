/*
 * index/locality.h
 *		Numbering rows so that near vectors share pages (design, section 1).
 *
 * Cells come from a two-level k-means on a sample of the rows, and are numbered
 * along a chain in which each is near the one before it.  The order is advice:
 * any vector, like the sample or not, has a cell.
 */
#ifndef INDEX_LOCALITY_H
#define INDEX_LOCALITY_H

#include "index/kmeans.h"
#include "index/row_sample.h"

/* What processes share, and the beginning of their memory */
typedef struct LocalityHead
{
	uint32 count; /* vectors of the sample */
	uint32 dimensions;
	uint32 side; /* coarse clusters, and cells of each, at most */
	uint32 cell_count;
} LocalityHead;

/* One process's view */
typedef struct Locality
{
	LocalityHead *head;
	const float *vectors; /* the sample */
	Kmeans coarse;		  /* whose centroids are those of coarse clusters, in their order at last */
	float *fine;		  /* side * dimensions of each coarse cluster */
	uint32 *fine_counts;
	void *table_memory; /* of the table in which the nearest centroid of a vector is its cell */
} Locality;

/* Cells of a table by its sample: the square of a number; 1 where there is too little for more. */
extern uint32 locality_side(const RowSample *sample);
/* Bytes of shared state */
extern Size locality_size(uint32 count, uint32 dimensions, uint32 side);

/* The leader: begin with `memory` (zeroed). */
extern void
locality_init(Locality *locality, void *memory, const RowSample *sample, uint32 dimensions);
/* A worker: the same memory, the same vectors. */
extern void locality_attach(Locality *locality, void *memory, const float *vectors);
extern void locality_detach(Locality *locality);

/*
 * The leader: train, and make the table.  The team passes jobs from LOCALITY_JOB_FIRST to
 * LOCALITY_JOB_LAST to locality_run().  The cells are the same, bit for bit, whatever the number of
 * processes.
 */
extern void locality_train(Locality *locality, const BuildTeam *team);
extern void locality_run(Locality *locality, int job, uint32 chunk);

#define LOCALITY_JOB_FIRST KMEANS_JOB_FIRST
#define LOCALITY_JOB_LAST  (KMEANS_JOB_LAST + 2)

#endif
