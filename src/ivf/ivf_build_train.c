/*
 * ivf/ivf_build_train.c
 *		The lists of an index: how many, and their centroids.
 *
 * Centroids are trained on a sample of 64 rows a list, at least 16,384 rows: the
 * literature takes 39 to 256 a centroid (Faiss warns below the one and samples down to
 * the other).
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "commands/defrem.h"
#include "index/row_sample.h"
#include "ivf/ivf_build.h"

#define SAMPLE_ROWS_PER_LIST 64
#define SAMPLE_ROWS_MIN		 16384
#define ITERATIONS			 10
#define SEED				 UINT64CONST(0x697666206C697374)

/* With `lists` = 0: the square root of the number of rows, where scanning the centroids of all lists
 * costs about as much as scanning one list. */
static uint32
choose_list_count(IvfBuild *build, double row_estimate)
{
	int option = ivf_lists_option(build->index);

	if (option > 0)
		return (uint32) option;
	return (uint32) Max(Min(sqrt(row_estimate), IVF_MAX_LISTS), IVF_MIN_LISTS);
}

/* As pgvector says it, with hints of our own. */
static void
warn_of_little_data(IvfBuild *build, uint32 wanted)
{
	const char *method = get_am_name(build->index->rd_rel->relam);

	ereport(NOTICE,
			(errmsg("%s index created with little data", method),
			 errdetail("Only %u of %u lists could be made of the rows.", build->centroids.count,
					   wanted),
			 errhint("Rows that are added later may be found poorly: REINDEX the index when the "
					 "table has more rows.")));
}

static void
normalize(float *vector, uint32 dimensions)
{
	double square = 0;

	for (uint32 i = 0; i < dimensions; i++)
		square += (double) vector[i] * vector[i];
	if (square > 0)
	{
		for (uint32 i = 0; i < dimensions; i++)
			vector[i] = (float) (vector[i] / sqrt(square));
	}
}

void
ivf_build_train(IvfBuild *build)
{
	uint32 dimensions = build->type.dimensions;
	bool spherical =
		build->type.metric == DISTANCE_COSINE || build->type.metric == DISTANCE_INNER_PRODUCT;
	RowSample sample;
	uint32 lists;
	uint32 wanted;
	const float **vectors;
	uint32 *assignments;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_SAMPLING);
	row_sample_begin(&sample, build->heap, build->index, build->index_info, &build->type);
	lists = choose_list_count(build, sample.row_estimate);
	wanted = Max(lists * SAMPLE_ROWS_PER_LIST, SAMPLE_ROWS_MIN);
	row_sample_take(
		&sample, wanted,
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) wanted * dimensions * sizeof(float)));
	build->trained_on = sample.count;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_KMEANS);
	if (sample.count == 0)
		centroids_init(&build->centroids, 1, dimensions);
	else
	{
		vectors = MemoryContextAllocHuge(CurrentMemoryContext, sample.count * sizeof(float *));
		assignments = MemoryContextAllocHuge(CurrentMemoryContext, sample.count * sizeof(uint32));
		for (uint32 i = 0; i < sample.count; i++)
		{
			vectors[i] = sample.vectors + (Size) i * dimensions;
			if (spherical)
				normalize(sample.vectors + (Size) i * dimensions, dimensions);
		}
		kmeans_train(vectors, sample.count, dimensions, lists, ITERATIONS, SEED, &build->centroids,
					 assignments);
		if (spherical)
		{
			for (uint32 list = 0; list < build->centroids.count; list++)
				normalize(centroids_get(&build->centroids, list), dimensions);
		}
		pfree(assignments);
		pfree(vectors);
	}
	pfree(sample.vectors);
	if (build->centroids.count < lists)
		warn_of_little_data(build, lists);
}
