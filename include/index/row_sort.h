/*
 * index/row_sort.h
 *		Sorting the rows of an index build by cell, equal vectors adjacent.
 *
 * A tuplesort: rows beyond its memory go to temporary files.
 */
#ifndef INDEX_ROW_SORT_H
#define INDEX_ROW_SORT_H

#include "storage/itemptr.h"

typedef struct RowSort RowSort;

/* Memory comes from the current context; work_mem is in kilobytes. */
extern RowSort *row_sort_begin(uint32 vector_size, int work_mem);
extern void row_sort_add(RowSort *sort, uint32 cell, const void *vector, ItemPointer tid);
/* The same for a vector of another size, up to vector_size; it is given back with zeros behind it. */
extern void
row_sort_add_sized(RowSort *sort, uint32 cell, const void *vector, uint32 size, ItemPointer tid);
extern void row_sort_perform(RowSort *sort);

/* The next row, in order of cells; false at the end.  `cell` may be NULL.  Vectors that are bytewise equal follow one
 * another but for collisions of a 32-bit hash within a cell. */
extern bool row_sort_next(RowSort *sort, uint32 *cell, void *vector, ItemPointer tid);
extern void row_sort_end(RowSort *sort);

#endif
