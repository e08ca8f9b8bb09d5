/*
 * storage/page_count.c
 *		How many distinct pages a search reads: vectorstore.log_search_pages.
 *
 * A set of data blocks for each reader, in its context, and a count of them by array.  Pages of
 * the metadata, of the settle map and of the table are not counted.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/page_count.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct PageCount
{
	HTAB *blocks;
	uint32 by_array[PAGE_ARRAY_COUNT];
} PageCount;

static bool log_search_pages = false;

void
page_count_init(void)
{
	DefineCustomBoolVariable(
		"vectorstore.log_search_pages",
		"Logs how many distinct pages of its index each search reads.",
		"For measuring: a search that is counted is slower, and reads the same pages.",
		&log_search_pages, false, PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
forget(StorageReader *reader)
{
	HASHCTL control = {.keysize = sizeof(uint32), .entrysize = sizeof(uint32)};

	control.hcxt = reader->context;
	memset(reader->page_count->by_array, 0, sizeof(reader->page_count->by_array));
	reader->page_count->blocks = hash_create("vectorstore search pages", 1024, &control,
											 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
page_count_begin(StorageReader *reader)
{
	if (!log_search_pages || reader->live)
		return;
	reader->page_count = MemoryContextAlloc(reader->context, sizeof(PageCount));
	forget(reader);
}

static void
note_slot(StorageReader *reader, PageArrayId array_id, uint32 ordinal)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place = page_array_place(array, ordinal);
	uint32 last = place.data_block + (place.offset + array->slot_size - 1) / STORAGE_PAYLOAD_SIZE;

	for (uint32 block = place.data_block; block <= last; block++)
	{
		bool found;

		(void) hash_search(reader->page_count->blocks, &block, HASH_ENTER, &found);
		if (!found)
			reader->page_count->by_array[array_id]++;
	}
}

void
storage_note_slots(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count)
{
	for (uint32 i = 0; i < count; i++)
		note_slot(reader, array, ordinals[i]);
}

void
page_count_report(StorageReader *reader)
{
	PageCount *count = reader->page_count;
	uint32 total = 0;

	if (likely(count == NULL))
		return;
	for (int i = 0; i < PAGE_ARRAY_COUNT; i++)
		total += count->by_array[i];
	if (total == 0)
		return;
	ereport(LOG, (errmsg_plural("search of index \"%s\" read %u distinct page",
								"search of index \"%s\" read %u distinct pages", total,
								RelationGetRelationName(reader->index), total),
				  errdetail("Raw vectors: %u, codes: %u, graph or lists: %u.",
							count->by_array[PAGE_ARRAY_VECTORS], count->by_array[PAGE_ARRAY_CODES],
							total - count->by_array[PAGE_ARRAY_VECTORS] -
								count->by_array[PAGE_ARRAY_CODES]),
				  errhidestmt(true)));
	hash_destroy(count->blocks);
	forget(reader);
}
