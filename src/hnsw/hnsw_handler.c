/*
 * hnsw/hnsw_handler.c
 *		The access method's table of functions.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_progress.h"
#include "index/index_handler.h"

PG_FUNCTION_INFO_V1(hnsw_handler);

char *
hnsw_build_phase_name(int64 phase)
{
	switch (phase)
	{
		case HNSW_PHASE_INITIALIZING:
			return "initializing";
		case HNSW_PHASE_CLUSTERING:
			return "clustering";
		case HNSW_PHASE_LOADING_VECTORS:
			return "loading vectors";
		case HNSW_PHASE_ENCODING:
			return "encoding";
		case HNSW_PHASE_BUILDING_GRAPH:
			return "building graph";
		case HNSW_PHASE_WRITING_GRAPH:
			return "writing graph";
		default:
			return NULL;
	}
}

static void
fill_routine(IndexAmRoutine *routine)
{
	index_handler_fill(routine);
	routine->ambuild = hnsw_build;
	routine->ambuildempty = hnsw_build_empty;
	routine->aminsert = hnsw_insert;
	routine->ambulkdelete = hnsw_bulk_delete;
	routine->amvacuumcleanup = hnsw_vacuum_cleanup;
	routine->amcostestimate = hnsw_cost_estimate;
	routine->amoptions = hnsw_options;
	routine->ambuildphasename = hnsw_build_phase_name;
	routine->ambeginscan = hnsw_begin_scan;
	routine->amrescan = hnsw_rescan;
	routine->amgettuple = hnsw_get_tuple;
}

Datum
hnsw_handler(PG_FUNCTION_ARGS)
{
	/* Static because some releases keep the pointer; all flags not set above are off. */
	static IndexAmRoutine routine;

	if (routine.type != T_IndexAmRoutine)
		fill_routine(&routine);
	PG_RETURN_POINTER(vs_index_am_result(&routine));
}
