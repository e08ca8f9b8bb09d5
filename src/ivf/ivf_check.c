/*
 * ivf/ivf_check.c
 *		Verifying an ivf index, and telling what it is.
 *
 *		1. the metapage; centroids
 *		2. extents, each on its own (ivf_extent.c) and together: every ordinal is in
 *		   one of them, every chain ends
 *		3. entries: states, row addresses; what is behind an extent's `used` was never
 *		   written
 *		4. vectors of LIVE entries, and their codes; the pages of all others
 *		5. the rows in the index are those of the table
 *
 * What is legitimate though odd: EMPTY and RESERVED entries among those in use (left by
 * failed inserts until the next vacuum), an extent without rows that is in no chain (a
 * crash between two writes), hints that are wrong.
 *
 * On a standby replay goes on meanwhile, so what must agree between pages is left to the
 * primary.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "index/check.h"
#include "index/index_meta.h"
#include "index/ordinal_set.h"
#include "ivf/ivf_codes.h"
#include "ivf/ivf_list.h"
#include "miscadmin.h"

/* How far from 1 the norm of a centroid may be that was normalized in float32 */
#define NORM_TOLERANCE 1e-3

typedef struct IvfCheck
{
	Relation index;
	bool strict;
	StorageReader *reader;
	BufferAccessStrategy strategy;
	const IndexMeta *meta;
	BlockNumber table_blocks; /* InvalidBlockNumber = changing */
	IvfExtent *extents;
	uint32 extent_count;
	OrdinalSet used; /* ordinals that were handed out */
	VectorCheck vectors;

	/* Where codes are in blocks */
	uint32 *block_lists; /* list of each block */
	IvfEncoder encoder;
	uint32 encoder_list;
	uint32 block_number; /* what `block` is a copy of */
	char *block;

	RowCheck *rows; /* in step 5 */
} IvfCheck;

static void
check_centroids(IvfCheck *check)
{
	uint32 dimensions = check->meta->dimensions;
	bool normalized = ivf_centroid_metric((DistanceMetric) check->meta->metric) != DISTANCE_L2;
	float *centroid = palloc(dimensions * sizeof(float));

	for (uint32 list = 0; list < ivf_meta(check->meta)->lists; list++)
	{
		double square_sum = 0;

		CHECK_FOR_INTERRUPTS();
		buffer_pool_copy_slot(check->reader, IVF_CENTROIDS, list, (char *) centroid);
		for (uint32 i = 0; i < dimensions; i++)
		{
			if (!isfinite(centroid[i]))
				check_fail(check->index,
						   "The centroid of list %u has an element that is not finite.", list);
			square_sum += (double) centroid[i] * centroid[i];
		}
		/* A table without vectors to train on gives zeros. */
		if (normalized && square_sum != 0 && fabs(sqrt(square_sum) - 1) > NORM_TOLERANCE)
			check_fail(check->index, "The centroid of list %u has norm %g, expected 1.", list,
					   sqrt(square_sum));
	}
	pfree(centroid);
}

/* Every chain ends and shares no extent with another; an extent outside of all has no rows. */
static void
check_chains(IvfCheck *check)
{
	OrdinalSet linked;

	ordinal_set_init(&linked, check->extent_count);
	for (uint32 list = 0; list < ivf_meta(check->meta)->lists; list++)
	{
		for (uint32 at = list; at != INVALID_ORDINAL; at = check->extents[at].next)
		{
			if (at >= check->extent_count)
				check_fail(check->index, "The chain of list %u leads to extent %u of %u.", list, at,
						   check->extent_count);
			if (check->extents[at].list != list)
				check_fail(check->index, "The chain of list %u leads to extent %u of list %u.",
						   list, at, check->extents[at].list);
			if (!ordinal_set_add(&linked, at))
				check_fail(check->index, "The chain of list %u leads to extent %u twice.", list,
						   at);
		}
	}
	for (uint32 at = 0; at < check->extent_count; at++)
	{
		if (!ordinal_set_contains(&linked, at) && check->extents[at].used > 0)
			check_fail(check->index, "Extent %u has %u entries in use but is in no chain.", at,
					   check->extents[at].used);
	}
}

/* Every ordinal belongs to one extent. */
static void
check_ordinals(IvfCheck *check)
{
	OrdinalSet covered;

	ordinal_set_init(&covered, check->meta->ordinal_count / IVF_BLOCK);
	ordinal_set_init(&check->used, check->meta->ordinal_count);
	check->block_lists = MemoryContextAllocExtended(
		CurrentMemoryContext, Max(covered.limit, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (uint32 at = 0; at < check->extent_count; at++)
	{
		const IvfExtent *extent = &check->extents[at];

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < extent->capacity; i += IVF_BLOCK)
		{
			if (!ordinal_set_add(&covered, (extent->first + i) / IVF_BLOCK))
				check_fail(check->index, "Entry %u is in extent %u and in another one.",
						   extent->first + i, at);
			check->block_lists[(extent->first + i) / IVF_BLOCK] = extent->list;
		}
		for (uint32 i = 0; i < extent->used; i++)
			ordinal_set_add(&check->used, extent->first + i);
	}
	if (covered.count < covered.limit)
		check_fail(check->index, "%u of %u entries are in no extent.",
				   (covered.limit - covered.count) * IVF_BLOCK, check->meta->ordinal_count);
}

/* Copy the block that an entry's code is in; its pages are there, whatever the entry's state. */
static void
read_block(IvfCheck *check, uint32 ordinal)
{
	if (check->block_number == ordinal / IVF_BLOCK)
		return;
	check->block_number = ordinal / IVF_BLOCK;
	buffer_pool_copy_slot(check->reader, PAGE_ARRAY_CODES, check->block_number, check->block);
}

/* The code of a LIVE entry, whose vector has been checked */
static void
check_code(IvfCheck *check, uint32 ordinal)
{
	uint32 list = check->block_lists[ordinal / IVF_BLOCK];

	if (list != check->encoder_list)
	{
		float *centroid = palloc(check->meta->dimensions * sizeof(float));

		buffer_pool_copy_slot(check->reader, IVF_CENTROIDS, list, (char *) centroid);
		ivf_encoder_set_list(&check->encoder, centroid);
		check->encoder_list = list;
		pfree(centroid);
	}
	if (!ivf_encoder_verify(&check->encoder, check->vectors.floats, check->block, ordinal))
		check_fail(check->index, "The code of entry %u is not that of its vector.", ordinal);
}

/* Steps 3 and 4 for one entry */
static void
check_entry(IvfCheck *check, uint32 ordinal, const IvfEntry *entry)
{
	ItemPointerData tid = entry->tid;

	if (entry->state > IVF_ENTRY_RESERVED || entry->unused != 0)
		check_fail(check->index, "Entry %u has state %u.", ordinal, entry->state);
	if (entry->state == IVF_ENTRY_LIVE)
		row_check_address(check->index, "Entry", ordinal, &tid, check->table_blocks);
	if (!check->strict)
		return;
	if (entry->state != IVF_ENTRY_EMPTY && !ordinal_set_contains(&check->used, ordinal))
		check_fail(check->index, "Entry %u has state %u but was not handed out.", ordinal,
				   entry->state);
	if (entry->state == IVF_ENTRY_LIVE)
		vector_check_slot(&check->vectors, ordinal);
	else
		vector_check_pages(&check->vectors, ordinal);
	if (!ivf_has_blocks(check->meta))
		return;
	read_block(check, ordinal);
	if (entry->state == IVF_ENTRY_LIVE)
		check_code(check, ordinal);
}

static void
add_row(IvfCheck *check, uint32 ordinal, const IvfEntry *entry)
{
	ItemPointerData tid = entry->tid;

	if (entry->state == IVF_ENTRY_LIVE)
		row_check_add(check->rows, &tid);
}

/* Calls `visit` for every entry, on a copy of its page. */
static void
for_each_entry(IvfCheck *check,
			   void (*visit)(IvfCheck *check, uint32 ordinal, const IvfEntry *entry))
{
	PageArrayBlocks blocks =
		page_array_blocks(check->meta, IVF_ENTRIES, check->meta->ordinal_count);
	PGAlignedBlock page;

	while (page_array_next_block(&blocks))
	{
		CHECK_FOR_INTERRUPTS();
		if (!page_array_copy_block(check->index, IVF_ENTRIES, blocks.data_block, check->strategy,
								   page.data))
			check_fail(check->index, "The page of entries from %u on is missing.",
					   blocks.first_ordinal);
		for (uint32 i = 0; i < blocks.count; i++)
			visit(check, blocks.first_ordinal + i,
				  (const IvfEntry *) storage_page_payload(page.data) + i);
		storage_reader_release_pins(check->reader);
	}
}

static void
add_rows(RowCheck *rows, void *argument)
{
	IvfCheck *check = argument;

	check->rows = rows;
	for_each_entry(check, add_row);
}

void
ivf_check(Relation index, Relation table, bool strict)
{
	IvfCheck check = {.index = index, .strict = strict, .table_blocks = InvalidBlockNumber};
	IndexType type;

	/* Without the map: what is checked is what the next writer finds. */
	check.reader = storage_reader_begin(index, STORAGE_BUFFER_POOL, NULL);
	check.meta = check.reader->meta;
	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	index_type_get(index, &type);
	ivf_meta_check(index, &type, check.meta);
	vector_check_begin(&check.vectors, check.reader, "entry", !ivf_has_blocks(check.meta));
	if (ivf_has_blocks(check.meta))
	{
		ivf_encoder_init(&check.encoder, check.meta);
		check.encoder_list = check.block_number = INVALID_ORDINAL;
		check.block = palloc(check.encoder.block_size);
	}
	if (strict)
		check.table_blocks = RelationGetNumberOfBlocks(table);

	check_centroids(&check);
	check.extents = ivf_read_all_extents(check.reader, &check.extent_count);
	if (strict)
	{
		check_chains(&check);
		check_ordinals(&check);
	}
	for_each_entry(&check, check_entry);
	if (strict)
		row_check(table, index, add_rows, &check);
	FreeAccessStrategy(check.strategy);
	storage_reader_end(check.reader);
}

char *
ivf_describe(const IndexMeta *meta)
{
	const IvfMeta *ivf = ivf_meta(meta);

	return psprintf("lists = %u, extents = %u, trained_on = %u", ivf->lists, ivf->extent_count,
					ivf->trained_on);
}

void
ivf_count_entries(Relation index, IvfEntryCounts *counts)
{
	StorageReader *reader = storage_reader_begin(index, STORAGE_BUFFER_POOL, NULL);
	uint32 extent_count;
	IvfExtent *extents;
	IndexType type;

	index_type_get(index, &type);
	ivf_meta_check(index, &type, reader->meta);
	extents = ivf_read_all_extents(reader, &extent_count);
	*counts = (IvfEntryCounts){0};
	for (uint32 at = 0; at < extent_count; at++)
	{
		uint32 freed = Min(extents[at].free_count, extents[at].used);

		counts->in_use += extents[at].used - freed;
		counts->freed += freed;
		counts->unused += extents[at].capacity - extents[at].used;
	}
	pfree(extents);
	storage_reader_end(reader);
}
