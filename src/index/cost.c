/*
 * index/cost.c
 *		Prices of what a search does; see index/cost.h for the model.
 *
 * Pages are priced as random reads of distinct pages where they come through shared buffers, at a
 * small share of that where they come through a memory map.  Locality order (near vectors share
 * pages) makes the distinct pages fewer than the slots; Mackert and Lohman's formula, which the
 * planner applies to heaps, makes them fewer still for repeated scans.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/pg_class.h"
#include "index/cost.h"
#include "index/index_type.h"
#include "index/options.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "storage/page.h"
#include "utils/spccache.h"

/*
 * On a page of p slots a search finds p ^ 0.28 that it needs.  Measured at 65 slots a page: the 700
 * nearest neighbors of a query lie on 197 to 240 pages in locality order, on 679 in heap order.
 */
#define LOCALITY_EXPONENT 0.28

/* To reach a page through the map takes about 40 ns; through shared buffers, 1,300. */
#define MAPPED_PAGE_SHARE (1.0 / 32)

/* Metapage, settle map and the way down the upper levels, whatever the size of the index */
#define FIXED_PAGES 3

/* No plan that can answer the query is as dear.  Finite: the planner subtracts costs. */
#define FORBIDDEN_COST 1.0e30

/* Payload of a TOAST table's page */
#define TOAST_BYTES_PER_PAGE 8000.0

Relation
index_cost_open(IndexPath *path)
{
	/* The planner holds a lock on each index of the query. */
	return path->indexinfo->hypothetical ? NULL : index_open(path->indexinfo->indexoid, NoLock);
}

void
index_cost_close(Relation index)
{
	if (index != NULL)
		index_close(index, NoLock);
}

static uint32
column_dimensions(const IndexOptInfo *info)
{
	int32 dimensions = -1;

	if (info->indextlist != NIL)
		dimensions = exprTypmod((Node *) linitial_node(TargetEntry, info->indextlist)->expr);

	return dimensions > 0 ? (uint32) dimensions : 1;
}

void
index_cost_describe(PlannerInfo *root, IndexPath *path, Relation index, bool quantizable,
					IndexCostSubject *subject)
{
	IndexOptInfo *info = path->indexinfo;
	QuantizerKind quantizer = QUANTIZER_NONE;

	subject->selectivity =
		clauselist_selectivity(root, info->indpred, (int) info->rel->relid, JOIN_INNER, NULL);
	subject->rows = clamp_row_est(subject->selectivity * info->rel->tuples);
	subject->dimensions = column_dimensions(info);
	subject->vector_size = subject->dimensions * sizeof(float);

	if (index != NULL)
	{
		IndexType type;

		index_type_get(index, &type);
		subject->vector_size = type.vector_size;
		if (type.vector_type->varying)
			subject->vector_size = storage_meta_get(index)->arrays[PAGE_ARRAY_VECTORS].slot_size;
		subject->storage = index->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT
							   ? index_storage_option(index)
							   : STORAGE_BUFFER_POOL;
	}
	else
	{
		if (quantizable)
			quantizer = index_quantizer_default(subject->dimensions);
		subject->storage = index_storage_default();
	}
	subject->code_size = quantizer == QUANTIZER_NONE
							 ? 0
							 : quantizer_routine(quantizer)->code_size(subject->dimensions);
}

/*
 * Distinct pages, for one of loop_count scans, when `slots` of an array of subject->rows slots
 * are read.
 */
static double
array_pages(PlannerInfo *root, const IndexOptInfo *info, const IndexCostSubject *subject,
			double slots, uint32 slot_size, bool consecutive, double loop_count)
{
	double per_page = (double) STORAGE_PAYLOAD_SIZE / Max(slot_size, 1);
	double array_size = ceil(subject->rows / per_page);
	double wanted;

	if (slots <= 0)
		return 0;
	if (consecutive)
		wanted = slots / per_page;
	else if (per_page >= 1)
		wanted = slots / pow(per_page, LOCALITY_EXPONENT);
	else
		wanted = slots * ceil(1 / per_page);

	/* The array is part of the index, even where the index has not grown to it yet. */
	return index_pages_fetched(wanted * loop_count, (BlockNumber) Min(array_size, MaxBlockNumber),
							   Max(array_size, info->pages), root) /
		   loop_count;
}

/*
 * What share of the true cost of a sequential scan the planner knows of.
 *
 * It prices the heap's pages, and nothing for the out-of-line values that a distance operator
 * fetches for every row: long vectors are all out of line.  Our cost counts every vector that we
 * read, so beside that the index would look dear; the share brings both to one scale.
 */
static double
planner_scale(const IndexOptInfo *info, const IndexCostSubject *subject)
{
	const RelOptInfo *table = info->rel;
	double heap_bytes = (double) table->pages * BLCKSZ;
	double vector_bytes = table->tuples * subject->vector_size;
	double known;
	double table_page_cost;

	/* Rows that are shorter than their vectors have them elsewhere. */
	if (table->tuples < 1 || heap_bytes >= vector_bytes)
		return 1;

	get_tablespace_page_costs(table->reltablespace, NULL, &table_page_cost);
	known = table->pages * table_page_cost + table->tuples * (cpu_tuple_cost + cpu_operator_cost);
	return known / (known + vector_bytes / TOAST_BYTES_PER_PAGE * table_page_cost);
}

/* Cost of that much work, beyond FIXED_PAGES; *pages is what it reads. */
static Cost
work_cost(PlannerInfo *root, IndexPath *path, double loop_count, const IndexCostSubject *subject,
		  const IndexSearchWork *work, double *pages)
{
	const IndexOptInfo *info = path->indexinfo;
	double distances = Min(work->distances, subject->rows);
	double nodes = Min(work->nodes, subject->rows);
	double reranked = subject->code_size == 0 ? 0 : Min(work->reranked, subject->rows);
	uint32 searched_size = subject->code_size == 0 ? subject->vector_size : subject->code_size;
	double page_cost;

	get_tablespace_page_costs(info->reltablespace, &page_cost, NULL);
	if (subject->storage == STORAGE_MMAP)
		page_cost *= MAPPED_PAGE_SHARE;

	*pages =
		array_pages(root, info, subject, distances, searched_size, work->consecutive, loop_count) +
		array_pages(root, info, subject, nodes, work->node_size, false, loop_count) +
		array_pages(root, info, subject, reranked, subject->vector_size, false, loop_count);

	return *pages * page_cost + nodes * cpu_index_tuple_cost +
		   (distances + reranked) * cpu_operator_cost;
}

/*
 * All rows in order of distance: at least what it takes to read and sort the table, twice.  That
 * keeps queries without LIMIT, and with one that takes in most of the table, from the index; a
 * search of a graph ends before it has met every row.
 */
static Cost
complete_order_floor(const IndexOptInfo *info)
{
	const RelOptInfo *table = info->rel;
	double comparisons = table->tuples * log2(Max(table->tuples, 2));
	double table_page_cost;

	get_tablespace_page_costs(table->reltablespace, NULL, &table_page_cost);
	return 2 *
		   (table->pages * table_page_cost + table->tuples * (cpu_tuple_cost + cpu_operator_cost) +
			comparisons * 2 * cpu_operator_cost);
}

double
index_cost_rows_wanted(PlannerInfo *root, IndexPath *path, const IndexCostSubject *subject)
{
	double matching = Max(path->indexinfo->rel->rows, 1);

	if (root->limit_tuples <= 0)
		return 0;
	return Min(root->limit_tuples * subject->rows / matching, subject->rows);
}

void
index_cost_set(PlannerInfo *root, IndexPath *path, double loop_count,
			   const IndexCostSubject *subject, const IndexSearchWork *first,
			   const IndexSearchWork *wanted, double rows_wanted, IndexCostResult result)
{
	IndexSearchWork everything = {.distances = subject->rows,
								  .nodes = subject->rows,
								  .reranked = subject->rows,
								  .node_size = first->node_size,
								  .consecutive = first->consecutive};
	double scale = planner_scale(path->indexinfo, subject);
	double fixed_page_cost;
	double pages;
	double other_pages;
	Cost startup = work_cost(root, path, loop_count, subject, first, &pages);
	Cost total = work_cost(root, path, loop_count, subject, &everything, &other_pages);

	/* The planner takes the share rows_wanted / rows of what lies between startup and total. */
	if (rows_wanted > 0)
	{
		Cost cost = work_cost(root, path, loop_count, subject, wanted, &other_pages);

		total = Max(total, startup + (cost - startup) * subject->rows / rows_wanted);
	}

	get_tablespace_page_costs(path->indexinfo->reltablespace, &fixed_page_cost, NULL);
	startup += FIXED_PAGES * fixed_page_cost;
	total += FIXED_PAGES * fixed_page_cost;

	startup *= scale;
	total = Max(Max(startup, total * scale), complete_order_floor(path->indexinfo));

	*result.startup_cost = startup;
	*result.total_cost = total;
	*result.selectivity = subject->selectivity;
	*result.correlation = 0; /* rows come in order of distance, which is no order of the heap */
	*result.pages = pages + FIXED_PAGES;
}

void
index_cost_forbid(IndexPath *path, IndexCostResult result)
{
	vs_path_forbid(&path->path);
	*result.startup_cost = FORBIDDEN_COST;
	*result.total_cost = FORBIDDEN_COST;
	*result.selectivity = 1;
	*result.correlation = 0;
	*result.pages = 0;
}
