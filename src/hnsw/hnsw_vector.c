/*
 * hnsw/hnsw_vector.c
 *		Reading and writing stored vectors, long ones among them.
 */
#include "postgres.h"
#include "compat.h"

#include "hnsw/hnsw_vector.h"
#include "index/index_insert.h"
#include "storage/page_write.h"

/* Slots of an index that was built without rows: 128 elements of a sparsevec */
#define SLOT_SIZE_OF_EMPTY (8 + 128 * 8)
/* Slots are a multiple of this, so that headers don't cross page ends */
#define SLOT_SIZE_UNIT 64

StaticAssertDecl(STORAGE_PAYLOAD_SIZE % sizeof(VaryingVector) == 0,
				 "a header must lie whole on its page");

uint32
hnsw_vector_slot_size(const IndexType *type, uint32 largest)
{
	if (!type->vector_type->varying)
		return type->vector_size;
	if (largest == 0)
		largest = SLOT_SIZE_OF_EMPTY;
	return Min((uint32) TYPEALIGN(SLOT_SIZE_UNIT, largest),
			   (uint32) TYPEALIGN(sizeof(VaryingVector), type->vector_size));
}

pg_attribute_noreturn() static void report_corrupted_vector(StorageReader *reader, uint32 ordinal)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" contains corrupted vector of node %u",
						   RelationGetRelationName(reader->index), ordinal),
					errhint("Please REINDEX it.")));
}

static void
copy_slot(StorageReader *reader, PageArrayId array, uint32 ordinal, bool current, void *slot)
{
	if (current)
		buffer_pool_copy_slot(reader, array, ordinal, slot);
	else
		storage_copy_slot(reader, array, ordinal, slot);
}

/* The vector that `header`, a node's, says to be elsewhere; false where it is not. */
static bool
follow_header(StorageReader *reader, const IndexType *type, uint32 ordinal, VaryingVector header,
			  bool current, void *vector)
{
	uint32 at = header.elsewhere - 1;
	HnswLongVector *slot;
	bool found;

	if (header.elsewhere == 0 || header.size > type->vector_size)
		return false;
	/* An insert may have added it since the reader learned of the array. */
	if (at >= reader->meta->arrays[HNSW_LONG].capacity)
		storage_meta_copy(reader->meta, storage_meta_get(reader->index));
	if (at >= hnsw_meta(reader->meta)->long_count &&
		at >= hnsw_meta(storage_meta_get(reader->index))->long_count)
		return false;

	slot = palloc(reader->meta->arrays[HNSW_LONG].slot_size);
	copy_slot(reader, HNSW_LONG, at, current, slot);
	found = slot->owner == ordinal && slot->vector.size == header.size;
	if (found)
		memcpy(vector, &slot->vector, header.size);
	pfree(slot);
	return found;
}

/* Make the copy of a slot a vector in memory; false where it is not to be had. */
static bool
complete_vector(StorageReader *reader, const IndexType *type, uint32 ordinal, bool current,
				void *vector)
{
	VaryingVector *header = vector;

	if (header->size > reader->meta->arrays[PAGE_ARRAY_VECTORS].slot_size &&
		!follow_header(reader, type, ordinal, *header, current, vector))
		return false;
	header->elsewhere = 0;
	return header->size >= sizeof(VaryingVector);
}

void
hnsw_read_vectors(StorageReader *reader, const IndexType *type, const uint32 *ordinals,
				  uint32 count, void *vectors)
{
	storage_read_copies(reader, PAGE_ARRAY_VECTORS, ordinals, count, type->vector_size, vectors);
	for (uint32 i = 0; type->vector_type->varying && i < count; i++)
	{
		VaryingVector *vector = (VaryingVector *) ((char *) vectors + i * (Size) type->vector_size);

		/*
		 * The node may have been freed and be written anew since its ordinal was read: long slot
		 * first, then the header.  A vector without elements is as good as any for such a one.
		 */
		if (!complete_vector(reader, type, ordinals[i], false, vector))
			vector->size = sizeof(VaryingVector);
	}
}

void
hnsw_read_vector_current(StorageReader *reader, const IndexType *type, uint32 ordinal, void *vector)
{
	buffer_pool_copy_slot(reader, PAGE_ARRAY_VECTORS, ordinal, vector);
	if (type->vector_type->varying && !complete_vector(reader, type, ordinal, true, vector))
		report_corrupted_vector(reader, ordinal);
}

bool
hnsw_read_long_vector(StorageReader *reader, const IndexType *type, uint32 ordinal, void *vector)
{
	storage_copy_slot(reader, PAGE_ARRAY_VECTORS, ordinal, vector);
	return complete_vector(reader, type, ordinal, false, vector);
}

/* Hand out a new long slot; its number plus 1. */
static uint32
append_long_slot(StorageReader *reader)
{
	Relation index = reader->index;
	uint32 elsewhere = 0;

	while (elsewhere == 0)
	{
		const IndexMeta *meta = storage_meta_get(index);
		uint32 wanted = hnsw_meta(meta)->long_count + 1;
		Buffer buffer;

		if (meta->arrays[HNSW_LONG].capacity < wanted)
		{
			page_array_grow(index, HNSW_LONG, wanted);
			continue;
		}
		buffer = storage_meta_read_buffer(index, BUFFER_LOCK_EXCLUSIVE);
		meta = StorageMetaPageGet(BufferGetPage(buffer));
		if (hnsw_meta(meta)->long_count < meta->arrays[HNSW_LONG].capacity)
		{
			PageWrite write;

			page_write_begin(&write, index);
			elsewhere = ++hnsw_meta(page_write_metapage(&write, buffer))->long_count;
			page_write_finish(&write);
		}
		UnlockReleaseBuffer(buffer);
	}

	/* The array may have grown by a run that the reader does not know. */
	storage_reader_refresh(reader);
	return elsewhere;
}

/* The long slot that an ordinal has from a row before; 0 = none. */
static uint32
long_slot_of_ordinal(StorageReader *reader, uint32 ordinal)
{
	SlotPlace place = page_array_place(&reader->meta->arrays[PAGE_ARRAY_VECTORS], ordinal);
	bool fresh;
	Buffer buffer =
		page_array_lock_block(reader->index, PAGE_ARRAY_VECTORS, place.data_block, true, &fresh);
	uint32 elsewhere = 0;

	if (!fresh)
	{
		const char *payload = storage_page_payload(BufferGetPage(buffer));

		elsewhere = ((const VaryingVector *) (payload + place.offset))->elsewhere;
	}
	UnlockReleaseBuffer(buffer);

	if (elsewhere > hnsw_meta(storage_meta_get(reader->index))->long_count)
		report_corrupted_vector(reader, ordinal);
	return elsewhere;
}

void
hnsw_write_vector(StorageReader *reader, const IndexType *type, uint32 ordinal, const void *vector)
{
	uint32 slot_size = reader->meta->arrays[PAGE_ARRAY_VECTORS].slot_size;
	uint32 size;
	VaryingVector *slot;

	if (!type->vector_type->varying)
	{
		index_write_vector(reader, type, index_read_parameters(reader), ordinal, vector);
		return;
	}

	size = ((const VaryingVector *) vector)->size;
	slot = palloc0(slot_size);
	if (size <= slot_size)
		memcpy(slot, vector, size);
	slot->size = size;
	slot->elsewhere = long_slot_of_ordinal(reader, ordinal);
	if (size > slot_size)
	{
		HnswLongVector *long_slot = palloc0(reader->meta->arrays[HNSW_LONG].slot_size);

		if (slot->elsewhere == 0)
			slot->elsewhere = append_long_slot(reader);
		long_slot->owner = ordinal;
		memcpy(&long_slot->vector, vector, size);
		page_array_write_slot(reader->index, reader->meta, HNSW_LONG, slot->elsewhere - 1,
							  long_slot);
		pfree(long_slot);
	}
	page_array_write_slot(reader->index, reader->meta, PAGE_ARRAY_VECTORS, ordinal, slot);
	storage_reader_slot_written(reader, PAGE_ARRAY_VECTORS, ordinal);
	pfree(slot);
}
