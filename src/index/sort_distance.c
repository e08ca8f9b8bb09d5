/*
 * index/sort_distance.c
 *		Distances that a plan computes for nobody are taken out of it.
 *
 * The step runs on a finished plan.  A column is replaced by a NULL of its type where
 *
 * - it is an ORDER BY expression of a scan of one of our indexes.  Such a scan gives the rows in
 *   order by itself and never asks the executor to look at distances again (xs_recheckorderby);
 * - it is junk in the output of a whole query, subquery or CTE: the executor's junk filter removes
 *   it at the top, and what is above a subquery has no name for it.  Junk in the output of a Limit
 *   is that too, for the planner leaves out a SubqueryScan that does nothing, and adds columns for
 *   its own use to nodes that compute columns alone;
 * - between that output and the scan there are only nodes that pass columns through without looking
 *   at them (Limit without WITH TIES, LockRows).
 *
 * Everything else stays: a distance that is selected, that a join, an aggregate, a Sort or a
 * Merge Append above the scan reads, or that a data-modifying statement gets.  The operators are
 * immutable and a row that the index holds has the right dimensions, so nothing that
 * could be seen is lost with the call.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "index/index_handler.h"
#include "index/sort_distance.h"

static bool skip_sort_distance = true;
static planner_hook_type next_planner = NULL;

/* Of one of our methods: they share the function that validates operator classes. */
static bool
is_own_index(Oid index)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	const IndexAmRoutine *routine;
	Oid access_method;

	if (!HeapTupleIsValid(tuple))
		return false;
	access_method = ((Form_pg_class) GETSTRUCT(tuple))->relam;
	ReleaseSysCache(tuple);
	routine = GetIndexAmRoutineByAmId(access_method, true);
	return routine != NULL && routine->amvalidate == index_validate;
}

/* The scan whose rows come out of `plan` as they are, column by column; or NULL. */
static IndexScan *
scan_below(Plan *plan)
{
	while (plan != NULL && (IsA(plan, Limit) || IsA(plan, LockRows)))
	{
		/* WITH TIES: the Limit compares sort columns */
		if (IsA(plan, Limit) && ((Limit *) plan)->limitOption != LIMIT_OPTION_COUNT)
			return NULL;
		plan = outerPlan(plan);
	}
	if (plan == NULL || !IsA(plan, IndexScan))
		return NULL;
	return (IndexScan *) plan;
}

/* The column of the scan that column `number` of `plan` passes on; NULL if it is anything else. */
static TargetEntry *
column_below(Plan *plan, int number)
{
	for (;;)
	{
		TargetEntry *entry;

		if (number < 1 || number > list_length(plan->targetlist))
			return NULL;
		entry = list_nth_node(TargetEntry, plan->targetlist, number - 1);
		if (IsA(plan, IndexScan))
			return entry;
		if (!IsA(entry->expr, Var) || ((Var *) entry->expr)->varno != OUTER_VAR)
			return NULL;
		number = ((Var *) entry->expr)->varattno;
		plan = outerPlan(plan);
	}
}

static bool
is_read_elsewhere(Plan *plan, int number)
{
	ListCell *cell;

	foreach (cell, plan->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk && IsA(entry->expr, Var) && ((Var *) entry->expr)->varattno == number)
			return true;
	}
	return false;
}

/* `plan` makes the output of a query or subquery. */
static void
skip_junk_distances(Plan *plan)
{
	IndexScan *scan = scan_below(plan);
	int column_count = list_length(plan->targetlist);

	if (scan == NULL || scan->indexorderbyorig == NIL || !is_own_index(scan->indexid))
		return;
	for (int number = 1; number <= column_count; number++)
	{
		TargetEntry *output = list_nth_node(TargetEntry, plan->targetlist, number - 1);
		TargetEntry *column;

		if (!output->resjunk)
			continue;
		column = column_below(plan, number);
		if (column == NULL || !list_member(scan->indexorderbyorig, column->expr))
			continue;
		/* A selected column could share the entry. */
		if (plan != &scan->scan.plan && is_read_elsewhere(plan, column->resno))
			continue;
		column->expr = (Expr *) makeNullConst(exprType((Node *) column->expr),
											  exprTypmod((Node *) column->expr),
											  exprCollation((Node *) column->expr));
	}
}

static void
visit_plan(Plan *plan, bool is_output)
{
	List *others = NIL;
	ListCell *cell;

	if (plan == NULL)
		return;
	check_stack_depth();
	if (is_output || IsA(plan, Limit))
		skip_junk_distances(plan);

	visit_plan(outerPlan(plan), false);
	visit_plan(innerPlan(plan), false);
	if (IsA(plan, SubqueryScan))
		visit_plan(((SubqueryScan *) plan)->subplan, true);
	else if (IsA(plan, Append))
		others = ((Append *) plan)->appendplans;
	else if (IsA(plan, MergeAppend))
		others = ((MergeAppend *) plan)->mergeplans;
	else if (IsA(plan, CustomScan))
		others = ((CustomScan *) plan)->custom_plans;
	foreach (cell, others)
		visit_plan(lfirst(cell), false);
}

static void
visit_statement(PlannedStmt *statement)
{
	ListCell *cell;

	visit_plan(statement->planTree, statement->commandType == CMD_SELECT);
	/* InitPlans, SubPlans and CTEs; NULL where one turned out not to be needed */
	foreach (cell, statement->subplans)
		visit_plan(lfirst(cell), true);
}

static PlannedStmt *
plan_statement(VS_PLANNER_PARAMETERS)
{
	PlannedStmt *statement = next_planner != NULL ? next_planner(VS_PLANNER_ARGUMENTS)
												  : standard_planner(VS_PLANNER_ARGUMENTS);

	if (skip_sort_distance)
		visit_statement(statement);
	return statement;
}

void
sort_distance_init(void)
{
	DefineCustomBoolVariable(
		"vectorstore.skip_sort_distance",
		"Does not compute distances of rows again that an index returned in order.",
		"Of sort columns that the query does not select: their value is seen by nobody.",
		&skip_sort_distance, true, PGC_USERSET, 0, NULL, NULL, NULL);
	next_planner = planner_hook;
	planner_hook = plan_statement;
}
