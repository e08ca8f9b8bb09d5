/*
 * hnsw/hnsw_cost.c
 *		How much of the graph a search walks through.
 *
 * A model with one constant, chosen to give what was counted: 700 distances at m = 16,
 * ef_search = 40 over 690,000 rows of 128 dimensions.
 *
 * Where more rows are wanted than ef_search, the cost is that of a search that finds them, which is
 * what an iterative scan does (batch by batch it meets the same nodes).  hnsw.max_scan_tuples does
 * not make it cheaper, nor does hnsw.iterative_scan = off: a scan that ends before it has the rows
 * that were wanted is no bargain.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "index/cost.h"

/* Of the neighbors of a node that is expanded, the share that the search has not met before */
#define NEW_NEIGHBOR_SHARE 0.4

/* Of codes that the index has, if it was built with the options and rows of now; 0 = none */
static uint32
code_size(Relation index, double rows)
{
	QuantizerKind kind;
	IndexType type;

	index_type_get(index, &type);
	kind = hnsw_quantizer_option(index, &type, rows);
	return kind == QUANTIZER_NONE ? 0 : quantizer_routine(kind)->code_size(type.dimensions);
}

static IndexSearchWork
estimate_search(const IndexCostSubject *subject, int m, double rows_wanted)
{
	double ef = Min(Max((double) hnsw_ef_search_setting(), rows_wanted), subject->rows);
	double log_rows = log(Max(subject->rows, 2));
	double upper_levels = log_rows / log(m);
	double expanded = ef + log_rows; /* the way to the neighborhood, then all of it */
	double met = expanded * hnsw_level_m((uint16) m, 0) * NEW_NEIGHBOR_SHARE;

	return (IndexSearchWork){.distances = met + upper_levels * m,
							 .nodes = expanded + upper_levels,
							 .reranked = ef,
							 .node_size = hnsw_node_head_size((uint16) m)};
}

void
hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				   Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	IndexCostResult result = {startup_cost, total_cost, selectivity, correlation, pages};
	IndexCostSubject subject;
	IndexSearchWork first;
	IndexSearchWork wanted;
	double rows_wanted;
	Relation index;
	int m;

	if (path->indexorderbys == NIL)
	{
		index_cost_forbid(path, result);
		return;
	}

	/* The options may have changed since the build; for an estimate they are near enough. */
	index = index_cost_open(path);
	m = index != NULL ? hnsw_m_option(index) : HNSW_DEFAULT_M;
	index_cost_describe(root, path, index, true, &subject);
	if (index != NULL)
		subject.code_size = code_size(index, subject.rows);
	index_cost_close(index);

	rows_wanted = index_cost_rows_wanted(root, path, &subject);
	first = estimate_search(&subject, m, 0);
	wanted = estimate_search(&subject, m, rows_wanted);
	index_cost_set(root, path, loop_count, &subject, &first, &wanted, rows_wanted, result);
}
