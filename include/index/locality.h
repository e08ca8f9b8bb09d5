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

#include "index/centroid_table.h"
#include "index/centroids.h"
#include "index/row_sample.h"

typedef struct Locality
{
	Centroids coarse;
	Centroids *fine;	/* of each coarse centroid */
	uint32 *first_cell; /* number of the first fine cell of each coarse centroid */
	uint32 cell_count;
} Locality;

/* Train on a sample; one cell where the sample or the estimate of rows is too small for more. */
extern void locality_train(Locality *locality, const RowSample *sample, uint32 dimensions);
extern void locality_free(Locality *locality);

/*
 * The table in which the nearest centroid of a vector is the vector's cell, in `memory` of
 * locality_table_size() bytes.
 */
extern Size locality_table_size(const Locality *locality);
extern void locality_make_table(const Locality *locality, CentroidTable *table, void *memory);

#endif
