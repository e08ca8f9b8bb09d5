/*
 * index/index_insert.c
 *		The frame of an insert, and writing vectors with their codes.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "index/index_insert.h"
#include "index/index_meta.h"

void
index_insert_row(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
				 IndexInfo *index_info, IndexInsertFunction insert)
{
	IndexInsertRow row = {.index = index, .heap_tid = heap_tid, .index_info = index_info};
	MemoryContext context;
	MemoryContext outer;
	void *vector;

	if (isnull[0])
		return;

	context =
		AllocSetContextCreate(CurrentMemoryContext, "vectorstore insert", ALLOCSET_DEFAULT_SIZES);
	outer = MemoryContextSwitchTo(context);

	index_type_get(index, &row.type);
	vector = palloc(row.type.vector_size);
	if (index_type_form_vector(&row.type, values[0], vector))
	{
		row.vector = vector;
		LockPage(index, INDEX_INSERT_LOCK_PAGE, ShareLock);
		insert(&row);
		UnlockPage(index, INDEX_INSERT_LOCK_PAGE, ShareLock);
	}

	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
}

void
index_insert_wait(Relation index)
{
	LockPage(index, INDEX_INSERT_LOCK_PAGE, ExclusiveLock);
	UnlockPage(index, INDEX_INSERT_LOCK_PAGE, ExclusiveLock);
}

void
index_write_vector(StorageReader *reader, const IndexType *type, const void *parameters,
				   uint32 ordinal, const void *vector)
{
	const IndexMeta *meta = reader->meta;
	const QuantizerRoutine *quantizer = index_meta_quantizer(meta);
	float *floats;
	char *code;

	page_array_write_slot(reader->index, meta, PAGE_ARRAY_VECTORS, ordinal, vector);
	storage_reader_slot_written(reader, PAGE_ARRAY_VECTORS, ordinal);
	if (quantizer->exact)
		return;

	floats = palloc(type->dimensions * sizeof(float));
	code = palloc0(meta->arrays[PAGE_ARRAY_CODES].slot_size);
	index_type_to_floats(type, vector, floats);
	quantizer->encode(parameters, floats, type->dimensions, code);
	page_array_write_slot(reader->index, meta, PAGE_ARRAY_CODES, ordinal, code);
	storage_reader_slot_written(reader, PAGE_ARRAY_CODES, ordinal);
	pfree(code);
	pfree(floats);
}
