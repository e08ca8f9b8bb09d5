/*
 * index/locality.c
 *		Cells of near vectors: coarse k-means on the sample, fine k-means within
 *		each coarse cluster, both chained by nearness.
 *
 * A row costs about twice the square root of the number of cells in distances.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "index/kmeans.h"
#include "index/locality.h"

/* More cells bring near vectors no closer together (measured: 240 pages a search with 1,024 cells,
 * 197 with 4,096) */
#define MAX_CELLS			 4096
#define ROWS_PER_CELL		 200 /* a few pages */
#define SAMPLE_ROWS_PER_CELL 8
/* Vectors that the fine cells of one coarse cluster are trained on at most */
#define FINE_VECTORS_MAX 16384
/* Vectors between two checks for interrupts */
#define INTERRUPT_INTERVAL 1024
#define SEED			   UINT64CONST(0x6C6F63616C697479)

static void
swap_centroids(Centroids *centroids, uint32 a, uint32 b, float *scratch)
{
	Size size = centroids->dimensions * sizeof(float);

	memcpy(scratch, centroids_get(centroids, a), size);
	memcpy(centroids_get(centroids, a), centroids_get(centroids, b), size);
	memcpy(centroids_get(centroids, b), scratch, size);
}

/*
 * Put the centroids in the order of a walk that begins nearest to `start` and goes on to the
 * nearest one left.
 */
static void
chain_centroids(Centroids *centroids, const float *start)
{
	uint32 dimensions = centroids->dimensions;
	float *scratch = palloc(dimensions * sizeof(float));

	for (uint32 at = 0; at < centroids->count; at++)
	{
		const float *from = at == 0 ? start : centroids_get(centroids, at - 1);
		uint32 left = centroids->count - at;
		uint32 nearest = at;

		distance_kernels->l2_squared_batch(from, centroids->pointers + at, left, dimensions,
										   centroids->distances);
		for (uint32 i = 1; i < left; i++)
		{
			if (centroids->distances[i] < centroids->distances[nearest - at])
				nearest = at + i;
		}
		if (nearest != at)
			swap_centroids(centroids, at, nearest, scratch);
	}
	pfree(scratch);
}

/* Copy the sample vectors of a coarse cluster together, evenly spread ones if they are very many. */
static uint32
gather_members(const RowSample *sample, const uint32 *assignments, uint32 coarse, uint32 count,
			   uint32 dimensions, float *members)
{
	uint32 stride = (count + FINE_VECTORS_MAX - 1) / FINE_VECTORS_MAX;
	uint32 seen = 0;
	uint32 taken = 0;

	for (uint32 i = 0; i < sample->count; i++)
	{
		if (assignments[i] == coarse && seen++ % stride == 0)
			memcpy(members + (Size) taken++ * dimensions, sample->vectors + (Size) i * dimensions,
				   dimensions * sizeof(float));
	}
	return taken;
}

/* Train the fine cells of all coarse clusters, and chain them. */
static void
train_fine(Locality *locality, const RowSample *sample, uint32 side, uint32 dimensions)
{
	uint32 *assignments = palloc(sample->count * sizeof(uint32));
	uint32 *counts = palloc0(locality->coarse.count * sizeof(uint32));
	Size size = dimensions * sizeof(float);
	float *members = MemoryContextAllocHuge(CurrentMemoryContext,
											Min(sample->count, (uint32) FINE_VECTORS_MAX) * size);
	const float *end_of_chain = centroids_get(&locality->coarse, 0);

	for (uint32 i = 0; i < sample->count; i++)
	{
		if (i % INTERRUPT_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
		assignments[i] =
			centroids_nearest(&locality->coarse, sample->vectors + (Size) i * dimensions, NULL);
		counts[assignments[i]]++;
	}
	for (uint32 coarse = 0; coarse < locality->coarse.count; coarse++)
	{
		Centroids *fine = &locality->fine[coarse];

		if (counts[coarse] == 0)
		{
			centroids_init(fine, 1, dimensions);
			memcpy(fine->vectors, centroids_get(&locality->coarse, coarse), size);
		}
		else
		{
			uint32 count =
				gather_members(sample, assignments, coarse, counts[coarse], dimensions, members);

			kmeans_train_alone(members, count, dimensions, side, SEED + 1 + coarse, fine);
		}
		chain_centroids(fine, end_of_chain);
		end_of_chain = centroids_get(fine, fine->count - 1);
		locality->first_cell[coarse] = locality->cell_count;
		locality->cell_count += fine->count;
	}
	pfree(members);
	pfree(counts);
	pfree(assignments);
}

void
locality_train(Locality *locality, const RowSample *sample, uint32 dimensions)
{
	double wanted =
		Min(sample->row_estimate / ROWS_PER_CELL, (double) sample->count / SAMPLE_ROWS_PER_CELL);
	uint32 side = (uint32) sqrt(Max(Min(wanted, MAX_CELLS), 1.0));

	locality->cell_count = 0;
	if (side < 2)
	{
		/* Nothing to order */
		centroids_init(&locality->coarse, 1, dimensions);
		locality->fine = palloc0(sizeof(Centroids));
		locality->first_cell = palloc0(sizeof(uint32));
		centroids_init(&locality->fine[0], 1, dimensions);
		locality->cell_count = 1;
		return;
	}

	kmeans_train_alone(sample->vectors, sample->count, dimensions, side, SEED, &locality->coarse);
	chain_centroids(&locality->coarse, sample->vectors);
	locality->fine = palloc0(locality->coarse.count * sizeof(Centroids));
	locality->first_cell = palloc0(locality->coarse.count * sizeof(uint32));
	train_fine(locality, sample, side, dimensions);
}

void
locality_free(Locality *locality)
{
	for (uint32 i = 0; i < locality->coarse.count; i++)
		centroids_free(&locality->fine[i]);
	pfree(locality->fine);
	pfree(locality->first_cell);
	centroids_free(&locality->coarse);
}

Size
locality_table_size(const Locality *locality)
{
	return centroid_table_size_grouped(locality->cell_count, locality->coarse.count,
									   locality->coarse.dimensions);
}

void
locality_make_table(const Locality *locality, CentroidTable *table, void *memory)
{
	uint32 dimensions = locality->coarse.dimensions;
	uint32 group_count = locality->coarse.count;
	Size size = dimensions * sizeof(float);
	float *cells = MemoryContextAllocHuge(CurrentMemoryContext, locality->cell_count * size);
	uint32 *firsts = palloc((group_count + 1) * sizeof(uint32));
	CentroidGroups groups = {
		.count = group_count, .means = locality->coarse.vectors, .firsts = firsts};

	for (uint32 coarse = 0; coarse < group_count; coarse++)
	{
		const Centroids *fine = &locality->fine[coarse];

		firsts[coarse] = locality->first_cell[coarse];
		memcpy(cells + (Size) firsts[coarse] * dimensions, fine->vectors, fine->count * size);
	}
	firsts[group_count] = locality->cell_count;
	centroid_table_make_grouped(table, memory, &groups, cells, locality->cell_count, dimensions,
								locality->coarse.vectors);
	pfree(firsts);
	pfree(cells);
}
