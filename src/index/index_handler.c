/*
 * index/index_handler.c
 *		What all of our access methods can and cannot do.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"

#include "index/index_handler.h"
#include "index/index_scan.h"

/* The server can't tell by itself that the column can be ordered by distance. */
static bool
get_property(Oid index, int column, IndexAMProperty property, const char *name, bool *result,
			 bool *isnull)
{
	if (property != AMPROP_DISTANCE_ORDERABLE || column == 0)
		return false;
	*result = true;
	*isnull = false;
	return true;
}

void
index_handler_fill(IndexAmRoutine *routine)
{
	/* All flags that are not set here are off. */
	routine->type = T_IndexAmRoutine;
	routine->amstrategies = INDEX_DISTANCE_STRATEGY;
	routine->amsupport = INDEX_PROC_COUNT;
	routine->amcanorderbyop = true;
	routine->amoptionalkey = true;
	routine->amusemaintenanceworkmem = true;
	routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	routine->amkeytype = InvalidOid;
	vs_index_am_set_build_parallel(routine, true);

	routine->amproperty = get_property;
	routine->amvalidate = index_validate;
	routine->amendscan = index_scan_end;
}
