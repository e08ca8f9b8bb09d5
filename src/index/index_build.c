/*
 * index/index_build.c
 *		The end of an index build.
 */
#include "postgres.h"
#include "compat.h"

#include "index/index_build.h"
#include "index/options.h"
#include "storage/page_write.h"
#include "storage/warmup.h"

IndexBuildResult *
index_build_finish(Relation index, double heap_rows, double indexed_rows)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	result->heap_tuples = heap_rows;
	result->index_tuples = indexed_rows;

	/* What the relation cache knew of a file that was truncated is no longer true */
	if (index->rd_amcache != NULL)
		pfree(index->rd_amcache);
	index->rd_amcache = NULL;
	page_write_forget_stamps();

	if (index_warmup_option(index) != WARMUP_NONE)
		warmup_request_at_commit(index);
	return result;
}
