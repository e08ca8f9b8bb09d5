/*
 * ivf/ivf_build.h
 *		What the files of the ivf build share.
 *
 *		ivf_build.c        the pipeline: train, load, write
 *		ivf_build_train.c  sample of the rows -> centroids
 *		ivf_build_load.c   heap rows -> assigned to lists, sorted -> vectors, entries
 *
 * The phases are those of pg_stat_progress_create_index.  The first one must be
 * PostgreSQL's PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE, which the server itself reports
 * before it calls ambuild.  In phases with rows to count,
 * PROGRESS_CREATEIDX_TUPLES_TOTAL and PROGRESS_CREATEIDX_TUPLES_DONE count them.
 */
#ifndef IVF_IVF_BUILD_H
#define IVF_IVF_BUILD_H

#include "commands/progress.h"
#include "storage/buffile.h"

#include "index/bulk_write.h"
#include "index/kmeans.h"
#include "ivf/ivf.h"

typedef enum IvfBuildPhase
{
	IVF_PHASE_INITIALIZING = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
	IVF_PHASE_SAMPLING,	 /* rows for the training read */
	IVF_PHASE_KMEANS,	 /* centroids trained */
	IVF_PHASE_ASSIGNING, /* rows read, their lists found; sorted by list */
	IVF_PHASE_LOADING,	 /* vectors written in the order of lists */
	IVF_PHASE_ENCODING,	 /* codes written */
	IVF_PHASE_WRITING	 /* entries, extents, centroids written, file synced */
} IvfBuildPhase;

/* One build, in the process that runs it */
typedef struct IvfBuild
{
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	IndexType type;
	IndexMeta *meta;
	BulkWriter *writer;
	double heap_rows;	 /* rows seen */
	double indexed_rows; /* rows with an entry */

	Centroids centroids;
	uint32 trained_on; /* vectors of the sample */

	IvfExtent *extents; /* the first one of each list */
	uint32 ordinal_count;
	BufFile *entries; /* IvfEntry of each ordinal */
} IvfBuild;

/* ivf_build_train.c: the number of lists, and their centroids */
extern void ivf_build_train(IvfBuild *build);

/* ivf_build_load.c: vectors written list by list; extents and entries known */
extern void ivf_build_load(IvfBuild *build);

#endif
