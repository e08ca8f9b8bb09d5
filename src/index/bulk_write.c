/*
 * index/bulk_write.c
 *		The pages of a new index, written in order of their blocks past shared
 *		buffers.
 *
 * Pages are filled in a batch of as many as one WAL record takes.  A full batch
 * is logged as page images (which sets the pages' LSNs), then given checksums,
 * then appended to the file.  Block 0 is appended as zeroes at once, because a
 * file grows in order, and is overwritten with the metapage at the end: until
 * then nobody can take the file for an index.
 *
 * The file is synced whatever was logged.  A checkpoint that began after the WAL
 * records were written doesn't know of these pages, so recovery that starts at
 * it would not have them.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "access/xlogrecord.h"
#include "miscadmin.h"
#include "storage/page_array.h"

#include "index/bulk_write.h"

#define BATCH_PAGES 32
/* Pages that the system is told at once to write to disk, so that the sync finds little left to do */
#define WRITEBACK_PAGES 2048

StaticAssertDecl(BATCH_PAGES <= XLR_MAX_BLOCK_ID, "a batch must fit one WAL record");

struct BulkWriter
{
	Relation index;
	IndexMeta *meta;
	ForkNumber fork;
	bool needs_wal;
	BlockNumber next_block; /* of the file */
	BlockNumber writeback_from;

	/* The array being written */
	PageArrayId array;
	uint32 first_data_block;
	Page page;	   /* where slots go now, NULL = the next slot begins a page */
	uint32 offset; /* of the next byte in the page's payload */
	uint32 room;   /* bytes of the payload that slots may take */

	/* Pages not yet in the file */
	uint32 batch_count;
	BlockNumber batch_blocks[BATCH_PAGES];
	Page batch_pages[BATCH_PAGES];
	PGIOAlignedBlock *batch;
};

BulkWriter *
bulk_write_begin(Relation index, IndexMeta *meta, ForkNumber fork)
{
	BulkWriter *writer = palloc0(sizeof(BulkWriter));
	PGIOAlignedBlock zeroes;
	char *memory;

	if (smgrnblocks(RelationGetSmgr(index), fork) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" already contains data", RelationGetRelationName(index))));

	writer->index = index;
	writer->meta = meta;
	writer->fork = fork;
	writer->needs_wal = fork == INIT_FORKNUM || RelationNeedsWAL(index);

	memory = palloc(sizeof(PGIOAlignedBlock) * BATCH_PAGES + PG_IO_ALIGN_SIZE);
	writer->batch = (PGIOAlignedBlock *) TYPEALIGN(PG_IO_ALIGN_SIZE, memory);
	for (int i = 0; i < BATCH_PAGES; i++)
		writer->batch_pages[i] = writer->batch[i].data;

	memset(zeroes.data, 0, BLCKSZ);
	vs_smgr_extend(RelationGetSmgr(index), fork, STORAGE_METAPAGE_BLOCK, zeroes.data, true);
	writer->next_block = STORAGE_METAPAGE_BLOCK + 1;
	return writer;
}

/* Have the system begin to write what stands in the file. */
static void
start_writeback(BulkWriter *writer)
{
	BlockNumber blocks = writer->next_block - writer->writeback_from;

	if (blocks < WRITEBACK_PAGES || vs_direct_io_for_data_files())
		return;
	smgrwriteback(RelationGetSmgr(writer->index), writer->fork, writer->writeback_from, blocks);
	writer->writeback_from = writer->next_block;
}

void
bulk_write_flush(BulkWriter *writer)
{
	CHECK_FOR_INTERRUPTS();

	if (writer->batch_count == 0)
		return;
	Assert(writer->page == NULL);

	if (writer->needs_wal)
	{
		VsRelFileLocator locator = vs_relation_locator(writer->index);

		log_newpages(&locator, writer->fork, (int) writer->batch_count, writer->batch_blocks,
					 writer->batch_pages, true);
	}
	for (uint32 i = 0; i < writer->batch_count; i++)
	{
		vs_page_set_checksum(writer->batch_pages[i], writer->batch_blocks[i]);
		vs_smgr_extend(RelationGetSmgr(writer->index), writer->fork, writer->batch_blocks[i],
					   writer->batch_pages[i], true);
	}
	writer->batch_count = 0;
	start_writeback(writer);
}

/* The file's next page, initialised, in the batch. */
static Page
append_page(BulkWriter *writer, StoragePageKind kind, uint16 array)
{
	Page page;

	if (writer->batch_count == BATCH_PAGES)
		bulk_write_flush(writer);
	page = writer->batch_pages[writer->batch_count];
	memset(page, 0, BLCKSZ);
	storage_page_init(page, kind, array);
	writer->batch_blocks[writer->batch_count++] = writer->next_block++;
	return page;
}

/* The next data page, behind the settle map page that belongs before it. */
static void
begin_data_page(BulkWriter *writer)
{
	const PageArrayMeta *array = &writer->meta->arrays[writer->array];

	if (writer->meta->data_block_count >= STORAGE_MAX_DATA_BLOCKS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" would exceed the maximum size of a relation",
							   RelationGetRelationName(writer->index))));

	if (storage_block_is_settle_map(writer->next_block))
		append_page(writer, STORAGE_PAGE_SETTLE_MAP, 0);
	Assert(writer->next_block == storage_block_of_data_block(writer->meta->data_block_count));
	writer->page = append_page(writer, STORAGE_PAGE_ARRAY, (uint16) writer->array);
	writer->meta->data_block_count++;
	writer->offset = 0;
	writer->room = array->slots_per_page != 0 ? array->slots_per_page * array->slot_size
											  : (uint32) STORAGE_PAYLOAD_SIZE;
}

void
bulk_write_begin_array(BulkWriter *writer, PageArrayId array)
{
	Assert(writer->meta->arrays[array].slot_size > 0);
	Assert(writer->meta->arrays[array].run_count == 0);
	writer->array = array;
	writer->first_data_block = writer->meta->data_block_count;
	writer->page = NULL;
}

void
bulk_write_slot(BulkWriter *writer, const void *slot)
{
	const char *from = slot;
	uint32 left = writer->meta->arrays[writer->array].slot_size;

	/* Slots that stand whole on their pages are always copied in one piece */
	while (left > 0)
	{
		uint32 piece;

		if (writer->page == NULL)
			begin_data_page(writer);
		piece = Min(left, writer->room - writer->offset);
		memcpy(storage_page_payload(writer->page) + writer->offset, from, piece);
		from += piece;
		left -= piece;
		writer->offset += piece;
		if (writer->offset == writer->room)
			writer->page = NULL;
	}
}

void
bulk_write_end_array(BulkWriter *writer)
{
	uint32 blocks = writer->meta->data_block_count - writer->first_data_block;

	writer->page = NULL;
	if (blocks > 0)
		page_array_add_run(&writer->meta->arrays[writer->array], writer->first_data_block, blocks);
}

/*
 * Through shared buffers, unlike all other pages: an index that is built concurrently is visible
 * already, and whoever read its block 0 meanwhile has left a page of zeroes there.
 */
static void
write_metapage(BulkWriter *writer)
{
	Relation index = writer->index;
	Page page = writer->batch_pages[0];
	Buffer buffer;

	memset(page, 0, BLCKSZ);
	storage_page_init(page, STORAGE_PAGE_META, 0);
	*StorageMetaPageGet(page) = *writer->meta;

	if (RelationUsesLocalBuffers(index))
	{
		vs_page_set_checksum(page, STORAGE_METAPAGE_BLOCK);
		vs_smgr_write(RelationGetSmgr(index), writer->fork, STORAGE_METAPAGE_BLOCK, page, true);
		return;
	}

	buffer =
		ReadBufferExtended(index, writer->fork, STORAGE_METAPAGE_BLOCK, RBM_ZERO_AND_LOCK, NULL);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	if (writer->needs_wal)
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	FlushOneBuffer(buffer);
	UnlockReleaseBuffer(buffer);
}

void
bulk_write_finish(BulkWriter *writer)
{
	IndexMeta *meta = writer->meta;
	VsRelFileLocator locator = vs_relation_locator(writer->index);

	/* An index without data has its first settle map page too */
	if (writer->next_block == STORAGE_METAPAGE_BLOCK + 1)
		append_page(writer, STORAGE_PAGE_SETTLE_MAP, 0);
	bulk_write_flush(writer);

	meta->locator_tablespace = vs_locator_tablespace(locator);
	meta->locator_database = vs_locator_database(locator);
	meta->locator_relation = vs_locator_relation(locator);
	meta->build_tli = 0;
	meta->build_lsn = InvalidXLogRecPtr;
	if (writer->fork == MAIN_FORKNUM &&
		writer->index->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT)
	{
		meta->build_tli = GetWALInsertionTimeLine();
		meta->build_lsn = GetXLogInsertRecPtr();
	}
	meta->base_stamp = meta->build_lsn;
	meta->newest_stamp = InvalidXLogRecPtr;

	write_metapage(writer);
	smgrimmedsync(RelationGetSmgr(writer->index), writer->fork);
	pfree(writer);
}
