/*
 * index/locality.c
 *		Cells of near vectors: coarse k-means on the sample, fine k-means within
 *		each coarse cluster, both chained by nearness.
 *
 * A row costs about twice the square root of the number of cells in distances.  The coarse
 * clusters are trained by all processes together, the cells of one coarse cluster by
 * one process each.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "index/centroids.h"
#include "index/locality.h"

/* More cells bring near vectors no closer together (measured: 240 pages a search with 1,024 cells,
 * 197 with 4,096) */
#define MAX_CELLS			 4096
#define ROWS_PER_CELL		 200 /* a few pages */
#define SAMPLE_ROWS_PER_CELL 8
/* Vectors that the fine cells of one coarse cluster are trained on at most */
#define FINE_VECTORS_MAX 16384
/* Vectors of the sample that are assigned to coarse clusters together */
#define CHUNK_VECTORS 1024
#define SEED		  UINT64CONST(0x6C6F63616C697479)

typedef enum LocalityJob
{
	JOB_ASSIGN = KMEANS_JOB_LAST + 1, /* a chunk of vectors to coarse clusters */
	JOB_FINE						  /* the cells of one coarse cluster */
} LocalityJob;

StaticAssertDecl(JOB_FINE == LOCALITY_JOB_LAST, "the header tells the numbers of jobs");

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

static void *
take(uintptr_t *at, Size size)
{
	uintptr_t piece = MAXALIGN(*at);

	*at = piece + size;
	return (void *) piece;
}

/* Lay out what stands behind the head; returns the end.  Addresses are numbers here, since the size is
 * learned by laying out from 0. */
static uintptr_t
lay_out(Locality *locality, uintptr_t memory, uint32 count, uint32 dimensions, uint32 side,
		void **kmeans)
{
	uintptr_t at = memory + sizeof(LocalityHead);

	*kmeans = take(&at, kmeans_size(count, dimensions, side));
	locality->fine = take(&at, (Size) side * side * dimensions * sizeof(float));
	locality->fine_counts = take(&at, side * sizeof(uint32));
	locality->table_memory = take(&at, centroid_table_size_grouped(side * side, side, dimensions));
	return at;
}

uint32
locality_side(const RowSample *sample)
{
	double wanted =
		Min(sample->row_estimate / ROWS_PER_CELL, (double) sample->count / SAMPLE_ROWS_PER_CELL);

	return (uint32) sqrt(Max(Min(wanted, MAX_CELLS), 1.0));
}

Size
locality_size(uint32 count, uint32 dimensions, uint32 side)
{
	Locality locality;
	void *kmeans;

	return (Size) lay_out(&locality, 0, count, dimensions, side, &kmeans);
}

void
locality_init(Locality *locality, void *memory, const RowSample *sample, uint32 dimensions)
{
	LocalityHead *head = memory;
	void *kmeans;

	/* Without any row: one vector, zero as the sample's memory is */
	head->count = Max(sample->count, 1);
	head->dimensions = dimensions;
	head->side = locality_side(sample);
	locality->head = head;
	locality->vectors = sample->vectors;
	(void) lay_out(locality, (uintptr_t) memory, head->count, dimensions, head->side, &kmeans);
	kmeans_init(&locality->coarse, kmeans, locality->vectors, head->count, dimensions, head->side,
				false, SEED);
}

void
locality_attach(Locality *locality, void *memory, const float *vectors)
{
	LocalityHead *head = memory;
	void *kmeans;

	locality->head = head;
	locality->vectors = vectors;
	(void) lay_out(locality, (uintptr_t) memory, head->count, head->dimensions, head->side,
				   &kmeans);
	kmeans_attach(&locality->coarse, kmeans, vectors);
}

void
locality_detach(Locality *locality)
{
	kmeans_detach(&locality->coarse);
}

/* A copy of centroids, in the current context */
static void
copy_centroids(Centroids *centroids, const float *vectors, uint32 count, uint32 dimensions)
{
	centroids_init(centroids, count, dimensions);
	memcpy(centroids->vectors, vectors, (Size) count * dimensions * sizeof(float));
}

static void
assign_chunk(Locality *locality, uint32 chunk)
{
	const LocalityHead *head = locality->head;
	uint32 end = Min(head->count, (chunk + 1) * CHUNK_VECTORS);
	Centroids coarse;

	copy_centroids(&coarse, locality->coarse.centroids, locality->coarse.head->k, head->dimensions);
	for (uint32 i = chunk * CHUNK_VECTORS; i < end; i++)
		locality->coarse.assignments[i] =
			centroids_nearest(&coarse, locality->vectors + (Size) i * head->dimensions, NULL);
	centroids_free(&coarse);
}

/* Copy the sample vectors of a coarse cluster together, evenly spread ones if they are very many. */
static float *
gather_members(const Locality *locality, uint32 coarse, uint32 *taken)
{
	const LocalityHead *head = locality->head;
	const uint32 *assignments = locality->coarse.assignments;
	Size size = head->dimensions * sizeof(float);
	uint32 count = 0;
	uint32 seen = 0;
	uint32 stride;
	float *members;

	for (uint32 i = 0; i < head->count; i++)
		count += assignments[i] == coarse;
	stride = (count + FINE_VECTORS_MAX - 1) / FINE_VECTORS_MAX;
	members = MemoryContextAllocHuge(CurrentMemoryContext,
									 Max(Min(count, (uint32) FINE_VECTORS_MAX), 1) * size);
	*taken = 0;
	for (uint32 i = 0; i < head->count; i++)
	{
		if (assignments[i] == coarse && seen++ % stride == 0)
			memcpy(members + (Size) (*taken)++ * head->dimensions,
				   locality->vectors + (Size) i * head->dimensions, size);
	}
	return members;
}

static inline float *
fine_at(const Locality *locality, uint32 coarse)
{
	return locality->fine + (Size) coarse * locality->head->side * locality->head->dimensions;
}

/* Train the cells of a coarse cluster; its own centroid is the only one where it has no vectors. */
static void
train_fine(Locality *locality, uint32 coarse)
{
	const LocalityHead *head = locality->head;
	Size size = head->dimensions * sizeof(float);
	uint32 count;
	float *members = gather_members(locality, coarse, &count);
	Centroids fine;

	if (count == 0)
		copy_centroids(&fine, locality->coarse.centroids + (Size) coarse * head->dimensions, 1,
					   head->dimensions);
	else
		kmeans_train_alone(members, count, head->dimensions, head->side, SEED + 1 + coarse, &fine);
	memcpy(fine_at(locality, coarse), fine.vectors, fine.count * size);
	locality->fine_counts[coarse] = fine.count;
	centroids_free(&fine);
	pfree(members);
}

void
locality_run(Locality *locality, int job, uint32 chunk)
{
	if (job == JOB_ASSIGN)
		assign_chunk(locality, chunk);
	else if (job == JOB_FINE)
		train_fine(locality, chunk);
	else
		kmeans_run(&locality->coarse, job, chunk);
}

/* Chain the coarse clusters, as others are to see them. */
static void
chain_coarse(Locality *locality)
{
	const LocalityHead *head = locality->head;
	uint32 count = locality->coarse.head->k;
	Centroids coarse;

	copy_centroids(&coarse, locality->coarse.centroids, count, head->dimensions);
	chain_centroids(&coarse, locality->vectors);
	memcpy(locality->coarse.centroids, coarse.vectors,
		   (Size) count * head->dimensions * sizeof(float));
	centroids_free(&coarse);
}

/* Chain the cells of each coarse cluster from the end of the one before, and put them in the table. */
static void
make_table(Locality *locality)
{
	LocalityHead *head = locality->head;
	uint32 dimensions = head->dimensions;
	Size size = dimensions * sizeof(float);
	uint32 group_count = locality->coarse.head->k;
	float *cells =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) group_count * head->side * size);
	uint32 *firsts = palloc((group_count + 1) * sizeof(uint32));
	const float *end_of_chain = locality->coarse.centroids;
	CentroidGroups groups = {
		.count = group_count, .means = locality->coarse.centroids, .firsts = firsts};
	CentroidTable table;

	head->cell_count = 0;
	for (uint32 coarse = 0; coarse < group_count; coarse++)
	{
		uint32 count = locality->fine_counts[coarse];
		float *to = cells + (Size) head->cell_count * dimensions;
		Centroids fine;

		copy_centroids(&fine, fine_at(locality, coarse), count, dimensions);
		chain_centroids(&fine, end_of_chain);
		memcpy(to, fine.vectors, count * size);
		centroids_free(&fine);
		end_of_chain = to + (Size) (count - 1) * dimensions;
		firsts[coarse] = head->cell_count;
		head->cell_count += count;
	}
	firsts[group_count] = head->cell_count;
	centroid_table_make_grouped(&table, locality->table_memory, &groups, cells, head->cell_count,
								dimensions, locality->coarse.centroids);
	pfree(firsts);
	pfree(cells);
}

void
locality_train(Locality *locality, const BuildTeam *team)
{
	LocalityHead *head = locality->head;

	if (head->side < 2)
	{
		/* Nothing to order: one cell, wherever it is */
		locality->coarse.head->k = 1;
		locality->fine_counts[0] = 1;
	}
	else
	{
		kmeans_train(&locality->coarse, team);
		chain_coarse(locality);
		build_team_do(team, JOB_ASSIGN,
					  head->count / CHUNK_VECTORS + (head->count % CHUNK_VECTORS != 0));
		build_team_do(team, JOB_FINE, locality->coarse.head->k);
	}
	make_table(locality);
}
