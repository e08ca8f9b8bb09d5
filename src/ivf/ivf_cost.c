/*
 * ivf/ivf_cost.c
 *		How much of the lists a search scans.
 *
 * All lists are taken to be of one length; the centroids are compared as well.  Rows
 * beyond those of `probes` lists do not come without an iterative scan, but the plan
 * must not be cheaper for that.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "index/cost.h"
#include "ivf/ivf.h"
#include "quantizer/rabitq.h"

/* Raw vectors read for the first rows, with codes */
#define RERANKED_AT_FIRST 32

/* Of codes that the index has, if it was built with the options of now; 0 = none */
static uint32
code_size(Relation index)
{
	QuantizerKind kind;
	IndexType type;

	index_type_get(index, &type);
	kind = ivf_quantizer_option(index, &type);
	if (kind == QUANTIZER_NONE)
		return 0;
	if (quantizer_is_rabitq(kind))
		return rabitq_block_size(type.dimensions, quantizer_routine(kind)->bits) / IVF_BLOCK;
	return quantizer_routine(kind)->code_size(type.dimensions);
}

static IndexSearchWork
estimate_search(const IndexCostSubject *subject, double lists, double probes, double rows_wanted)
{
	double rows_of_list = subject->rows / lists;
	double probed = Min(Max(probes, rows_wanted / Max(rows_of_list, 1)), lists);

	return (IndexSearchWork){.distances = lists + probed * rows_of_list,
							 .nodes = probed + rows_wanted,
							 .reranked = Max(RERANKED_AT_FIRST, rows_wanted),
							 .node_size = sizeof(IvfEntry),
							 .consecutive = true};
}

void
ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				  Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	IndexCostResult result = {startup_cost, total_cost, selectivity, correlation, pages};
	IndexCostSubject subject;
	IndexSearchWork first;
	IndexSearchWork wanted;
	double rows_wanted;
	double lists = 0;
	bool is_flat = false;
	Relation index;

	if (path->indexorderbys == NIL)
	{
		index_cost_forbid(path, result);
		return;
	}

	/* The options may have changed since the build; for an estimate they are near enough. */
	index = index_cost_open(path);
	if (index != NULL)
	{
		is_flat = ivf_is_flat(index);
		lists = ivf_lists_option(index);
	}
	index_cost_describe(root, path, index, !is_flat, &subject);
	if (index != NULL)
		subject.code_size = code_size(index);
	index_cost_close(index);
	if (lists == 0)
		lists = ceil(sqrt(subject.rows));

	rows_wanted = index_cost_rows_wanted(root, path, &subject);
	first = estimate_search(&subject, lists, ivf_probes_setting(is_flat), 0);
	wanted = estimate_search(&subject, lists, ivf_probes_setting(is_flat), rows_wanted);
	index_cost_set(root, path, loop_count, &subject, &first, &wanted, rows_wanted, result);
}
