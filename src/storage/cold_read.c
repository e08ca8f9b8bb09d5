/*
 * storage/cold_read.c
 *		Batches of slots, asked for from the disk together while memory lacks them.
 *
 * Where all is in memory a batch must not pay for asking the kernel; where it is
 * not, page faults one by one cost a disk access each.  So a reader has a state:
 *
 * - cold: batches of what a walk reads (lists, codes; raw vectors where there are
 *   no codes) are asked for ahead, slot by slot.  A walk makes it cold by some page
 *   faults that waited for the disk (getrusage; one alone is cheaper than what the
 *   next walks would ask for), and only many walks that read hardly a page from
 *   disk make it warm: pages that come and go for want of memory must not be taken
 *   for a warm index.  The state is kept with the map, from scan to scan; a new
 *   map's is found by a look at some pages.  Within a walk that began warm, and
 *   always in buffer_pool mode, the clock tells: every eighth batch is timed.
 * - rerank_cold, the same of raw vectors beside codes, by the last batch's time.
 *   Where memory holds the codes and not them, each search begins with codes from
 *   memory and ends with vectors from disk.
 *
 * What the kernel keeps: a map with MADV_RANDOM reads one page at a miss, but the
 * kernel (since 6.3) also takes no notice of which of its pages are in use, so
 * that they are dropped in the order in which they came.  So arrays that walks
 * read are mapped as usual files are, and stay in memory before raw vectors do,
 * which each search takes others of; what a miss would read around (128 kB and
 * more) is avoided by the above, which asks for what is needed alone.  Measured on
 * 240,112 x 768, rabitq of 2 bits (100 MB of nodes and codes), ef_search 100, in a memory
 * group of 170 MB with shared buffers of 42: 381 and 455 queries a second so, 216
 * and 238 with MADV_RANDOM throughout.
 */
#include "postgres.h"
#include "compat.h"

#include "portability/instr_time.h"
#include "storage/cold_read.h"

/* A warm batch takes a few microseconds, one that waits for the fastest disk more than this */
#define COLD_BATCH_US 60
/* Of warm batches every so many is timed: a look at the clock costs as much as a distance */
#define WARM_BATCHES_PER_TIMING 8
/* Faults of one walk that make a map cold; fewer cost less than asking for all */
#define COLD_FAULTS 3
/* Walks in a row with at most one page from disk after which a map is warm */
#define CALM_WALKS 32
/* Bytes that ru_inblock counts */
#define RUSAGE_BLOCK_BYTES 512
/* Pages of a new map that are looked at */
#define PROBE_PAGES 16

/* The index whose raw vectors the last search of this backend waited for */
static Oid rerank_cold_index = InvalidOid;

static inline bool
has_codes(const IndexMeta *meta)
{
	return meta->arrays[PAGE_ARRAY_CODES].slot_size > 0;
}

/* Whether every hop reads the array, and not the re-ranking of a few results alone. */
static bool
is_walked(const IndexMeta *meta, int array)
{
	return meta->arrays[array].run_count > 0 && !(array == PAGE_ARRAY_VECTORS && has_codes(meta));
}

/* Have the kernel notice which pages of these arrays are in use; blocks that the file has. */
static void
advise_walked_arrays(StorageReader *reader)
{
	const IndexMeta *meta = reader->meta;
	BlockNumber file_blocks = RelationGetNumberOfBlocks(reader->index);

	for (int i = 0; i < PAGE_ARRAY_COUNT; i++)
	{
		const PageArrayMeta *array = &meta->arrays[i];

		for (uint32 r = 0; is_walked(meta, i) && r < array->run_count; r++)
		{
			uint32 end = array->runs[r].first_block + array->runs[r].block_count;
			BlockNumber first = storage_block_of_data_block(array->runs[r].first_block);
			BlockNumber after = Min(storage_block_of_data_block(end - 1) + 1, file_blocks);

			if (first < after)
				file_map_advise_recency(reader->map, first, after - first);
		}
	}
	reader->map->advised_blocks = meta->data_block_count;
}

/* Are pages of the first of the walked arrays missing, as far as some of them tell? */
static bool
is_map_cold(StorageReader *reader)
{
	const IndexMeta *meta = reader->meta;
	PageArrayId id = has_codes(meta) ? PAGE_ARRAY_CODES : PAGE_ARRAY_VECTORS;
	const PageArrayMeta *array = &meta->arrays[id];
	uint32 slots = Min(meta->ordinal_count, array->capacity);
	BlockNumber file_blocks = RelationGetNumberOfBlocks(reader->index);
	BlockNumber blocks[PROBE_PAGES];

	if (slots == 0)
		return false;
	for (uint32 i = 0; i < PROBE_PAGES; i++)
	{
		uint32 slot = (uint32) ((uint64) slots * i / PROBE_PAGES);

		blocks[i] = storage_block_of_data_block(page_array_place(array, slot).data_block);
		if (blocks[i] >= file_blocks)
			return true;
	}
	return file_map_count_resident(reader->map, blocks, PROBE_PAGES) < PROBE_PAGES;
}

void
cold_read_begin(StorageReader *reader)
{
	FileMap *map = reader->map;

	reader->rerank_cold = RelationGetRelid(reader->index) == rerank_cold_index;
	reader->cold = false;
	if (map == NULL)
		return;
	if (map->advised_blocks != reader->meta->data_block_count)
	{
		bool is_new = map->advised_blocks == 0;

		advise_walked_arrays(reader);
		if (is_new)
			map->cold = is_map_cold(reader);
	}
	reader->cold = map->cold;
}

void
storage_walk_begin(StorageReader *reader)
{
	if (reader->map == NULL)
		return;
	reader->cold = reader->map->cold;
	if (getrusage(RUSAGE_SELF, &reader->usage) != 0)
		memset(&reader->usage, 0, sizeof(reader->usage));
}

void
storage_walk_end(StorageReader *reader)
{
	FileMap *map = reader->map;
	struct rusage usage;
	long faults;
	long bytes;

	if (map == NULL || getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	faults = usage.ru_majflt - reader->usage.ru_majflt;
	bytes = (usage.ru_inblock - reader->usage.ru_inblock) * RUSAGE_BLOCK_BYTES;
	/* What was asked for ahead is no fault; and one fault reads more than its page. */
	if (map->cold && faults <= 1 && bytes <= 4096)
	{
		if (++map->calm_walks >= CALM_WALKS)
			map->cold = false;
		return;
	}
	map->calm_walks = 0;
	map->cold = map->cold || faults >= COLD_FAULTS;
}

bool
storage_batch_begin(StorageReader *reader, instr_time *start)
{
	bool timed = reader->batches % WARM_BATCHES_PER_TIMING == 0;

	/* A walk through the map that is cold stays so to its end. */
	if (reader->cold)
		timed = reader->map == NULL;
	reader->batches++;
	if (timed)
		INSTR_TIME_SET_CURRENT(*start);
	return timed;
}

static bool
waited_since(instr_time start)
{
	instr_time elapsed;

	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, start);
	return INSTR_TIME_GET_MICROSEC(elapsed) > COLD_BATCH_US;
}

void
storage_batch_end(StorageReader *reader, instr_time start)
{
	reader->cold = waited_since(start);
}

static void
read_rerank_batch(StorageReader *reader, const uint32 *ordinals, uint32 count, const void **slots,
				  MappedReadSection section, void *argument)
{
	instr_time start;

	if (reader->rerank_cold && count > 1)
		reader->store->prefetch(reader, PAGE_ARRAY_VECTORS, ordinals, count);
	INSTR_TIME_SET_CURRENT(start);
	storage_fetch(reader, PAGE_ARRAY_VECTORS, ordinals, count, slots);
	storage_reader_run(reader, section, argument);
	reader->rerank_cold = waited_since(start);
	rerank_cold_index = reader->rerank_cold ? RelationGetRelid(reader->index) : InvalidOid;
}

void
storage_read_batch(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
				   const void **slots, MappedReadSection section, void *argument)
{
	instr_time start;
	bool timed;

	if (array == PAGE_ARRAY_VECTORS && has_codes(reader->meta))
	{
		read_rerank_batch(reader, ordinals, count, slots, section, argument);
		return;
	}
	/* Even a single slot through the map: its page alone, not what lies around it. */
	if (reader->cold && (count > 1 || reader->map != NULL))
		reader->store->prefetch(reader, array, ordinals, count);
	timed = storage_batch_begin(reader, &start);
	storage_fetch(reader, array, ordinals, count, slots);
	storage_reader_run(reader, section, argument);
	if (timed)
		storage_batch_end(reader, start);
}

/* A batch of slots, copied in a section that may be left */
typedef struct CopySection
{
	const void *slots[STORAGE_MAX_BATCH];
	uint32 count;
	Size slot_size;
	Size stride;
	char *copies;
} CopySection;

static void
copy_slots(void *argument)
{
	const CopySection *section = argument;

	for (uint32 i = 0; i < section->count; i++)
		memcpy(section->copies + i * section->stride, section->slots[i], section->slot_size);
}

void
storage_read_copies(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
					Size stride, char *copies)
{
	CopySection section = {.slot_size = reader->meta->arrays[array].slot_size, .stride = stride};

	for (uint32 first = 0; first < count; first += STORAGE_MAX_BATCH)
	{
		section.count = Min(count - first, STORAGE_MAX_BATCH);
		section.copies = copies + first * stride;
		storage_read_batch(reader, array, ordinals + first, section.count, section.slots,
						   copy_slots, &section);
	}
}

void
storage_read_run(StorageReader *reader, PageArrayId array, uint32 first, uint32 count,
				 const void **slots, MappedReadSection section, void *argument)
{
	instr_time start;
	bool timed;

	if (reader->cold && reader->map != NULL)
		storage_prefetch_run(reader, array, first, count);
	for (uint32 i = 0; unlikely(reader->page_count != NULL) && i < count; i++)
		storage_note_slots(reader, array, &(uint32){first + i}, 1);
	timed = storage_batch_begin(reader, &start);
	reader->store->fetch_run(reader, array, first, count, slots);
	storage_reader_run(reader, section, argument);
	if (timed)
		storage_batch_end(reader, start);
}

/* Slots of one run, settled: one range of the file. */
static void
prefetch_mapped_range(StorageReader *reader, const PageArrayMeta *array, uint32 first, uint32 last)
{
	SlotPlace from = page_array_place(array, first);
	SlotPlace to = page_array_place(array, last);
	BlockNumber block = storage_block_of_data_block(from.data_block);
	uint32 to_end = to.offset + array->slot_size;
	Size end = (Size) (storage_block_of_data_block(to.data_block) - block) * BLCKSZ + to_end +
			   (Size) ((to_end - 1) / STORAGE_PAYLOAD_SIZE) * (BLCKSZ - STORAGE_PAYLOAD_SIZE);

	file_map_prefetch(reader->map, block, STORAGE_PAYLOAD_OFFSET + from.offset, end - from.offset);
}

void
storage_prefetch_run(StorageReader *reader, PageArrayId array_id, uint32 first, uint32 count)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	bool in_one_range = reader->map != NULL && reader->settle.everything_settled;
	uint32 step = reader->map == NULL ? Max(array->slots_per_page, 1) : 1;
	uint32 ordinals[STORAGE_MAX_BATCH];
	uint32 batch = 0;

	if (count > 0 && in_one_range &&
		page_array_find_run(array, first) == page_array_find_run(array, first + count - 1))
	{
		prefetch_mapped_range(reader, array, first, first + count - 1);
		return;
	}
	/* Through buffers, one slot of each page, and the last one */
	for (uint32 at = 0; at < count; at += step)
	{
		ordinals[batch++] = first + at;
		if (batch == STORAGE_MAX_BATCH)
		{
			reader->store->prefetch(reader, array_id, ordinals, batch);
			batch = 0;
		}
	}
	if (count > 0)
		ordinals[batch++] = first + count - 1;
	reader->store->prefetch(reader, array_id, ordinals, batch);
}
