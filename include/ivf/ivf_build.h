/*
 * ivf/ivf_build.h
 *		What the files of the ivf build share.
 *
 *		ivf_build.c           the pipeline: train, load, encode, write
 *		ivf_build_train.c     sample of the rows -> centroids
 *		ivf_build_parallel.c  the processes that train, and assign rows to lists
 *		ivf_build_load.c      rows by list -> vectors, entries, extents
 *		ivf_build_encode.c    vectors -> blocks of codes
 *
 * The phases are those of pg_stat_progress_create_index.  The first one must be
 * PostgreSQL's PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE, which the server itself reports
 * before it calls ambuild.  In phases with rows to count,
 * PROGRESS_CREATEIDX_TUPLES_TOTAL and PROGRESS_CREATEIDX_TUPLES_DONE count them.
 */
#ifndef IVF_IVF_BUILD_H
#define IVF_IVF_BUILD_H

#include "access/parallel.h"
#include "commands/progress.h"
#include "portability/instr_time.h"
#include "storage/buffile.h"

#include "index/build_memory.h"
#include "index/built_array.h"
#include "index/bulk_write.h"
#include "index/kmeans.h"
#include "index/row_assign.h"
#include "index/row_sample.h"
#include "ivf/ivf.h"

typedef enum IvfBuildPhase
{
	IVF_PHASE_INITIALIZING = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
	IVF_PHASE_SAMPLING,	 /* rows for the training read */
	IVF_PHASE_KMEANS,	 /* centroids trained */
	IVF_PHASE_ASSIGNING, /* rows read, their lists found */
	IVF_PHASE_LOADING,	 /* vectors written in the order of lists */
	IVF_PHASE_ENCODING,	 /* codes written */
	IVF_PHASE_WRITING	 /* entries, extents, centroids written, file synced */
} IvfBuildPhase;

/* The job of the team that k-means doesn't have: read a share of the heap's rows */
#define IVF_JOB_ASSIGN (KMEANS_JOB_LAST + 1)

/* What the processes of a build share */
typedef struct IvfBuildShared
{
	BuildTeamShared team;
	BuildMemoryShare sample;
	BuildMemoryShare training;
	RowAssignShared rows;
} IvfBuildShared;

/* One member of the team */
typedef struct IvfMember
{
	Kmeans kmeans;
	RowAssigner assigner;
} IvfMember;

typedef struct IvfBuildTime
{
	instr_time clock;
	double processor; /* ms */
} IvfBuildTime;

/* One build, in the process that runs it */
typedef struct IvfBuild
{
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	IndexType type;
	IndexMeta *meta;
	BulkWriter *writer;

	uint32 lists;	  /* wanted, then made */
	RowSample sample; /* its vectors lie in sample_memory */
	BuildMemory sample_memory;
	BuildMemory training; /* of k-means */
	uint32 trained_on;	  /* vectors of the sample */
	IvfBuildTime sampling_began;
	IvfBuildTime sampling_ended;
	float *centroids; /* lists * dimensions */

	/* The team */
	ParallelContext *context; /* NULL: the leader is alone */
	int processes;
	Snapshot snapshot; /* of a concurrent, parallel build */
	IvfBuildShared *shared;
	uint32 *counts; /* rows of each list */
	BuildTeam team;
	IvfMember member; /* the leader */

	double heap_rows;	 /* rows seen */
	double indexed_rows; /* rows with an entry */
	IvfExtent *extents;	 /* the first one of each list */
	uint32 ordinal_count;
	BufFile *entries; /* IvfEntry of each ordinal */
} IvfBuild;

/* ivf_build_train.c */
/* Choose the number of lists and take the sample; `workers` may join. */
extern void ivf_build_take_sample(IvfBuild *build, int workers);
/* Train the centroids, with the team. */
extern void ivf_build_train(IvfBuild *build);

/* ivf_build_parallel.c */
extern int ivf_build_count_workers(IvfBuild *build);
/* Form the team that trains and assigns; it is dismissed when rows are assigned, and what it wrote
 * stays until it is ended. */
extern void ivf_build_begin_team(IvfBuild *build, int workers);
/* All rows of the heap to files by list */
extern void ivf_build_assign(IvfBuild *build);
extern void ivf_build_end_team(IvfBuild *build);

/* ivf_build_load.c: vectors written list by list; extents and entries known */
extern void ivf_build_load(IvfBuild *build);

/* ivf_build_encode.c: PAGE_ARRAY_CODES written, where its slots are blocks */
extern void ivf_build_encode_blocks(IvfBuild *build, const BuiltArray *vectors);

#endif
