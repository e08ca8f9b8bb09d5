/*
 * index/kmeans.c
 *		Lloyd's k-means in jobs of a team.
 *
 * The start is by k-means++, in two levels where centroids are many: some coarse
 * clusters, as many as the square root of k, are trained on a part of the vectors; each then
 * gives seeds in proportion to its vectors.
 *
 * The first rounds look at a quarter of the vectors and then at half of them, which is
 * enough while centroids still move far.  A round is three steps: the leader packs the
 * centroids (index/centroid_table.h); vectors are assigned, a chunk of vectors being a
 * unit of work; centroids are moved, a chunk of centroids being one.  So a centroid's sum is
 * always added up in the order of vectors.
 *
 * A centroid that has no vector takes the place of the vector that is furthest from its own
 * centroid; where all vectors are centroids it is dropped.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/kmeans.h"
#include "index/kmeans_seeds.h"

typedef enum KmeansJob
{
	JOB_MEASURE = KMEANS_JOB_FIRST, /* lengths of a chunk of vectors */
	JOB_ASSIGN,						/* their nearest centroids */
	JOB_MOVE,						/* a chunk of centroids to the means of their vectors */
	JOB_SEED						/* seeds of one coarse cluster */
} KmeansJob;

StaticAssertDecl(JOB_SEED == KMEANS_JOB_LAST, "the header tells the numbers of jobs");

#define CHUNK_VECTORS	1024
#define CHUNK_CENTROIDS 16

/* Vectors that the mean of all is estimated from */
#define ORIGIN_VECTORS 4096
/* Centroids from which on the start has two levels */
#define TWO_LEVELS_MIN 64
/* Vectors for each seed to choose from, and for each coarse centroid to be trained on */
#define VECTORS_PER_SEED 64
#define COARSE_ROUNDS	 4
/* 1 - cosine of vectors that are taken for equal */
#define SAME_DIRECTION 1e-6f
/* Rounds end when less than one vector in this many has moved */
#define SETTLED_FRACTION 200

/* Rounds on a part of the vectors, and on all (sift, 1,000 lists: 15 rounds on all take twice the time
 * and give the same recall) */
typedef struct RoundPlan
{
	uint32 step;
	uint32 rounds;
} RoundPlan;

static const RoundPlan round_plan[] = {{4, 4}, {2, 3}, {1, 3}};

/* Vectors for each centroid without which a part of them is too few */
#define PART_MIN_PER_CENTROID 12

static uint32
chunks_of(uint32 count, uint32 chunk)
{
	return count / chunk + (count % chunk != 0);
}

static uint32
coarse_count(uint32 k)
{
	return k < TWO_LEVELS_MIN ? 0 : (uint32) ceil(sqrt(k));
}

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

static inline const float *
vector_at(const Kmeans *kmeans, uint32 number)
{
	return kmeans->vectors + (Size) number * kmeans->head->dimensions;
}

static inline float *
centroid_at(const Kmeans *kmeans, uint32 number)
{
	return kmeans->centroids + (Size) number * kmeans->head->dimensions;
}

/* Vectors that a round with this step looks at */
static uint32
part_count(const Kmeans *kmeans, uint32 step)
{
	return chunks_of(kmeans->head->count, step);
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

/* How far a vector is from its centroid, squared or as 1 - cosine; from scores, so rounded. */
static inline float
vector_distance(const Kmeans *kmeans, uint32 vector)
{
	if (kmeans->head->spherical)
		return 1 + kmeans->scores[vector] * kmeans->lengths[vector];
	return kmeans->lengths[vector] + 2 * kmeans->scores[vector];
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

/* Seeds from some of the given vectors, evenly spread over them. */
static uint32
choose_seeds(const Kmeans *kmeans, const uint32 *members, uint32 count, uint32 wanted, uint64 seed,
			 float *seeds)
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
		choose_seeds(kmeans, kmeans->members + first, count, kmeans->wanted[cluster], 1 + cluster,
					 centroid_at(kmeans, kmeans->firsts[cluster]));
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

/* What follows is the leader's */

static void
find_origin(Kmeans *kmeans)
{
	const KmeansHead *head = kmeans->head;
	uint32 used = Min(head->count, ORIGIN_VECTORS);
	double *sum = palloc0(head->dimensions * sizeof(double));

	for (uint32 i = 0; i < used; i++)
	{
		const float *vector = vector_at(kmeans, (uint32) ((uint64) i * head->count / used));

		for (uint32 d = 0; d < head->dimensions; d++)
			sum[d] += vector[d];
	}
	for (uint32 d = 0; d < head->dimensions; d++)
		kmeans->origin[d] = head->spherical ? 0 : (float) (sum[d] / used);
	pfree(sum);
}

/* Assign every step-th vector; returns how many moved. */
static uint32
assign(Kmeans *kmeans, const BuildTeam *team, uint32 step)
{
	KmeansHead *head = kmeans->head;
	uint32 chunks = chunks_of(part_count(kmeans, step), CHUNK_VECTORS);
	uint32 moved = 0;

	head->step = step;
	centroid_table_make(&kmeans->table, kmeans->table_memory, kmeans->centroids, head->k,
						head->dimensions, head->spherical, kmeans->origin);
	build_team_do(team, JOB_ASSIGN, chunks);
	for (uint32 chunk = 0; chunk < chunks; chunk++)
		moved += kmeans->moved[chunk];
	return moved;
}

/* Sort every step-th vector by its centroid, and within it by number. */
static void
sort_members(Kmeans *kmeans, uint32 step)
{
	KmeansHead *head = kmeans->head;
	uint32 *starts = kmeans->starts;
	uint32 end = 0;

	memset(starts, 0, (head->k + 1) * sizeof(uint32));
	for (uint32 i = 0; i < head->count; i += step)
		starts[kmeans->assignments[i]]++;
	for (uint32 centroid = 0; centroid <= head->k; centroid++)
	{
		uint32 size = starts[centroid];

		starts[centroid] = end;
		end += size;
	}
	for (uint32 i = 0; i < head->count; i += step)
		kmeans->members[starts[kmeans->assignments[i]]++] = i;
	for (uint32 centroid = head->k; centroid > 0; centroid--)
		starts[centroid] = starts[centroid - 1];
	starts[0] = 0;
}

/* Whether a vector is a copy of a centroid; spherical: of its direction, as far as sums are exact. */
static bool
equals_centroid(const Kmeans *kmeans, uint32 vector, uint32 centroid)
{
	const KmeansHead *head = kmeans->head;
	const float *a = vector_at(kmeans, vector);
	const float *b = centroid_at(kmeans, centroid);

	if (head->spherical)
		return distance_kernels->inner_product(a, b, head->dimensions) * kmeans->lengths[vector] >
			   1 - SAME_DIRECTION;
	return distance_kernels->l2_squared(a, b, head->dimensions) == 0;
}

/* Whether the vector is no copy of its centroid, nor of one that was placed since. */
static bool
is_candidate(const Kmeans *kmeans, uint32 vector, const uint32 *placed, uint32 placed_count)
{
	if (kmeans->head->spherical && kmeans->lengths[vector] == 0)
		return false;
	if (equals_centroid(kmeans, vector, kmeans->assignments[vector]))
		return false;
	for (uint32 i = 0; i < placed_count; i++)
	{
		if (equals_centroid(kmeans, vector, placed[i]))
			return false;
	}
	return true;
}

static void
place_centroid(Kmeans *kmeans, uint32 centroid, uint32 vector)
{
	const KmeansHead *head = kmeans->head;
	const float *from = vector_at(kmeans, vector);
	float *to = centroid_at(kmeans, centroid);
	float scale = head->spherical ? kmeans->lengths[vector] : 1;

	for (uint32 d = 0; d < head->dimensions; d++)
		to[d] = from[d] * scale;
}

typedef struct FarVector
{
	float distance;
	uint32 vector;
} FarVector;

/* Furthest first, and of equally far ones the first */
static int
compare_far(const void *a, const void *b)
{
	const FarVector *left = a;
	const FarVector *right = b;

	if (left->distance != right->distance)
		return left->distance > right->distance ? -1 : 1;
	return left->vector < right->vector ? -1 : 1;
}

/* Every step-th vector, furthest from its centroid first */
static FarVector *
sort_by_distance(const Kmeans *kmeans, uint32 step)
{
	uint32 count = part_count(kmeans, step);
	FarVector *far = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(FarVector));

	for (uint32 i = 0; i < count; i++)
	{
		float distance = vector_distance(kmeans, i * step);

		far[i].vector = i * step;
		far[i].distance = isnan(distance) ? 0 : distance;
	}
	qsort(far, count, sizeof(FarVector), compare_far);
	return far;
}

/* Remove the centroids of a sorted list of numbers. */
static void
drop_centroids(Kmeans *kmeans, const uint32 *dropped, uint32 dropped_count)
{
	KmeansHead *head = kmeans->head;
	uint32 kept = 0;
	uint32 at = 0;

	for (uint32 centroid = 0; centroid < head->k; centroid++)
	{
		if (at < dropped_count && dropped[at] == centroid)
		{
			at++;
			continue;
		}
		memmove(centroid_at(kmeans, kept++), centroid_at(kmeans, centroid),
				head->dimensions * sizeof(float));
	}
	head->k = kept;
}

/* Give the given centroids, which have no vectors, new places, or drop them; sorted numbers. */
static void
place_or_drop(Kmeans *kmeans, const uint32 *empty, uint32 empty_count, uint32 step)
{
	uint32 count = part_count(kmeans, step);
	FarVector *far;
	uint32 placed = 0;

	if (empty_count == 0)
		return;
	far = sort_by_distance(kmeans, step);
	for (uint32 i = 0; i < count && placed < empty_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_candidate(kmeans, far[i].vector, empty, placed))
			place_centroid(kmeans, empty[placed++], far[i].vector);
	}
	pfree(far);
	drop_centroids(kmeans, empty + placed, empty_count - placed);
}

static uint32
find_empty(const Kmeans *kmeans, uint32 *empty)
{
	uint32 count = 0;

	for (uint32 centroid = 0; centroid < kmeans->head->k; centroid++)
	{
		if (kmeans->starts[centroid] == kmeans->starts[centroid + 1])
			empty[count++] = centroid;
	}
	return count;
}

/* One round; false where hardly a vector changed its centroid. */
static bool
make_round(Kmeans *kmeans, const BuildTeam *team, uint32 step, bool first)
{
	KmeansHead *head = kmeans->head;
	uint32 *empty = palloc(head->k * sizeof(uint32));
	uint32 moved = assign(kmeans, team, step);
	uint32 empty_count;

	kmeans->rounds++;
	sort_members(kmeans, step);
	build_team_do(team, JOB_MOVE, chunks_of(head->k, CHUNK_CENTROIDS));
	empty_count = find_empty(kmeans, empty);
	place_or_drop(kmeans, empty, empty_count, step);
	pfree(empty);
	return first || empty_count > 0 || moved > part_count(kmeans, step) / SETTLED_FRACTION;
}

/* How many seeds each coarse cluster gives: in proportion to its vectors, one at least. */
static void
share_seeds(Kmeans *kmeans, uint32 k)
{
	const KmeansHead *head = kmeans->head;
	uint32 coarse = head->k;
	uint32 first = 0;
	uint32 left = k;
	uint32 vectors_left = head->count;

	for (uint32 cluster = 0; cluster < coarse; cluster++)
	{
		uint32 size = kmeans->starts[cluster + 1] - kmeans->starts[cluster];
		uint32 later = coarse - cluster - 1;
		uint32 share = vectors_left > 0 ? (uint32) ((uint64) left * size / vectors_left) : 0;

		/* What comes later has one each at least */
		share = Max(share, 1);
		share = Min(share, left > later ? left - later : 0);
		kmeans->wanted[cluster] = Min(share, size);
		kmeans->firsts[cluster] = first;
		first += kmeans->wanted[cluster];
		left -= kmeans->wanted[cluster];
		vectors_left -= size;
	}
}

/* Two levels: leaves at most k seeds in kmeans->centroids. */
static void
choose_start_in_two_levels(Kmeans *kmeans, const BuildTeam *team, uint32 k)
{
	KmeansHead *head = kmeans->head;
	uint32 coarse = coarse_count(k);
	uint32 step = Max(head->count / (coarse * VECTORS_PER_SEED), 1);
	uint32 kept = 0;
	uint32 *missing;

	head->k = choose_seeds(kmeans, NULL, head->count, coarse, 0, kmeans->centroids);
	for (int round = 0; round < COARSE_ROUNDS; round++)
		(void) make_round(kmeans, team, step, true);
	(void) assign(kmeans, team, 1);
	sort_members(kmeans, 1);
	share_seeds(kmeans, k);
	coarse = head->k;
	build_team_do(team, JOB_SEED, coarse);
	for (uint32 cluster = 0; cluster < coarse; cluster++)
	{
		memmove(centroid_at(kmeans, kept), centroid_at(kmeans, kmeans->firsts[cluster]),
				(Size) kmeans->wanted[cluster] * head->dimensions * sizeof(float));
		kept += kmeans->wanted[cluster];
	}
	head->k = kept;
	if (kept == k)
		return;

	/* Clusters of equal vectors gave fewer: the rest comes from where vectors are far */
	(void) assign(kmeans, team, 1);
	missing = palloc((k - kept) * sizeof(uint32));
	for (uint32 i = 0; i < k - kept; i++)
		missing[i] = kept + i;
	head->k = k;
	place_or_drop(kmeans, missing, k - kept, 1);
	pfree(missing);
}

void
kmeans_train(Kmeans *kmeans, const BuildTeam *team)
{
	KmeansHead *head = kmeans->head;
	uint32 k = Min(head->max_centroids, head->count);

	find_origin(kmeans);
	build_team_do(team, JOB_MEASURE, chunks_of(head->count, CHUNK_VECTORS));
	if (coarse_count(k) > 0)
		choose_start_in_two_levels(kmeans, team, k);
	else
		head->k = choose_seeds(kmeans, NULL, head->count, k, 0, kmeans->centroids);

	for (size_t part = 0; part < lengthof(round_plan); part++)
	{
		uint32 step = round_plan[part].step;

		if (step > 1 && part_count(kmeans, step) / head->k < PART_MIN_PER_CENTROID)
			continue;
		for (uint32 round = 0; round < round_plan[part].rounds; round++)
		{
			if (!make_round(kmeans, team, step, round == 0))
				break;
		}
	}
}
