/*
 * ivf/ivf_build_train.c
 *		The lists of an index: how many, and their centroids.
 *
 * Centroids are trained on a sample of 64 rows a list, at least 16,384 rows: the
 * literature takes 39 to 256 a centroid (Faiss warns below the one and samples down to
 * the other).
 *
 * The sample lies in memory or in a mapped temporary file (training_storage).  Training
 * reads the one like the other, so the centroids are the same.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>
#include <sys/resource.h>

#include "access/htup_details.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "ivf/ivf_build.h"

#define SAMPLE_ROWS_PER_LIST 64
#define SAMPLE_ROWS_MIN		 16384
/* More than the estimate says, in case it is too low */
#define ESTIMATE_SLACK		1.25
#define ESTIMATE_SLACK_ROWS 1024

/* With lists = 0: the square root of the number of rows, where the centroids of all lists are about
 * as many as the rows of one. */
static uint32
choose_list_count(Relation index, double row_estimate)
{
	int option = ivf_lists_option(index);

	if (option > 0)
		return (uint32) option;
	return (uint32) Max(Min(sqrt(row_estimate), IVF_MAX_LISTS), IVF_MIN_LISTS);
}

/* The largest sample that may lie in memory */
static Size
memory_limit(Relation index)
{
	switch (ivf_training_storage_option(index))
	{
		case TRAINING_MEMORY:
			return SIZE_MAX;
		case TRAINING_MMAP:
			return 0;
		case TRAINING_AUTO:
			break;
	}
	return (Size) maintenance_work_mem * 1024;
}

/* Wall-clock and processor time of this process, for the log */
static void
take_time(IvfBuildTime *time)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	INSTR_TIME_SET_CURRENT(time->clock);
	time->processor = usage.ru_utime.tv_sec * 1e3 + usage.ru_utime.tv_usec / 1e3 +
					  usage.ru_stime.tv_sec * 1e3 + usage.ru_stime.tv_usec / 1e3;
}

static double
milliseconds_between(const IvfBuildTime *from, const IvfBuildTime *to)
{
	instr_time duration = to->clock;

	INSTR_TIME_SUBTRACT(duration, from->clock);
	return INSTR_TIME_GET_MILLISEC(duration);
}

void
ivf_build_take_sample(IvfBuild *build, int workers)
{
	RowSample *sample = &build->sample;
	double wanted;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_SAMPLING);
	take_time(&build->sampling_began);
	row_sample_begin(sample, build->heap, build->index, build->index_info, &build->type);
	build->lists = choose_list_count(build->index, sample->row_estimate);
	wanted = Max((double) build->lists * SAMPLE_ROWS_PER_LIST, SAMPLE_ROWS_MIN);
	wanted = Min(wanted, sample->row_estimate * ESTIMATE_SLACK + ESTIMATE_SLACK_ROWS);
	/* No more than can be: an empty table takes no room, however long its vectors are */
	wanted = Min(wanted, (double) RelationGetNumberOfBlocks(build->heap) * MaxHeapTuplesPerPage);
	wanted = Max(wanted, 1);

	build_memory_begin_writing(&build->sample_memory,
							   (Size) wanted * build->type.dimensions * sizeof(float),
							   memory_limit(build->index), workers > 0);
	row_sample_take(sample, (uint32) wanted, &build->sample_memory);
	build->trained_on = sample->count;
	take_time(&build->sampling_ended);
}

/* In pgvector's words, with detail and hint of our own */
static void
warn_of_little_data(const IvfBuild *build, uint32 wanted)
{
	ereport(NOTICE,
			(errmsg("%s index created with little data", get_am_name(build->index->rd_rel->relam)),
			 errdetail("Only %u of %u lists could be made of the rows.", build->lists, wanted),
			 errhint("Rows that are added later may be found poorly: REINDEX the index when the "
					 "table has more rows.")));
}

void
ivf_build_train(IvfBuild *build)
{
	Kmeans *kmeans = &build->member.kmeans;
	uint32 wanted = build->lists;
	Size size;
	IvfBuildTime began;
	IvfBuildTime ended;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_KMEANS);
	take_time(&began);
	kmeans_train(kmeans, &build->team);

	build->lists = kmeans->head->k;
	size = (Size) build->lists * build->type.dimensions * sizeof(float);
	build->centroids = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memcpy(build->centroids, kmeans->centroids, size);
	/* By which rows are assigned */
	centroid_table_make(&kmeans->table, kmeans->table_memory, kmeans->centroids, build->lists,
						build->type.dimensions, kmeans->head->spherical, kmeans->origin);

	take_time(&ended);
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\": sample of %u vectors (%zu bytes) taken in %.3f ms, "
							 "%u centroids trained in %u rounds in %.3f ms (processor %.3f ms)",
							 RelationGetRelationName(build->index), build->trained_on,
							 build->sample_memory.size,
							 milliseconds_between(&build->sampling_began, &build->sampling_ended),
							 build->lists, kmeans->rounds, milliseconds_between(&began, &ended),
							 ended.processor - began.processor + build->sampling_ended.processor -
								 build->sampling_began.processor)));
	if (build->lists < wanted)
		warn_of_little_data(build, wanted);
}
