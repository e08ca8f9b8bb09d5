/*
 * vectorstore.c
 *		The library's entry point.
 *
 * Loaded either when a session first uses a type or an index of ours, or at server start
 * (shared_preload_libraries).  Both work; at server start, indexes are warmed up too.
 */
#include "postgres.h"
#include "compat.h"

#include "distance/distance.h"
#include "hnsw/hnsw.h"
#include "index/options.h"
#include "index/sort_distance.h"
#include "ivf/ivf.h"
#include "storage/file_map.h"
#include "storage/page_count.h"
#include "storage/warmup.h"
#include "utils/guc.h"

VS_MODULE_MAGIC("vectorstore", "0.1.0");

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	distance_kernels_choose();
	index_settings_define();
	sort_distance_init();
	hnsw_init();
	ivf_init();
	file_map_init();
	warmup_init();
	page_count_init();

	/* Last, when all names are defined: from now on a misspelled one is an error. */
	MarkGUCPrefixReserved("vectorstore");
}
