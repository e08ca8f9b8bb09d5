/*
 * index/centroid_table.c
 *		Packed centroids in groups, and the search in them.
 *
 * With G groups of which P are searched, a vector costs G + P/G of all centroids instead of
 * all of them.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/centroid_table.h"

/* Fewer centroids than this stand in one group */
#define GROUPED_MIN 512
/*
 * Groups that are searched: a quarter of all, at most this many.  1,000 lists on sift, 8 of 31 groups:
 * a third of the time of a search in all, recall@10 of searches the same (0.946 and 0.971 at 20 and 30
 * probes, means of 4 seeds).  10,000 lists, 16 of 100 groups: with 48, in triple the time, recall@10 was
 * 0.004 to 0.007 higher.
 */
#define GROUP_PROBES 16
/* Rounds in which the groups' means settle */
#define GROUP_ROUNDS 4

/* Vectors of a batch, and the memory that their copies may take */
#define BATCH_MAX	 1024
#define BATCH_MIN	 16
#define BATCH_FLOATS (256 * 1024)

#define PIECE_ALIGN 64

/* The beginning of a table; what follows is found by arithmetic. */
typedef struct TableHead
{
	uint32 dimensions;
	uint32 count;
	uint32 group_count;
	uint32 probes;
	uint32 packed_count;
} TableHead;

struct CentroidSearch
{
	uint32 dimensions;
	uint32 batch;
	float *copies; /* vectors less the origin */
	const float **pointers;
	float *group_scores;

	/* Which vectors search which group, sorted by group */
	uint32 *chosen; /* of each vector: GROUP_PROBES groups */
	uint32 *starts; /* of each group, and the end */
	uint32 *members;

	/* The vectors that search one group */
	const float **member_pointers;
	uint32 *member_nearest;
	float *member_scores;
};

static uint32
choose_group_count(uint32 count)
{
	return count < GROUPED_MIN ? 1 : (uint32) sqrt(count);
}

/* Packed places that groups of any sizes take at most */
static uint32
max_packed_count(uint32 count, uint32 group_count)
{
	return distance_packed_count(count) + (group_count - 1) * DISTANCE_PANEL;
}

static void *
take_piece(uintptr_t *at, Size size)
{
	uintptr_t piece = TYPEALIGN(PIECE_ALIGN, *at);

	*at = piece + size;
	return (void *) piece;
}

/* Pieces of packed vectors, in the order of the table */
typedef struct PackedPieces
{
	float *packed;
	float *bias;
	uint32 *numbers;
} PackedPieces;

static PackedPieces
take_packed(uintptr_t *at, uint32 packed_count, uint32 dimensions)
{
	PackedPieces pieces;

	pieces.packed = take_piece(at, (Size) packed_count * dimensions * sizeof(float));
	pieces.bias = take_piece(at, packed_count * sizeof(float));
	pieces.numbers = take_piece(at, packed_count * sizeof(uint32));
	return pieces;
}

static PackedVectors
packed_view(const PackedPieces *pieces, uint32 count, uint32 dimensions)
{
	PackedVectors view = {.count = count,
						  .dimensions = dimensions,
						  .packed = pieces->packed,
						  .bias = pieces->bias,
						  .numbers = pieces->numbers};

	return view;
}

typedef struct TablePieces
{
	float *origin;
	uint32 *group_firsts;
	PackedPieces groups;
	PackedPieces centroids;
	uintptr_t end;
} TablePieces;

/* Addresses are numbers here, since the size is learned by laying out from 0. */
static TablePieces
lay_out(uintptr_t memory, uint32 count, uint32 group_count, uint32 dimensions)
{
	uintptr_t at = memory + sizeof(TableHead);
	TablePieces pieces;

	pieces.origin = take_piece(&at, dimensions * sizeof(float));
	pieces.group_firsts = take_piece(&at, (group_count + 1) * sizeof(uint32));
	pieces.groups = take_packed(&at, distance_packed_count(group_count), dimensions);
	pieces.centroids = take_packed(&at, max_packed_count(count, group_count), dimensions);
	pieces.end = at;
	return pieces;
}

Size
centroid_table_size(uint32 count, uint32 dimensions)
{
	return centroid_table_size_grouped(count, choose_group_count(count), dimensions);
}

Size
centroid_table_size_grouped(uint32 count, uint32 group_count, uint32 dimensions)
{
	/* Laid out from an aligned address, and with room to align the memory itself */
	return (Size) lay_out(0, count, group_count, dimensions).end + PIECE_ALIGN;
}

void
centroid_table_open(CentroidTable *table, void *memory)
{
	TableHead *head = (TableHead *) TYPEALIGN(PIECE_ALIGN, memory);
	TablePieces pieces =
		lay_out((uintptr_t) head, head->count, head->group_count, head->dimensions);

	table->dimensions = head->dimensions;
	table->count = head->count;
	table->group_count = head->group_count;
	table->probes = head->probes;
	table->origin = pieces.origin;
	table->group_firsts = pieces.group_firsts;
	table->groups =
		packed_view(&pieces.groups, distance_packed_count(head->group_count), head->dimensions);
	table->centroids = packed_view(&pieces.centroids, head->packed_count, head->dimensions);
}

/* Pack vectors with their biases and numbers, padded to whole panels. */
static void
pack(const PackedPieces *pieces, uint32 first, const float *const *vectors, const uint32 *numbers,
	 uint32 count, uint32 dimensions, bool spherical)
{
	uint32 padded = distance_packed_count(count);

	distance_pack(vectors, count, dimensions, pieces->packed + (Size) first * dimensions);
	for (uint32 i = 0; i < padded; i++)
	{
		float bias = INFINITY;

		if (i < count)
			bias = spherical
					   ? 0
					   : distance_kernels->inner_product(vectors[i], vectors[i], dimensions) / 2;
		pieces->bias[first + i] = bias;
		pieces->numbers[first + i] = i < count ? numbers[i] : 0;
	}
}

/* The groups of centroids under construction */
typedef struct Grouping
{
	uint32 count;
	uint32 dimensions;
	uint32 group_count;
	bool spherical;
	const float **centroids;
	float *means;
	const float **mean_pointers;
	uint32 *numbers; /* 0, 1, 2, ... */
	uint32 *groups;	 /* of each centroid */
	float *scores;
} Grouping;

static void
pack_means(Grouping *grouping, const PackedPieces *pieces)
{
	pack(pieces, 0, grouping->mean_pointers, grouping->numbers, grouping->group_count,
		 grouping->dimensions, grouping->spherical);
}

static void
assign_groups(Grouping *grouping, const PackedPieces *pieces)
{
	PackedVectors packed =
		packed_view(pieces, distance_packed_count(grouping->group_count), grouping->dimensions);

	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < grouping->count; i++)
	{
		grouping->groups[i] = 0;
		grouping->scores[i] = INFINITY;
	}
	distance_kernels->packed_nearest(&packed, grouping->centroids, grouping->count,
									 grouping->groups, grouping->scores);
}

/* Move each mean amid its group; one without a group stays. */
static void
move_means(Grouping *grouping)
{
	uint32 dimensions = grouping->dimensions;
	uint32 *sizes = palloc0(grouping->group_count * sizeof(uint32));
	float *sums = palloc0((Size) grouping->group_count * dimensions * sizeof(float));

	for (uint32 i = 0; i < grouping->count; i++)
	{
		float *sum = sums + (Size) grouping->groups[i] * dimensions;

		for (uint32 d = 0; d < dimensions; d++)
			sum[d] += grouping->centroids[i][d];
		sizes[grouping->groups[i]]++;
	}
	for (uint32 group = 0; group < grouping->group_count; group++)
	{
		float *mean = grouping->means + (Size) group * dimensions;
		const float *sum = sums + (Size) group * dimensions;
		float divisor = (float) sizes[group];

		if (grouping->spherical)
			divisor = sqrtf(distance_kernels->inner_product(sum, sum, dimensions));
		if (!(divisor > 0) || !isfinite(divisor))
			continue;
		for (uint32 d = 0; d < dimensions; d++)
			mean[d] = sum[d] / divisor;
	}
	pfree(sums);
	pfree(sizes);
}

static void
find_groups(Grouping *grouping, const PackedPieces *pieces)
{
	Size size = grouping->dimensions * sizeof(float);

	grouping->means = MemoryContextAllocHuge(CurrentMemoryContext, grouping->group_count * size);
	grouping->mean_pointers = palloc(grouping->group_count * sizeof(float *));
	for (uint32 group = 0; group < grouping->group_count; group++)
	{
		uint32 from = (uint32) ((uint64) group * grouping->count / grouping->group_count);

		grouping->mean_pointers[group] = grouping->means + (Size) group * grouping->dimensions;
		memcpy(grouping->means + (Size) group * grouping->dimensions, grouping->centroids[from],
			   size);
	}
	pack_means(grouping, pieces);
	for (int round = 0; round < GROUP_ROUNDS; round++)
	{
		assign_groups(grouping, pieces);
		move_means(grouping);
		pack_means(grouping, pieces);
	}
	assign_groups(grouping, pieces);
	pfree(grouping->mean_pointers);
	pfree(grouping->means);
}

/* Pack the centroids group by group; returns the places taken. */
static uint32
pack_groups(const Grouping *grouping, const TablePieces *pieces)
{
	uint32 *starts = palloc0((grouping->group_count + 1) * sizeof(uint32));
	uint32 *numbers = palloc(grouping->count * sizeof(uint32));
	const float **members = palloc(grouping->count * sizeof(float *));
	uint32 packed_count = 0;

	/* Sorted by group: starts[g] ends as the end of group g */
	for (uint32 i = 0; i < grouping->count; i++)
		starts[grouping->groups[i] + 1]++;
	for (uint32 group = 0; group < grouping->group_count; group++)
		starts[group + 1] += starts[group];
	for (uint32 i = 0; i < grouping->count; i++)
	{
		uint32 at = starts[grouping->groups[i]]++;

		numbers[at] = i;
		members[at] = grouping->centroids[i];
	}
	for (uint32 group = 0; group < grouping->group_count; group++)
	{
		uint32 start = group == 0 ? 0 : starts[group - 1];
		uint32 size = starts[group] - start;

		pieces->group_firsts[group] = packed_count;
		pack(&pieces->centroids, packed_count, members + start, numbers + start, size,
			 grouping->dimensions, grouping->spherical);
		packed_count += distance_packed_count(size);
	}
	pieces->group_firsts[grouping->group_count] = packed_count;
	pfree(members);
	pfree(numbers);
	pfree(starts);
	return packed_count;
}

/* A copy of vectors, less the origin */
static float *
move_to_origin(const TablePieces *pieces, const float *vectors, uint32 count, uint32 dimensions)
{
	Size size = (Size) count * dimensions * sizeof(float);
	float *moved = MemoryContextAllocHuge(CurrentMemoryContext, size);

	for (uint32 i = 0; i < count; i++)
	{
		for (uint32 d = 0; d < dimensions; d++)
			moved[(Size) i * dimensions + d] =
				vectors[(Size) i * dimensions + d] - pieces->origin[d];
	}
	return moved;
}

static void
take_groups(Grouping *grouping, const CentroidGroups *groups, const TablePieces *pieces)
{
	uint32 dimensions = grouping->dimensions;
	float *means = move_to_origin(pieces, groups->means, groups->count, dimensions);

	grouping->mean_pointers = palloc(groups->count * sizeof(float *));
	for (uint32 group = 0; group < groups->count; group++)
	{
		grouping->mean_pointers[group] = means + (Size) group * dimensions;
		for (uint32 i = groups->firsts[group]; i < groups->firsts[group + 1]; i++)
			grouping->groups[i] = group;
	}
	pack_means(grouping, &pieces->groups);
	pfree(grouping->mean_pointers);
	pfree(means);
}

/* Make the table, in groups that are given (NULL = that it finds for itself). */
static void
make_table(CentroidTable *table, void *memory, const CentroidGroups *groups, uint32 group_count,
		   const float *centroids, uint32 count, uint32 dimensions, bool spherical,
		   const float *origin)
{
	TableHead *head = (TableHead *) TYPEALIGN(PIECE_ALIGN, memory);
	TablePieces pieces = lay_out((uintptr_t) head, count, group_count, dimensions);
	Grouping grouping = {.count = count,
						 .dimensions = dimensions,
						 .group_count = group_count,
						 .spherical = spherical};
	float *moved;

	Assert(count > 0 && group_count > 0);
	for (uint32 d = 0; d < dimensions; d++)
		pieces.origin[d] = origin != NULL ? origin[d] : 0;
	moved = move_to_origin(&pieces, centroids, count, dimensions);
	grouping.centroids = palloc(count * sizeof(float *));
	grouping.numbers = palloc(count * sizeof(uint32));
	grouping.groups = palloc0(count * sizeof(uint32));
	grouping.scores = palloc(count * sizeof(float));
	for (uint32 i = 0; i < count; i++)
	{
		grouping.centroids[i] = moved + (Size) i * dimensions;
		grouping.numbers[i] = i;
	}
	if (groups != NULL)
		take_groups(&grouping, groups, &pieces);
	else if (group_count > 1)
		find_groups(&grouping, &pieces.groups);

	head->dimensions = dimensions;
	head->count = count;
	head->group_count = group_count;
	head->probes = groups != NULL ? 1 : Min(GROUP_PROBES, group_count / 4 + 1);
	head->packed_count = pack_groups(&grouping, &pieces);
	centroid_table_open(table, memory);

	pfree(grouping.scores);
	pfree(grouping.groups);
	pfree(grouping.numbers);
	pfree(grouping.centroids);
	pfree(moved);
}

void
centroid_table_make(CentroidTable *table, void *memory, const float *centroids, uint32 count,
					uint32 dimensions, bool spherical, const float *origin)
{
	make_table(table, memory, NULL, choose_group_count(count), centroids, count, dimensions,
			   spherical, origin);
}

void
centroid_table_make_grouped(CentroidTable *table, void *memory, const CentroidGroups *groups,
							const float *centroids, uint32 count, uint32 dimensions,
							const float *origin)
{
	make_table(table, memory, groups, groups->count, centroids, count, dimensions, false, origin);
}

CentroidSearch *
centroid_search_create(uint32 count, uint32 dimensions)
{
	return centroid_search_create_grouped(choose_group_count(count), dimensions);
}

CentroidSearch *
centroid_search_create_grouped(uint32 group_count, uint32 dimensions)
{
	CentroidSearch *search = palloc0(sizeof(CentroidSearch));
	uint32 groups = distance_packed_count(group_count);

	search->dimensions = dimensions;
	search->batch = Max(Min(BATCH_FLOATS / dimensions, BATCH_MAX), BATCH_MIN);
	search->copies = MemoryContextAllocHuge(CurrentMemoryContext,
											(Size) search->batch * dimensions * sizeof(float));
	search->pointers = palloc(search->batch * sizeof(float *));
	for (uint32 i = 0; i < search->batch; i++)
		search->pointers[i] = search->copies + (Size) i * dimensions;
	search->group_scores = palloc((Size) search->batch * groups * sizeof(float));
	search->chosen = palloc(search->batch * GROUP_PROBES * sizeof(uint32));
	search->members = palloc(search->batch * GROUP_PROBES * sizeof(uint32));
	search->starts = palloc((groups + 1) * sizeof(uint32));
	search->member_pointers = palloc(search->batch * sizeof(float *));
	search->member_nearest = palloc(search->batch * sizeof(uint32));
	search->member_scores = palloc(search->batch * sizeof(float));
	return search;
}

void
centroid_search_free(CentroidSearch *search)
{
	pfree(search->member_scores);
	pfree(search->member_nearest);
	pfree(search->member_pointers);
	pfree(search->starts);
	pfree(search->members);
	pfree(search->chosen);
	pfree(search->group_scores);
	pfree(search->pointers);
	pfree(search->copies);
	pfree(search);
}

uint32
centroid_search_batch(const CentroidSearch *search)
{
	return search->batch;
}

/* The groups of the lowest scores, in any order. */
static void
choose_groups(const CentroidTable *table, const float *scores, uint32 *chosen)
{
	float best[GROUP_PROBES];
	uint32 count = 0;

	for (uint32 group = 0; group < table->group_count; group++)
	{
		uint32 at;

		if (count == table->probes && !(scores[group] < best[count - 1]))
			continue;
		at = count < table->probes ? count++ : count - 1;
		while (at > 0 && scores[group] < best[at - 1])
		{
			best[at] = best[at - 1];
			chosen[at] = chosen[at - 1];
			at--;
		}
		best[at] = scores[group];
		chosen[at] = group;
	}
}

/* Sort what was chosen by group: members[starts[g] .. starts[g + 1]) are the vectors of group g. */
static void
sort_by_group(CentroidSearch *search, const CentroidTable *table, uint32 count)
{
	uint32 *starts = search->starts;
	uint32 end = 0;

	memset(starts, 0, (table->group_count + 1) * sizeof(uint32));
	for (uint32 i = 0; i < count * table->probes; i++)
		starts[search->chosen[i]]++;
	for (uint32 group = 0; group <= table->group_count; group++)
	{
		end += starts[group];
		starts[group] = end;
	}
	for (uint32 i = count * table->probes; i-- > 0;)
		search->members[--starts[search->chosen[i]]] = i / table->probes;
}

static void
search_group(CentroidSearch *search, const CentroidTable *table, uint32 group, uint32 *nearest,
			 float *scores)
{
	const uint32 *members = search->members + search->starts[group];
	uint32 count = search->starts[group + 1] - search->starts[group];
	uint32 first = table->group_firsts[group];
	PackedVectors packed = {.count = table->group_firsts[group + 1] - first,
							.dimensions = table->dimensions,
							.packed = table->centroids.packed + (Size) first * table->dimensions,
							.bias = table->centroids.bias + first,
							.numbers = table->centroids.numbers + first};

	for (uint32 i = 0; i < count; i++)
	{
		search->member_pointers[i] = search->pointers[members[i]];
		search->member_nearest[i] = nearest[members[i]];
		search->member_scores[i] = scores[members[i]];
	}
	distance_kernels->packed_nearest(&packed, search->member_pointers, count,
									 search->member_nearest, search->member_scores);
	for (uint32 i = 0; i < count; i++)
	{
		nearest[members[i]] = search->member_nearest[i];
		scores[members[i]] = search->member_scores[i];
	}
}

void
centroid_search_run(CentroidSearch *search, const CentroidTable *table, const float *const *vectors,
					uint32 count, uint32 *nearest, float *scores)
{
	uint32 dimensions = table->dimensions;

	Assert(count <= search->batch && dimensions == search->dimensions);
	for (uint32 i = 0; i < count; i++)
	{
		float *copy = search->copies + (Size) i * dimensions;

		for (uint32 d = 0; d < dimensions; d++)
			copy[d] = vectors[i][d] - table->origin[d];
		nearest[i] = 0;
		scores[i] = INFINITY;
	}
	if (table->group_count == 1)
	{
		distance_kernels->packed_nearest(&table->centroids, search->pointers, count, nearest,
										 scores);
		return;
	}

	distance_kernels->packed_scores(&table->groups, search->pointers, count, search->group_scores);
	for (uint32 i = 0; i < count; i++)
		choose_groups(table, search->group_scores + (Size) i * table->groups.count,
					  search->chosen + i * table->probes);
	sort_by_group(search, table, count);
	for (uint32 group = 0; group < table->group_count; group++)
		search_group(search, table, group, nearest, scores);
}
