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
#include "index/locality.h"

/* More cells bring near vectors no closer together (measured: 240 pages a search with 1,024 cells,
 * 197 with 4,096) */
#define MAX_CELLS			 4096
#define ROWS_PER_CELL		 200 /* a few pages */
#define SAMPLE_ROWS_PER_CELL 8
#define COARSE_ITERATIONS	 8
#define FINE_ITERATIONS		 5
#define SEED				 UINT64CONST(0x6C6F63616C697479)

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

/* Train the fine cells of one coarse cluster on its sample vectors. */
static void
train_fine(Locality *locality, uint32 coarse, const float *const *members, uint32 member_count,
		   uint32 fine_count, uint32 dimensions, uint32 *assignments)
{
	Centroids *fine = &locality->fine[coarse];

	if (member_count == 0)
	{
		centroids_init(fine, 1, dimensions);
		memcpy(fine->vectors, centroids_get(&locality->coarse, coarse), dimensions * sizeof(float));
	}
	else
		centroids_train(members, member_count, dimensions, fine_count, FINE_ITERATIONS,
						SEED + 1 + coarse, fine, assignments);
}

void
locality_train(Locality *locality, const RowSample *sample, uint32 dimensions)
{
	double wanted =
		Min(sample->row_estimate / ROWS_PER_CELL, (double) sample->count / SAMPLE_ROWS_PER_CELL);
	uint32 side = (uint32) sqrt(Max(Min(wanted, MAX_CELLS), 1.0));
	const float **vectors;
	const float **members;
	uint32 *assignments;
	uint32 *member_assignments;
	const float *end_of_chain;

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

	vectors = palloc(sample->count * sizeof(float *));
	members = palloc(sample->count * sizeof(float *));
	assignments = palloc(sample->count * sizeof(uint32));
	member_assignments = palloc(sample->count * sizeof(uint32));
	for (uint32 i = 0; i < sample->count; i++)
		vectors[i] = sample->vectors + (Size) i * dimensions;

	centroids_train(vectors, sample->count, dimensions, side, COARSE_ITERATIONS, SEED,
					&locality->coarse, assignments);
	chain_centroids(&locality->coarse, vectors[0]);
	locality->fine = palloc0(locality->coarse.count * sizeof(Centroids));
	locality->first_cell = palloc0(locality->coarse.count * sizeof(uint32));

	/* The chain has renumbered the coarse centroids */
	for (uint32 i = 0; i < sample->count; i++)
		assignments[i] = centroids_nearest(&locality->coarse, vectors[i], NULL);

	end_of_chain = centroids_get(&locality->coarse, 0);
	for (uint32 coarse = 0; coarse < locality->coarse.count; coarse++)
	{
		Centroids *fine = &locality->fine[coarse];
		uint32 member_count = 0;

		for (uint32 i = 0; i < sample->count; i++)
		{
			if (assignments[i] == coarse)
				members[member_count++] = vectors[i];
		}
		train_fine(locality, coarse, members, member_count, side, dimensions, member_assignments);
		chain_centroids(fine, end_of_chain);
		end_of_chain = centroids_get(fine, fine->count - 1);
		locality->first_cell[coarse] = locality->cell_count;
		locality->cell_count += fine->count;
	}

	pfree(member_assignments);
	pfree(assignments);
	pfree(members);
	pfree(vectors);
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

uint32
locality_cell(const Locality *locality, const float *vector)
{
	uint32 coarse;

	if (locality->cell_count == 1)
		return 0;
	coarse = centroids_nearest(&locality->coarse, vector, NULL);
	return locality->first_cell[coarse] + centroids_nearest(&locality->fine[coarse], vector, NULL);
}
