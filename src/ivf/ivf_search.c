/*
 * ivf/ivf_search.c
 *		Lists ranked and scanned; candidates re-ranked as they are asked for.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "index/index_meta.h"
#include "ivf/ivf_search.h"
#include "miscadmin.h"

/* Candidates whose exact distances are made at a time: what a common LIMIT needs at least */
#define CHUNK_SIZE 32
/* Slots that are asked for ahead of their scan, at a time, while pages come from the disk */
#define PREFETCH_SLOTS 1024
/* Errors of candidates to come are taken to be at most so many times the largest one so far.  With
 * 1.25, one row in 200,000 of LIMIT 4000 was out of order; with 1.75 none. */
#define ERROR_MARGIN 1.75f

/* With bounds, rows that must be certain before the first is given out */
#define CERTAIN_AT_FIRST 10

/* An extent's entries are looked at before its slots are measured where so many of them are free */
#define FREE_SHARE 4 /* one in four */

StaticAssertDecl(CHUNK_SIZE <= STORAGE_MAX_BATCH, "a chunk is read in one batch");
StaticAssertDecl(STORAGE_MAX_BATCH <= 64, "a bit for each slot of a batch");

void
ivf_search_begin(IvfSearch *search, StorageReader *reader, const IndexType *type,
				 const void *vector, Size memory)
{
	uint32 lists = ivf_meta(reader->meta)->lists;
	float *floats = palloc(type->dimensions * sizeof(float));
	Candidate *ranked = palloc(lists * sizeof(Candidate));

	memset(search, 0, sizeof(IvfSearch));
	search->reader = reader;
	index_type_to_floats(type, vector, floats);
	search->has_blocks = ivf_has_blocks(reader->meta);
	index_query_begin(&search->query, reader, type, vector, !search->has_blocks);
	if (search->has_blocks)
		ivf_block_query_begin(&search->blocks, reader->meta, floats);
	if (search->has_blocks || search->query.prepared != NULL)
	{
		memory /= 2;
		search->exact_max =
			(uint32) Min(Max(memory / sizeof(Candidate), CHUNK_SIZE), PG_INT32_MAX / 4);
		search->exact_capacity = 4 * CHUNK_SIZE;
		search->exact = palloc(search->exact_capacity * sizeof(Candidate));
	}

	search->chunk = palloc(CHUNK_SIZE * sizeof(Candidate));
	ivf_rank_lists(reader, floats, ranked);
	candidate_order_begin(&search->lists, ranked, lists);
	search->lists_left = lists;
	candidate_pool_init(&search->pool, memory);
}

/* Ask for the pages of the next slots of an extent from `done` on, while pages come from the disk. */
static void
prefetch_slots(IvfSearch *search, const IvfExtent *extent, uint32 done)
{
	uint32 first = extent->first + done;
	uint32 count;

	if (!search->reader->cold || done >= extent->used)
		return;
	count = Min(extent->used - done, PREFETCH_SLOTS);
	if (search->has_blocks)
		storage_prefetch_run(search->reader, PAGE_ARRAY_CODES, first / IVF_BLOCK,
							 (count + IVF_BLOCK - 1) / IVF_BLOCK);
	else
		storage_prefetch_run(search->reader, search->query.search_array, first, count);
}

/* Which entries of a batch are LIVE, in a section that may be left */
typedef struct LiveSection
{
	const void **slots;
	uint32 count;
	uint64 live; /* a bit for each */
} LiveSection;

static void
find_live(void *argument)
{
	LiveSection *section = argument;

	section->live = 0;
	for (uint32 i = 0; i < section->count; i++)
	{
		const IvfEntry *entry = section->slots[i];

		section->live |= (uint64) (entry->state == IVF_ENTRY_LIVE) << i;
	}
}

#define ALL_LIVE (~UINT64CONST(0))

/*
 * The LIVE ones of `count` slots.  The entry of a row that the snapshot sees was LIVE before the
 * snapshot was taken and does not change as long as it sees the row, so no view of the page after that
 * shows it otherwise.
 */
static uint64
read_live(IvfSearch *search, uint32 first, uint32 count)
{
	const void *slots[STORAGE_MAX_BATCH];
	LiveSection section = {.slots = slots, .count = count};

	storage_read_run(search->reader, IVF_ENTRIES, first, count, slots, find_live, &section);
	return section.live;
}

static void
add_live(CandidatePool *pool, uint32 first, const float *distances, uint32 count, uint64 live)
{
	for (uint32 i = 0; i < count; i++)
	{
		uint32 start = i;

		if ((live >> i & 1) == 0)
			continue;
		while (i < count && (live >> i & 1) != 0)
			i++;
		candidate_pool_add(pool, first + start, distances + start, i - start);
	}
}

/* Measure the slots of an extent; the first PREFETCH_SLOTS have been asked for. */
static void
scan_extent(IvfSearch *search, const IvfExtent *extent, float center_distance)
{
	float distances[IVF_BLOCK_BATCH * IVF_BLOCK];
	uint32 batch = STORAGE_MAX_BATCH;
	bool many_free = extent->free_count > 0 && extent->free_count >= extent->used / FREE_SHARE;
	uint32 prefetched = PREFETCH_SLOTS;
	uint32 count;

	if (search->has_blocks)
		batch = many_free ? IVF_BLOCK : search->blocks.batch * IVF_BLOCK;
	for (uint32 done = 0; done < extent->used; done += count)
	{
		uint32 first = extent->first + done;
		uint64 live = ALL_LIVE;

		CHECK_FOR_INTERRUPTS();
		if (done + PREFETCH_SLOTS >= prefetched)
		{
			prefetch_slots(search, extent, prefetched);
			prefetched += PREFETCH_SLOTS;
		}
		count = Min(extent->used - done, batch);
		if (unlikely(many_free))
			live = read_live(search, first, count);
		if (live == 0)
			continue;
		if (search->has_blocks)
			ivf_block_query_measure(&search->blocks, search->reader, first / IVF_BLOCK,
									(count + IVF_BLOCK - 1) / IVF_BLOCK, center_distance,
									distances);
		else
			index_query_measure_run(&search->query, search->reader, first, count, distances);
		if (likely(live == ALL_LIVE))
			candidate_pool_add(&search->pool, first, distances, count);
		else
			add_live(&search->pool, first, distances, count, live);
	}
}

static void
scan_lists(IvfSearch *search)
{
	uint32 extent_limit = ivf_meta(search->reader->meta)->extent_count;

	storage_walk_begin(search->reader);
	for (uint32 i = 0; i < search->scanned_count; i++)
	{
		uint32 list = search->scanned[i].ordinal;
		uint32 slot = list;
		uint32 seen = 0;

		if (i + 1 < search->scanned_count && search->reader->cold)
		{
			uint32 next_list = search->scanned[i + 1].ordinal;
			IvfExtent next;

			ivf_read_extent(search->reader, next_list, next_list, &next);
			prefetch_slots(search, &next, 0);
		}
		while (slot != INVALID_ORDINAL)
		{
			IvfExtent extent;

			CHECK_FOR_INTERRUPTS();
			ivf_read_extent(search->reader, slot, list, &extent);
			if (seen++ > 0 || i == 0)
				prefetch_slots(search, &extent, 0);
			scan_extent(search, &extent, search->scanned[i].distance);
			slot = extent.next;

			/* An insert may have added some since the metadata was copied: look again, once. */
			if (seen > extent_limit)
			{
				extent_limit = ivf_meta(storage_meta_get(search->reader->index))->extent_count;
				if (seen > extent_limit)
					ereport(ERROR,
							(errcode(ERRCODE_INDEX_CORRUPTED),
							 errmsg("extents of list %u of index \"%s\" go round in a circle", list,
									RelationGetRelationName(search->reader->index)),
							 errhint("Please REINDEX it.")));
			}
		}
	}
	storage_walk_end(search->reader);
	storage_reader_release_pins(search->reader);
}

bool
ivf_search_probe(IvfSearch *search, uint32 probes)
{
	uint32 count = Min(probes, search->lists_left);
	uint32 done = search->lists.count - search->lists_left;

	if (count == 0)
		return false;
	candidate_order_extend(&search->lists, done + count);
	search->scanned = search->lists.candidates + done;
	search->scanned_count = count;
	search->lists_left -= count;

	candidate_pool_clear(&search->pool);
	search->chunk_count = search->chunk_given = 0;
	search->exhausted = false;
	search->any_given = false;
	scan_lists(search);
	return true;
}

/* The nearest candidates left; a second pass over the lists where memory was short in the first. */
static bool
take_chunk(IvfSearch *search)
{
	search->chunk_given = search->chunk_count = 0;
	if (search->exhausted)
		return false;
	search->chunk_count = candidate_pool_take(&search->pool, search->chunk, CHUNK_SIZE);
	if (search->chunk_count == 0 && candidate_pool_restart(&search->pool))
	{
		scan_lists(search);
		search->chunk_count = candidate_pool_take(&search->pool, search->chunk, CHUNK_SIZE);
	}
	search->exhausted = search->chunk_count == 0;
	return !search->exhausted;
}

/* Give the next chunk of candidates exact distances.  False where there is none. */
static bool
rerank_chunk(IvfSearch *search)
{
	uint32 ordinals[CHUNK_SIZE];
	float distances[CHUNK_SIZE];
	uint32 count;

	/* Where codes tell little, one row takes the vectors of all candidates. */
	CHECK_FOR_INTERRUPTS();
	if (!take_chunk(search))
		return false;
	count = search->chunk_count;
	for (uint32 i = 0; i < count; i++)
		ordinals[i] = search->chunk[i].ordinal;
	index_query_measure(&search->query, search->reader, PAGE_ARRAY_VECTORS, ordinals, count,
						distances);

	if (search->exact_count + count > search->exact_capacity)
	{
		search->exact_capacity *= 2;
		search->exact = repalloc_huge(search->exact, search->exact_capacity * sizeof(Candidate));
	}
	for (uint32 i = 0; i < count; i++)
	{
		Candidate exact = {.distance = distances[i], .ordinal = ordinals[i]};
		float error = fabsf(exact.distance - search->chunk[i].distance);

		if (isnan(exact.distance))
			exact.distance = INFINITY;
		else if (!search->has_blocks && isfinite(error) && error > search->largest_error)
			search->largest_error = error;
		nearest_heap_push(search->exact, &search->exact_count, exact);
	}
	search->code_limit = search->chunk[count - 1].distance;
	return true;
}

/*
 * Whether the nearest of those with exact distances is nearer than all others can be; candidates that
 * are not measured yet have codes at least as far as code_limit.  The first row waits until some more
 * are certain: nearly all searches ask for them, and what is found until then is in order, whatever
 * codes tell.
 */
static bool
is_certain(const IvfSearch *search)
{
	float limit = search->code_limit - ERROR_MARGIN * search->largest_error;
	uint32 certain = 0;

	if (search->exact_count == 0)
		return false;
	if (search->any_given || !search->has_blocks)
		return search->exact[0].distance <= limit;
	for (uint32 i = 0; i < search->exact_count; i++)
		certain += search->exact[i].distance <= limit;
	return certain >= CERTAIN_AT_FIRST;
}

bool
ivf_search_next(IvfSearch *search, uint32 *ordinal)
{
	if (search->exact == NULL)
	{
		if (search->chunk_given == search->chunk_count && !take_chunk(search))
			return false;
		*ordinal = search->chunk[search->chunk_given++].ordinal;
		return true;
	}

	while (search->exact_count < search->exact_max && !is_certain(search))
	{
		if (!rerank_chunk(search))
			break;
	}
	storage_reader_release_pins(search->reader);
	if (search->exact_count == 0)
		return false;
	*ordinal = nearest_heap_pop(search->exact, &search->exact_count).ordinal;
	search->any_given = true;
	return true;
}
