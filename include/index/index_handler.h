/*
 * index/index_handler.h
 *		The part of an access method's table of functions that is the same for all
 *		of ours.
 *
 * One column, ordered by its distance from a value (ORDER BY column <-> value),
 * forwards, row by row.  No conditions are searched for, so every key is optional; a
 * scan without ORDER BY makes no sense, and the cost estimate keeps the planner
 * from it.
 */
#ifndef INDEX_INDEX_HANDLER_H
#define INDEX_INDEX_HANDLER_H

#include "access/amapi.h"

/* Everything but the functions that a method must bring: build, insert, delete, scan, cost, options. */
extern void index_handler_fill(IndexAmRoutine *routine);

/* Whether an operator class is fit for one of our methods; INFO messages say why it is not. */
extern bool index_validate(Oid operator_class);

#endif
