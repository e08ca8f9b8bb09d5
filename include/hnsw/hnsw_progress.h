/*
 * hnsw/hnsw_progress.h
 *		Phases of an hnsw build, as pg_stat_progress_create_index names them.
 *
 * The build reports them with pgstat_progress_update_param(
 * PROGRESS_CREATEIDX_SUBPHASE, ...); hnsw_build_phase_name() is the handler's
 * ambuildphasename.  The first one must be PostgreSQL's
 * PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE, which the server itself reports
 * before it calls ambuild.
 *
 * In the phases with rows to count, PROGRESS_CREATEIDX_TUPLES_TOTAL and
 * PROGRESS_CREATEIDX_TUPLES_DONE count rows of that phase.
 */
#ifndef HNSW_HNSW_PROGRESS_H
#define HNSW_HNSW_PROGRESS_H

#include "commands/progress.h"

typedef enum HnswBuildPhase
{
	HNSW_PHASE_INITIALIZING = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
	HNSW_PHASE_CLUSTERING,		/* sample of the rows, centroids of the locality order */
	HNSW_PHASE_LOADING_VECTORS, /* heap scan, sort, vectors written */
	HNSW_PHASE_ENCODING,		/* quantizer trained, codes written */
	HNSW_PHASE_BUILDING_GRAPH,	/* edges made, in memory or in a temporary file */
	HNSW_PHASE_WRITING_GRAPH	/* nodes and upper levels written, file synced */
} HnswBuildPhase;

/* Name of a phase, NULL for a number that is none. */
extern char *hnsw_build_phase_name(int64 phase);

#endif
