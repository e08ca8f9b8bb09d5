/*
 * ivf/ivf_handler.c
 *		The tables of functions of access methods ivf and ivfflat.
 *
 * They differ in their options' defaults alone (ivf_options.c).
 */
#include "postgres.h"
#include "compat.h"

#include "index/index_handler.h"
#include "ivf/ivf.h"

PG_FUNCTION_INFO_V1(ivf_handler);
PG_FUNCTION_INFO_V1(ivfflat_handler);

static void
fill_routine(IndexAmRoutine *routine, amoptions_function options)
{
	index_handler_fill(routine);
	routine->ambuild = ivf_build;
	routine->ambuildempty = ivf_build_empty;
	routine->aminsert = ivf_insert;
	routine->ambulkdelete = ivf_bulk_delete;
	routine->amvacuumcleanup = ivf_vacuum_cleanup;
	routine->amcostestimate = ivf_cost_estimate;
	routine->amoptions = options;
	routine->ambuildphasename = ivf_build_phase_name;
	routine->ambeginscan = ivf_begin_scan;
	routine->amrescan = ivf_rescan;
	routine->amgettuple = ivf_get_tuple;
}

Datum
ivf_handler(PG_FUNCTION_ARGS)
{
	/* Static because some releases keep the pointer; all flags not set above are off. */
	static IndexAmRoutine routine;

	if (routine.type != T_IndexAmRoutine)
		fill_routine(&routine, ivf_options);
	PG_RETURN_POINTER(vs_index_am_result(&routine));
}

Datum
ivfflat_handler(PG_FUNCTION_ARGS)
{
	static IndexAmRoutine routine;

	if (routine.type != T_IndexAmRoutine)
		fill_routine(&routine, ivfflat_options);
	PG_RETURN_POINTER(vs_index_am_result(&routine));
}
