/*
 * index/index_insert.h
 *		What an insert of a row is in every method: forming its vector, a memory
 *		context for the row, the lock that lets vacuum wait, writing vector and code.
 *
 * Inserts run beside one another and beside scans and vacuum; each holds the insert
 * lock shared.  A vacuum that has made a state visible on its pages and then waited
 * (index_insert_wait) knows that every insert that may not have seen it is over.
 */
#ifndef INDEX_INDEX_INSERT_H
#define INDEX_INDEX_INSERT_H

#include "access/genam.h"
#include "nodes/execnodes.h"

#include "index/index_type.h"
#include "index/index_query.h"
#include "storage/vector_store.h"

/* The heavyweight page lock (LockPage) that inserts hold; methods may use other numbers. */
#define INDEX_INSERT_LOCK_PAGE 0

/* The row to be inserted */
typedef struct IndexInsertRow
{
	Relation index;
	IndexType type;
	const void *vector; /* in the form of slots */
	ItemPointer heap_tid;
	IndexInfo *index_info;
} IndexInsertRow;

/* A method's part: called with the insert lock held, in a memory context of the row's own. */
typedef void (*IndexInsertFunction)(const IndexInsertRow *row);

/* aminsert; a row without a vector that can be indexed is no error. */
extern void index_insert_row(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
							 IndexInfo *index_info, IndexInsertFunction insert);

/* Wait until every insert that is under way now is over. */
extern void index_insert_wait(Relation index);

/*
 * Write vector and code of an ordinal that nobody reads yet; a WAL record for each page that they
 * lie on.  `parameters` are those of index_read_parameters().
 */
extern void index_write_vector(StorageReader *reader, const IndexType *type, const void *parameters,
							   uint32 ordinal, const void *vector);

#endif
