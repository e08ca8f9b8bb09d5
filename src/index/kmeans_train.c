/*
 * index/kmeans_train.c
 *		Lloyd's k-means: where it starts, its rounds, and when they end.
 *
 * The start is by k-means++, in two levels where centroids are many: some coarse
 * clusters, as many as the square root of k, are trained on a part of the vectors; each then
 * gives seeds in proportion to its vectors.
 *
 * The first rounds look at a quarter of the vectors and then at half of them, which is
 * enough while centroids still move far.
 *
 * A centroid that has no vector takes the place of the vector that is furthest from its own
 * centroid; where all vectors are centroids it is dropped.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/kmeans_jobs.h"

/* Vectors that the mean of all is estimated from */
#define ORIGIN_VECTORS 4096
#define COARSE_ROUNDS  4
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

/* Vectors for each centroid without which a part of them is too few; more rounds are made on more then */
#define PART_MIN_PER_CENTROID 12
#define MORE_ROUNDS			  2

/* How far a vector is from its centroid, squared or as 1 - cosine; from scores, so rounded. */
static inline float
vector_distance(const Kmeans *kmeans, uint32 vector)
{
	if (kmeans->head->spherical)
		return 1 + kmeans->scores[vector] * kmeans->lengths[vector];
	return kmeans->lengths[vector] + 2 * kmeans->scores[vector];
}

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

	head->k = kmeans_seeds_of(kmeans, NULL, head->count, coarse, 0, kmeans->centroids);
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
	uint32 more_rounds = 0;

	find_origin(kmeans);
	build_team_do(team, JOB_MEASURE, chunks_of(head->count, CHUNK_VECTORS));
	if (coarse_count(k) > 0)
		choose_start_in_two_levels(kmeans, team, k);
	else
		head->k = kmeans_seeds_of(kmeans, NULL, head->count, k, 0, kmeans->centroids);

	for (size_t part = 0; part < lengthof(round_plan); part++)
	{
		uint32 step = round_plan[part].step;
		uint32 rounds = round_plan[part].rounds + more_rounds;

		if (step > 1 && part_count(kmeans, step) / head->k < PART_MIN_PER_CENTROID)
		{
			more_rounds += MORE_ROUNDS;
			continue;
		}
		for (uint32 round = 0; round < rounds; round++)
		{
			if (!make_round(kmeans, team, step, round == 0))
				break;
		}
	}
}

static void
run_alone(void *argument, int job, uint32 chunk)
{
	kmeans_run(argument, job, chunk);
}

void
kmeans_train_alone(const float *vectors, uint32 count, uint32 dimensions, uint32 k, uint64 seed,
				   Centroids *centroids)
{
	void *memory = MemoryContextAllocExtended(
		CurrentMemoryContext, kmeans_size(count, dimensions, k), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	BuildTeamShared *shared = palloc(sizeof(BuildTeamShared));
	Kmeans kmeans;
	BuildTeam team = {.shared = shared, .run = run_alone, .argument = &kmeans};

	build_team_init(shared);
	kmeans_init(&kmeans, memory, vectors, count, dimensions, k, false, seed);
	kmeans_train(&kmeans, &team);
	centroids_init(centroids, kmeans.head->k, dimensions);
	memcpy(centroids->vectors, kmeans.centroids,
		   (Size) kmeans.head->k * dimensions * sizeof(float));
	kmeans_detach(&kmeans);
	pfree(shared);
	pfree(memory);
}
