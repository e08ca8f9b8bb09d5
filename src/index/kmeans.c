/*
 * index/kmeans.c
 *		Lloyd's k-means in jobs of a team: what every process runs.
 *
 * A round is three steps: the leader packs the centroids (index/centroid_table.h);
 * vectors are assigned, a chunk of vectors being a unit of work; centroids are moved, a
 * chunk of centroids being one.  So a centroid's sum is always added up in the order of
 * vectors.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"

#include "index/kmeans_jobs.h"
#include "index/kmeans_seeds.h"

static void *
take(uintptr_t *at, Size size)
{
	uintptr_t piece = MAXALIGN(*at);

	*at = piece + size;
	return (void *) piece;
}

/* Lay the arrays out in the memory behind the head; returns the end.  Addresses are numbers here, since
 * the size is learned by laying out from 0. */
static uintptr_t
lay_out(Kmeans *kmeans, uintptr_t memory, uint32 count, uint32 dimensions, uint32 k)
{
	uintptr_t at = memory + sizeof(KmeansHead);
	uint32 coarse = coarse_count(k) + 1;

	kmeans->origin = take(&at, dimensions * sizeof(float));
	kmeans->centroids = take(&at, (Size) k * dimensions * sizeof(float));
	kmeans->lengths = take(&at, count * sizeof(float));
	kmeans->assignments = take(&at, count * sizeof(uint32));
	kmeans->scores = take(&at, count * sizeof(float));
	kmeans->members = take(&at, count * sizeof(uint32));
	kmeans->starts = take(&at, (k + 1) * sizeof(uint32));
	kmeans->moved = take(&at, chunks_of(count, CHUNK_VECTORS) * sizeof(uint32));
	kmeans->wanted = take(&at, coarse * sizeof(uint32));
	kmeans->firsts = take(&at, coarse * sizeof(uint32));
	kmeans->table_memory = take(&at, centroid_table_size(k, dimensions));
	return at;
}

Size
kmeans_size(uint32 count, uint32 dimensions, uint32 k)
{
	Kmeans kmeans;

	return (Size) lay_out(&kmeans, 0, count, dimensions, k);
}

static void
open_view(Kmeans *kmeans, void *memory, const float *vectors)
{
	KmeansHead *head = memory;

	kmeans->head = head;
	kmeans->vectors = vectors;
	kmeans->rounds = 0;
	(void) lay_out(kmeans, (uintptr_t) memory, head->count, head->dimensions, head->max_centroids);
	kmeans->search = centroid_search_create(head->max_centroids, head->dimensions);
	kmeans->batch = palloc(centroid_search_batch(kmeans->search) * sizeof(float *));
}

void
kmeans_init(Kmeans *kmeans, void *memory, const float *vectors, uint32 count, uint32 dimensions,
			uint32 k, bool spherical, uint64 seed)
{
	KmeansHead *head = memory;

	Assert(count > 0 && k > 0);
	head->count = count;
	head->dimensions = dimensions;
	head->max_centroids = k;
	head->spherical = spherical;
	head->seed = seed;
	open_view(kmeans, memory, vectors);
}

void
kmeans_attach(Kmeans *kmeans, void *memory, const float *vectors)
{
	open_view(kmeans, memory, vectors);
}

void
kmeans_detach(Kmeans *kmeans)
{
	pfree(kmeans->batch);
	centroid_search_free(kmeans->search);
}

/* Measure: what turns scores into distances */
static void
measure_chunk(Kmeans *kmeans, uint32 chunk)
{
	const KmeansHead *head = kmeans->head;
	uint32 end = Min(head->count, (chunk + 1) * CHUNK_VECTORS);

	for (uint32 i = chunk * CHUNK_VECTORS; i < end; i++)
	{
		const float *vector = vector_at(kmeans, i);

		if (head->spherical)
		{
			float square = distance_kernels->inner_product(vector, vector, head->dimensions);

			kmeans->lengths[i] = square > 0 ? 1 / sqrtf(square) : 0;
		}
		else
			kmeans->lengths[i] =
				distance_kernels->l2_squared(vector, kmeans->origin, head->dimensions);
	}
}

static void
assign_chunk(Kmeans *kmeans, uint32 chunk)
{
	const KmeansHead *head = kmeans->head;
	uint32 step = head->step;
	uint32 end = Min(part_count(kmeans, step), (chunk + 1) * CHUNK_VECTORS);
	uint32 batch = centroid_search_batch(kmeans->search);
	uint32 nearest[CHUNK_VECTORS];
	float scores[CHUNK_VECTORS];
	uint32 moved = 0;
	uint32 count;

	centroid_table_open(&kmeans->table, kmeans->table_memory);
	for (uint32 first = chunk * CHUNK_VECTORS; first < end; first += count)
	{
		count = Min(Min(batch, CHUNK_VECTORS), end - first);
		for (uint32 i = 0; i < count; i++)
			kmeans->batch[i] = vector_at(kmeans, (first + i) * step);
		centroid_search_run(kmeans->search, &kmeans->table, kmeans->batch, count, nearest, scores);
		for (uint32 i = 0; i < count; i++)
		{
			uint32 vector = (first + i) * step;

			moved += kmeans->assignments[vector] != nearest[i];
			kmeans->assignments[vector] = nearest[i];
			kmeans->scores[vector] = scores[i];
		}
	}
	kmeans->moved[chunk] = moved;
}

static void
move_centroid(Kmeans *kmeans, uint32 centroid, double *sum)
{
	const KmeansHead *head = kmeans->head;
	uint32 dimensions = head->dimensions;
	uint32 first = kmeans->starts[centroid];
	uint32 end = kmeans->starts[centroid + 1];
	float *to = centroid_at(kmeans, centroid);
	double divisor = end - first;

	if (first == end)
		return;
	memset(sum, 0, dimensions * sizeof(double));
	for (uint32 at = first; at < end; at++)
	{
		const float *vector = vector_at(kmeans, kmeans->members[at]);
		double scale = head->spherical ? kmeans->lengths[kmeans->members[at]] : 1;

		for (uint32 d = 0; d < dimensions; d++)
			sum[d] += vector[d] * scale;
	}
	if (head->spherical)
	{
		double square = 0;

		for (uint32 d = 0; d < dimensions; d++)
			square += sum[d] * sum[d];
		divisor = sqrt(square);
		/* Vectors that cancel one another have no direction */
		if (!(divisor > 0))
			return;
	}
	for (uint32 d = 0; d < dimensions; d++)
		to[d] = (float) (sum[d] / divisor);
}

static void
move_chunk(Kmeans *kmeans, uint32 chunk)
{
	double *sum = palloc(kmeans->head->dimensions * sizeof(double));
	uint32 end = Min(kmeans->head->k, (chunk + 1) * CHUNK_CENTROIDS);

	for (uint32 centroid = chunk * CHUNK_CENTROIDS; centroid < end; centroid++)
		move_centroid(kmeans, centroid, sum);
	pfree(sum);
}

uint32
kmeans_seeds_of(const Kmeans *kmeans, const uint32 *members, uint32 count, uint32 wanted,
				uint64 seed, float *seeds)
{
	const KmeansHead *head = kmeans->head;
	uint32 used = (uint32) Min((uint64) count, (uint64) wanted * VECTORS_PER_SEED);
	const float **vectors = palloc(Max(used, 1) * sizeof(float *));
	float *scales = head->spherical ? palloc(Max(used, 1) * sizeof(float)) : NULL;
	uint32 chosen;

	for (uint32 i = 0; i < used; i++)
	{
		uint32 at = (uint32) ((uint64) i * count / used);
		uint32 vector = members != NULL ? members[at] : at;

		vectors[i] = vector_at(kmeans, vector);
		if (scales != NULL)
			scales[i] = kmeans->lengths[vector];
	}
	chosen = kmeans_choose_seeds(vectors, scales, used, head->dimensions, wanted, head->seed + seed,
								 seeds);
	if (scales != NULL)
		pfree(scales);
	pfree(vectors);
	return chosen;
}

static void
seed_cluster(Kmeans *kmeans, uint32 cluster)
{
	uint32 first = kmeans->starts[cluster];
	uint32 count = kmeans->starts[cluster + 1] - first;

	kmeans->wanted[cluster] =
		kmeans_seeds_of(kmeans, kmeans->members + first, count, kmeans->wanted[cluster],
						1 + cluster, centroid_at(kmeans, kmeans->firsts[cluster]));
}

void
kmeans_run(Kmeans *kmeans, int job, uint32 chunk)
{
	switch ((KmeansJob) job)
	{
		case JOB_MEASURE:
			measure_chunk(kmeans, chunk);
			break;
		case JOB_ASSIGN:
			assign_chunk(kmeans, chunk);
			break;
		case JOB_MOVE:
			move_chunk(kmeans, chunk);
			break;
		case JOB_SEED:
			seed_cluster(kmeans, chunk);
			break;
	}
}
