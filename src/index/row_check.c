/*
 * index/row_check.c
 *		Verifying that an index has every row of its table once.
 *
 * Which rows are in the index is kept in a bitmap by row address, for as many blocks of
 * the table at a time as memory allows; then these blocks are scanned as a build of
 * the index would scan them.  Rows that are dead may be in the index or not.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "index/check.h"
#include "index/ordinal_set.h"

/* Row addresses on a block: few in a heap, unknown elsewhere */
#define HEAP_ROWS_PER_BLOCK	 MaxHeapTuplesPerPage
#define OTHER_ROWS_PER_BLOCK MaxOffsetNumber

struct RowCheck
{
	Relation index;
	IndexType type;
	void *vector; /* scratch */
	uint32 rows_per_block;
	BlockNumber first; /* blocks of the table whose rows are in `present` */
	BlockNumber end;
	OrdinalSet present;
};

void
row_check_address(Relation index, const char *name, uint32 ordinal, ItemPointer tid,
				  BlockNumber table_blocks)
{
	if (!ItemPointerIsValid(tid))
		check_fail(index, "%s %u has an invalid row address.", name, ordinal);
	if (table_blocks != InvalidBlockNumber && ItemPointerGetBlockNumber(tid) >= table_blocks)
		check_fail(index, "%s %u leads to row (%u,%u), but the table has %u blocks.", name, ordinal,
				   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), table_blocks);
}

/* The bit of a row address; false where its block is not among those of this pass. */
static bool
find_bit(const RowCheck *rows, ItemPointer tid, uint32 *bit)
{
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);

	if (block < rows->first || block >= rows->end)
		return false;
	if (offset > rows->rows_per_block)
		check_fail(rows->index, "It leads to row (%u,%u), which no page has room for.", block,
				   offset);
	*bit = (block - rows->first) * rows->rows_per_block + offset - 1;
	return true;
}

void
row_check_add(RowCheck *rows, ItemPointer tid)
{
	uint32 bit;

	if (find_bit(rows, tid, &bit) && !ordinal_set_add(&rows->present, bit))
		check_fail(rows->index, "It leads to row (%u,%u) twice.", ItemPointerGetBlockNumber(tid),
				   ItemPointerGetOffsetNumber(tid));
}

static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool is_alive, void *state)
{
	RowCheck *rows = state;
	uint32 bit;

	if (!is_alive || isnull[0] || !index_type_form_vector(&rows->type, values[0], rows->vector))
		return;
	if (find_bit(rows, tid, &bit) && !ordinal_set_contains(&rows->present, bit))
		check_fail(index, "Row (%u,%u) of the table is not in it.", ItemPointerGetBlockNumber(tid),
				   ItemPointerGetOffsetNumber(tid));
}

/* Scan the blocks of this pass.  Expressions of the index are the owner's code, not the caller's. */
static void
scan_table(RowCheck *rows, Relation table)
{
	Oid user;
	int security_context;
	int nest_level;

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(table->rd_rel->relowner,
						   security_context | SECURITY_RESTRICTED_OPERATION);
	nest_level = NewGUCNestLevel();
	vs_restrict_search_path();
	(void) table_index_build_range_scan(table, rows->index, BuildIndexInfo(rows->index), false,
										false, false, rows->first, rows->end - rows->first,
										check_row, rows, NULL);
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, security_context);
}

void
row_check(Relation table, Relation index, RowCheckVisit visit, void *argument)
{
	RowCheck rows = {.index = index};
	BlockNumber blocks = RelationGetNumberOfBlocks(table);
	uint64 bits = (uint64) maintenance_work_mem * 1024 * BITS_PER_BYTE;
	BlockNumber blocks_per_pass;

	index_type_get(index, &rows.type);
	rows.vector = palloc(rows.type.vector_size);
	rows.rows_per_block =
		table->rd_rel->relam == HEAP_TABLE_AM_OID ? HEAP_ROWS_PER_BLOCK : OTHER_ROWS_PER_BLOCK;
	bits = Min(bits, PG_UINT32_MAX - rows.rows_per_block);
	blocks_per_pass = (BlockNumber) (bits / rows.rows_per_block);

	for (rows.first = 0; rows.first < blocks; rows.first = rows.end)
	{
		CHECK_FOR_INTERRUPTS();
		rows.end = rows.first + Min(blocks - rows.first, blocks_per_pass);
		ordinal_set_init(&rows.present, (rows.end - rows.first) * rows.rows_per_block);
		visit(&rows, argument);
		/* An index that CREATE INDEX CONCURRENTLY has left behind lacks rows. */
		if (index->rd_index->indisvalid)
			scan_table(&rows, table);
		pfree(rows.present.words);
	}
	pfree(rows.vector);
}
