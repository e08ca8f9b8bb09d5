/*
 * index/cost.h
 *		What a search of a vector index costs, in the planner's currency.
 *
 * A method says how much work its search is up to the first row (IndexSearchWork);
 * prices, storage, page counts, repeated scans and TOAST are the same for all methods and
 * are seen to here.  No page is read to answer.
 *
 * The first rows of a scan, as many as hnsw.ef_search and the like say, are there when the search
 * is done: that is the startup cost.  Each further row takes more of the same search, up to all of
 * the index, which is the total cost.  The planner draws a straight line between the two, but a
 * search for more rows grows faster than that; so where the query has a LIMIT, the line is drawn
 * through the cost of as many rows as the LIMIT and the conditions make the executor ask for.
 * A short LIMIT is cheap then, and a condition that most rows fail is dear.
 */
#ifndef INDEX_COST_H
#define INDEX_COST_H

#include "access/amapi.h"
#include "nodes/pathnodes.h"
#include "storage/vector_store.h"

/* The index as the planner may know it; true for a hypothetical index too */
typedef struct IndexCostSubject
{
	double rows;		/* in the index: those that satisfy its predicate */
	double selectivity; /* rows as a share of the table's */
	uint32 dimensions;
	StorageKind storage;
	uint32 vector_size; /* bytes of a raw vector */
	uint32 code_size;	/* bytes of a code; 0 = no codes, searches read raw vectors */
} IndexCostSubject;

/* What a search does before it can give its first row.  Counts are capped to the index's rows. */
typedef struct IndexSearchWork
{
	double distances; /* codes (or raw vectors, without codes) compared with the query */
	double nodes;	  /* slots of the structure read */
	double reranked;  /* raw vectors read afterwards, with codes */
	uint32 node_size; /* bytes of such a slot */
	bool consecutive; /* the distances are to slots that stand one after another, a list's */
} IndexSearchWork;

/* The index's relation, opened, or NULL where there is none (hypothetical). */
extern Relation index_cost_open(IndexPath *path);
extern void index_cost_close(Relation index);

/*
 * `quantizable`: quantizer = auto may mean that there are codes.  Where there is an index, its method
 * knows how large they are, and puts that into `subject` afterwards.
 */
extern void index_cost_describe(PlannerInfo *root, IndexPath *path, Relation index,
								bool quantizable, IndexCostSubject *subject);

/* Where the outcome of an estimate goes: the last five arguments of amcostestimate */
typedef struct IndexCostResult
{
	Cost *startup_cost;
	Cost *total_cost;
	Selectivity *selectivity;
	double *correlation;
	double *pages;
} IndexCostResult;

/* Rows that the executor will ask the index for; 0 where there is no LIMIT to tell. */
extern double
index_cost_rows_wanted(PlannerInfo *root, IndexPath *path, const IndexCostSubject *subject);

/* `first` is the search for the first row, `wanted` one that finds rows_wanted. */
extern void
index_cost_set(PlannerInfo *root, IndexPath *path, double loop_count,
			   const IndexCostSubject *subject, const IndexSearchWork *first,
			   const IndexSearchWork *wanted, double rows_wanted, IndexCostResult result);

/* The index can't answer this query (no ORDER BY): keep the planner from it. */
extern void index_cost_forbid(IndexPath *path, IndexCostResult result);

#endif
