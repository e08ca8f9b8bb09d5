/*
 * index/centroid_table.h
 *		The nearest of many centroids to each of many vectors.
 *
 * Centroids are packed for the kernels of distance/packed.h.  Where they are many, they
 * stand in groups of near ones, and only the groups whose means are nearest to a vector
 * are searched: the answer is then nearly always the nearest, and always a near one.
 *
 * A table is one piece of memory without pointers, so that processes can share it.
 */
#ifndef INDEX_CENTROID_TABLE_H
#define INDEX_CENTROID_TABLE_H

#include "distance/distance.h"

/* One process's view of a table */
typedef struct CentroidTable
{
	uint32 dimensions;
	uint32 count;
	uint32 group_count;	 /* 1: no groups */
	uint32 probes;		 /* groups searched */
	const float *origin; /* subtracted from vectors and centroids alike, against cancellation */
	PackedVectors groups;
	const uint32 *group_firsts; /* place of each group's first centroid; and the end */
	PackedVectors centroids;	/* group by group, each padded to whole panels */
} CentroidTable;

extern Size centroid_table_size(uint32 count, uint32 dimensions);

/*
 * Make a table of `count` centroids in `memory`, and the view of it.  Spherical: nearest is the
 * largest inner product, for centroids of length 1, and there is no origin; otherwise the smallest
 * L2 distance, and `origin` (NULL = zero) is a point amid the vectors.
 */
extern void
centroid_table_make(CentroidTable *table, void *memory, const float *centroids, uint32 count,
					uint32 dimensions, bool spherical, const float *origin);

/* Groups of near centroids that are known: group g is the centroids from firsts[g] to firsts[g + 1] */
typedef struct CentroidGroups
{
	uint32 count;		  /* at most one for each centroid */
	const float *means;	  /* count * dimensions */
	const uint32 *firsts; /* of each group, and the end */
} CentroidGroups;

/* The same for L2 with groups that are known: a search looks only at the group of the nearest mean. */
extern Size centroid_table_size_grouped(uint32 count, uint32 group_count, uint32 dimensions);
extern void centroid_table_make_grouped(CentroidTable *table, void *memory,
										const CentroidGroups *groups, const float *centroids,
										uint32 count, uint32 dimensions, const float *origin);

/* The view of a table that was made. */
extern void centroid_table_open(CentroidTable *table, void *memory);

/* What one process needs to search a table; in the current context */
typedef struct CentroidSearch CentroidSearch;

/* For tables of at most `count` centroids */
extern CentroidSearch *centroid_search_create(uint32 count, uint32 dimensions);
/* For tables of at most so many known groups */
extern CentroidSearch *centroid_search_create_grouped(uint32 group_count, uint32 dimensions);
extern void centroid_search_free(CentroidSearch *search);
/* Vectors that may be given at once */
extern uint32 centroid_search_batch(const CentroidSearch *search);

/*
 * The nearest centroid of each vector, and its score: half the squared distance less half the
 * squared length of the vector (less the origin); or the negative inner product.  No allocation.
 */
extern void
centroid_search_run(CentroidSearch *search, const CentroidTable *table, const float *const *vectors,
					uint32 count, uint32 *nearest, float *scores);

#endif
