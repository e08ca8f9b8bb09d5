/*
 * index/row_sort.c
 *		Sorting the rows of an index build by cell, equal vectors adjacent.
 *
 * A row is a tuple of two columns: the key, which is one integer (cell, then a
 * hash of the vector) because tuplesort compares those fastest, and a bytea of
 * TID and vector.
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "utils/tuplesort.h"

#include "index/row_sort.h"

struct RowSort
{
	uint32 vector_size;
	Tuplesortstate *tuplesort;
	TupleTableSlot *input;
	TupleTableSlot *output;
	bytea *payload; /* of the row being added */
};

#define PAYLOAD_TID_SIZE sizeof(ItemPointerData)

RowSort *
row_sort_begin(uint32 vector_size, int work_mem)
{
	RowSort *sort = palloc0(sizeof(RowSort));
	TupleDesc descriptor = CreateTemplateTupleDesc(2);
	AttrNumber key = 1;
	Oid less_than = Int8LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	Size payload_size;

	TupleDescInitEntry(descriptor, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(descriptor, 2, "row", BYTEAOID, -1, 0);
	vs_tuple_desc_finalize(descriptor);

	sort->vector_size = vector_size;
	payload_size = VARHDRSZ + PAYLOAD_TID_SIZE + sort->vector_size;
	sort->payload = palloc0(payload_size);
	sort->tuplesort = tuplesort_begin_heap(descriptor, 1, &key, &less_than, &collation,
										   &nulls_first, work_mem, NULL, TUPLESORT_NONE);
	sort->input = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
	sort->output = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	return sort;
}

void
row_sort_add(RowSort *sort, uint32 cell, const void *vector, ItemPointer tid)
{
	row_sort_add_sized(sort, cell, vector, sort->vector_size, tid);
}

void
row_sort_add_sized(RowSort *sort, uint32 cell, const void *vector, uint32 size, ItemPointer tid)
{
	TupleTableSlot *slot = sort->input;
	uint32 hash = hash_bytes(vector, (int) size);
	char *payload = VARDATA(sort->payload);

	memcpy(payload, tid, PAYLOAD_TID_SIZE);
	memcpy(payload + PAYLOAD_TID_SIZE, vector, size);
	SET_VARSIZE(sort->payload, VARHDRSZ + PAYLOAD_TID_SIZE + size);
	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum((int64) (((uint64) cell << 32) | hash));
	slot->tts_values[1] = PointerGetDatum(sort->payload);
	slot->tts_isnull[0] = false;
	slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort->tuplesort, slot);
}

void
row_sort_perform(RowSort *sort)
{
	tuplesort_performsort(sort->tuplesort);
}

bool
row_sort_next(RowSort *sort, uint32 *cell, void *vector, ItemPointer tid)
{
	bytea *payload;
	Size size;
	bool isnull;

	if (!tuplesort_gettupleslot(sort->tuplesort, true, false, sort->output, NULL))
		return false;

	if (cell != NULL)
		*cell = (uint32) ((uint64) DatumGetInt64(slot_getattr(sort->output, 1, &isnull)) >> 32);

	/* A small payload has a short header, so nothing in it is aligned */
	payload = (bytea *) DatumGetPointer(slot_getattr(sort->output, 2, &isnull));
	size = VARSIZE_ANY_EXHDR(payload) - PAYLOAD_TID_SIZE;
	Assert(!isnull && size <= sort->vector_size);
	memcpy(tid, VARDATA_ANY(payload), PAYLOAD_TID_SIZE);
	memcpy(vector, VARDATA_ANY(payload) + PAYLOAD_TID_SIZE, size);
	memset((char *) vector + size, 0, sort->vector_size - size);
	return true;
}

void
row_sort_end(RowSort *sort)
{
	ExecDropSingleTupleTableSlot(sort->input);
	ExecDropSingleTupleTableSlot(sort->output);
	tuplesort_end(sort->tuplesort);
	pfree(sort->payload);
	pfree(sort);
}
