/*
 * hnsw/hnsw_handler.c
 *		The access method's table of functions, and what it can and cannot do.
 *
 * One column, ordered by its distance from a value (ORDER BY column <-> value), forwards, row by
 * row.  No conditions are searched for, so every key is optional; a scan without ORDER BY makes
 * no sense, and the cost estimate keeps the planner from it.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_handler.h"
#include "hnsw/hnsw_progress.h"

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

/* The server can't tell by itself that the column can be ordered by distance. */
static bool
hnsw_property(Oid index, int column, IndexAMProperty property, const char *name, bool *result,
			  bool *isnull)
{
	if (property != AMPROP_DISTANCE_ORDERABLE || column == 0)
		return false;
	*result = true;
	*isnull = false;
	return true;
}

static void
fill_routine(IndexAmRoutine *routine)
{
	routine->type = T_IndexAmRoutine;

	routine->amstrategies = INDEX_DISTANCE_STRATEGY;
	routine->amsupport = INDEX_PROC_COUNT;
	routine->amcanorderbyop = true;
	routine->amoptionalkey = true;
	routine->amusemaintenanceworkmem = true;
	routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	routine->amkeytype = InvalidOid;
	vs_index_am_set_build_parallel(routine, true);

	routine->ambuild = hnsw_build;
	routine->ambuildempty = hnsw_build_empty;
	routine->aminsert = hnsw_insert;
	routine->ambulkdelete = hnsw_bulk_delete;
	routine->amvacuumcleanup = hnsw_vacuum_cleanup;
	routine->amcostestimate = hnsw_cost_estimate;
	routine->amoptions = hnsw_options;
	routine->amproperty = hnsw_property;
	routine->ambuildphasename = hnsw_build_phase_name;
	routine->amvalidate = hnsw_validate;
	routine->ambeginscan = hnsw_begin_scan;
	routine->amrescan = hnsw_rescan;
	routine->amgettuple = hnsw_get_tuple;
	routine->amendscan = hnsw_end_scan;
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
