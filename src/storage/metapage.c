/*
 * storage/metapage.c
 *		Reading block 0, checking it, and the copy that each backend keeps.
 *
 * The copy lives in rd_amcache.  Its fixed part is copied anew by every
 * storage_meta_get(); the runs only when layout_version has changed, since they
 * are most of the page and change rarely.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/metapage.h"
#include "storage/pin_cache.h"
#include "utils/memutils.h"

pg_attribute_noreturn() static void report_corrupted(Relation index, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("metapage of index \"%s\" is corrupted", RelationGetRelationName(index)),
					errdetail_internal("%s", detail), errhint("Please REINDEX it.")));
}

/* Everything that later arithmetic relies on. */
static void
check_meta(Relation index, const IndexMeta *meta)
{
	if (meta->magic != STORAGE_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" is not a vectorstore index", RelationGetRelationName(index)),
				 errhint("If it was built by another extension, REINDEX it.")));
	if (meta->format_version != STORAGE_FORMAT_VERSION)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("index \"%s\" has format version %u, expected %u",
							   RelationGetRelationName(index), meta->format_version,
							   STORAGE_FORMAT_VERSION),
						errhint("Please REINDEX it.")));
	if (meta->dimensions == 0)
		report_corrupted(index, "The number of dimensions is zero.");
	if (meta->ordinal_count > MAX_ORDINAL || meta->free_count > meta->ordinal_count ||
		meta->data_block_count > STORAGE_MAX_DATA_BLOCKS)
		report_corrupted(index, "A count is out of range.");

	for (int i = 0; i < PAGE_ARRAY_COUNT; i++)
	{
		const PageArrayMeta *array = &meta->arrays[i];
		uint64 capacity = 0;

		if (array->run_count > PAGE_ARRAY_MAX_RUNS ||
			(array->slot_size == 0 && array->run_count != 0) ||
			(array->slots_per_page != 0 &&
			 (uint64) array->slots_per_page * array->slot_size > STORAGE_PAYLOAD_SIZE))
			report_corrupted(index, "The geometry of a page array is invalid.");
		for (uint32 r = 0; r < array->run_count; r++)
		{
			const PageRun *run = &array->runs[r];

			if (run->block_count == 0 || run->first_slot != capacity ||
				(uint64) run->first_block + run->block_count > meta->data_block_count)
				report_corrupted(index, "A run of blocks is out of range.");
			if (array->slots_per_page != 0)
				capacity += (uint64) run->block_count * array->slots_per_page;
			else
				capacity += (uint64) run->block_count * STORAGE_PAYLOAD_SIZE / array->slot_size;
		}
		if (capacity != array->capacity)
			report_corrupted(index, "The runs of a page array do not add up.");
	}

	/* Every ordinal has its slots in the arrays that are addressed by it. */
	if (meta->ordinals_per_code == 0)
		report_corrupted(index, "The number of codes in a slot is zero.");
	for (int i = PAGE_ARRAY_VECTORS; i <= PAGE_ARRAY_METHOD_0; i++)
	{
		uint64 ordinals = meta->arrays[i].capacity;

		if (i == PAGE_ARRAY_CODES)
			ordinals *= meta->ordinals_per_code;
		if (meta->arrays[i].slot_size != 0 && ordinals < meta->ordinal_count)
			report_corrupted(index, "A page array is shorter than the number of ordinals.");
	}
}

Buffer
storage_meta_read_buffer(Relation index, int lock_mode)
{
	Buffer buffer = pin_cache_read_buffer(index, STORAGE_METAPAGE_BLOCK);

	LockBuffer(buffer, lock_mode);
	return buffer;
}

IndexMeta *
storage_meta_of_page(Relation index, Page page)
{
	IndexMeta *meta;

	storage_page_check(index, page, STORAGE_METAPAGE_BLOCK, STORAGE_PAGE_META, 0);
	meta = StorageMetaPageGet(page);
	check_meta(index, meta);
	return meta;
}

void
storage_meta_copy(IndexMeta *to, const IndexMeta *from)
{
	memcpy(to, from, offsetof(IndexMeta, arrays));
	for (int i = 0; i < PAGE_ARRAY_COUNT; i++)
		memcpy(&to->arrays[i], &from->arrays[i],
			   offsetof(PageArrayMeta, runs) + from->arrays[i].run_count * sizeof(PageRun));
}

const IndexMeta *
storage_meta_get(Relation index)
{
	IndexMeta *cached = index->rd_amcache;
	Buffer buffer = storage_meta_read_buffer(index, BUFFER_LOCK_SHARE);
	IndexMeta *current = StorageMetaPageGet(BufferGetPage(buffer));

	if (cached != NULL && current->magic == STORAGE_MAGIC &&
		cached->layout_version == current->layout_version)
		memcpy(cached, current, offsetof(IndexMeta, arrays));
	else
	{
		/* First use, or runs were added: check it all before anything relies on it. */
		current = storage_meta_of_page(index, BufferGetPage(buffer));
		if (cached == NULL)
			cached = MemoryContextAlloc(index->rd_indexcxt, sizeof(IndexMeta));
		storage_meta_copy(cached, current);
		index->rd_amcache = cached;
	}
	UnlockReleaseBuffer(buffer);
	return cached;
}
