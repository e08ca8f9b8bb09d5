/*
 * index/check.h
 *		What vectorstore_index_check() verifies in every method: vectors with their
 *		codes, and that the rows in the index are those of the table.
 *
 * All functions raise ERROR (ERRCODE_INDEX_CORRUPTED) at the first violation.
 */
#ifndef INDEX_CHECK_H
#define INDEX_CHECK_H

#include "index/index_type.h"
#include "quantizer/quantizer.h"
#include "storage/vector_store.h"

#define check_fail(index, ...)                                                                     \
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),                                              \
					errmsg("index \"%s\" is corrupted", RelationGetRelationName(index)),           \
					errdetail(__VA_ARGS__), errhint("Please REINDEX it.")))

/* Scratch to check vectors with */
typedef struct VectorCheck
{
	StorageReader *reader;
	IndexType type;
	const char *name; /* what a slot is called in messages */
	const QuantizerRoutine *quantizer;
	bool has_codes; /* that are checked here */
	void *parameters;
	void *vector; /* of the slot that was checked last */
	float *floats;
	char *code;
	char *expected_code;
} VectorCheck;

/*
 * Memory in the current context; after index_meta_check().  Without `has_codes`, codes are the
 * caller's to check.
 */
extern void
vector_check_begin(VectorCheck *check, StorageReader *reader, const char *name, bool has_codes);

/* The vector of a slot in use is finite and, for cosine, normalized; its code is that vector's.
 * Its float32 form is left in check->floats, where the type has one. */
extern void vector_check_slot(VectorCheck *check, uint32 ordinal);
/* The same of check->vector, which the caller has copied. */
extern void vector_check_copy(VectorCheck *check, uint32 ordinal);

/* The pages of a slot that scans read although it holds no row are there. */
extern void vector_check_pages(VectorCheck *check, uint32 ordinal);

/*
 * A row address in the index is valid.  `name` is what begins a message ("Node"); `table_blocks` =
 * InvalidBlockNumber: not known.
 */
extern void row_check_address(Relation index, const char *name, uint32 ordinal, ItemPointer tid,
							  BlockNumber table_blocks);

/*
 * Every row of the table that can be indexed is in the index, and no row twice.  `visit` calls
 * row_check_add() for every row address in the index; it is called as often as the memory
 * (maintenance_work_mem) makes it necessary.  Nobody writes to the table meanwhile.
 */
typedef struct RowCheck RowCheck;
typedef void (*RowCheckVisit)(RowCheck *rows, void *argument);
extern void row_check(Relation table, Relation index, RowCheckVisit visit, void *argument);
extern void row_check_add(RowCheck *rows, ItemPointer tid);

#endif
