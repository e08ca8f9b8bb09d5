/*
 * storage/vector_store.h
 *		How a scan reads slots: through shared buffers or through a memory map.
 *
 * A StorageReader is one scan's (or one insert's) access to the page arrays of
 * an index.  Its VectorStoreRoutine is chosen when it begins, from the index's
 * `storage` option and from what is safe (design, section 5); a reader of the
 * mmap store still takes slots of groups that are not settled from shared
 * buffers.
 *
 * Slots are fetched in batches.  A batch is resolved to addresses first; the
 * caller then reads them inside storage_reader_run(), which guards a mapped
 * read against SIGBUS and is a plain call otherwise.  Addresses are valid until
 * the next fetch on the same reader, or storage_reader_release_pins().
 *
 * A reader without a snapshot may be told of a slot (an edge read from a buffer) that
 * was written after the verdict on its group.  New ordinals are known by their
 * number and read from buffers.  A freed ordinal that another insert has taken since
 * storage_reader_begin or _refresh may show, through the map, what its slot held
 * before: so what such a reader reads is advice, and is looked at again in buffers
 * where more than a choice of neighbors hangs on it.
 */
#ifndef STORAGE_VECTOR_STORE_H
#define STORAGE_VECTOR_STORE_H

#include <sys/resource.h>

#include "portability/instr_time.h"
#include "storage/file_map.h"
#include "storage/page_array.h"
#include "storage/settle_map.h"
#include "utils/snapshot.h"

typedef enum StorageKind
{
	STORAGE_BUFFER_POOL = 0,
	STORAGE_MMAP = 1
} StorageKind;

typedef enum WarmupKind
{
	WARMUP_NONE = 0,
	WARMUP_PREFETCH = 1,
	WARMUP_LOCK = 2
} WarmupKind;

/* Most slots of one fetch */
#define STORAGE_MAX_BATCH 64

struct StorageReader;
struct PinCache;

typedef struct VectorStoreRoutine
{
	StorageKind kind;
	const char *name;

	/* Acquire and free what the store needs beyond the reader itself. */
	void (*begin)(struct StorageReader *reader);
	void (*end)(struct StorageReader *reader);

	/*
	 * Resolve `count` (at most STORAGE_MAX_BATCH) slots to addresses of whole slots.  Ordinals
	 * are below the array's capacity (the caller has checked).  May take pins, never keeps a lock.
	 */
	void (*fetch)(struct StorageReader *reader, PageArrayId array, const uint32 *ordinals,
				  uint32 count, const void **slots);

	/* The same for `count` consecutive slots. */
	void (*fetch_run)(struct StorageReader *reader, PageArrayId array, uint32 first, uint32 count,
					  const void **slots);

	/* Start reading the pages of these slots; a hint. */
	void (*prefetch)(struct StorageReader *reader, PageArrayId array, const uint32 *ordinals,
					 uint32 count);
} VectorStoreRoutine;

typedef struct StorageReader
{
	Relation index;
	const VectorStoreRoutine *store;
	const char *reason;	   /* why this store, in words, for vectorstore_index_info */
	IndexMeta *meta;	   /* the reader's own copy, as of begin or refresh */
	MemoryContext context; /* everything below lives there */
	bool guarded;		   /* slots may be mapped: reads need mapped_read_call */
	bool live;			   /* no snapshot */
	uint32 mapped_limit;   /* slots from here on are not read through the map */
	bool copy_out;		   /* buffer slots are copied under a share lock (recovery, few buffers) */

	SettleView settle; /* mmap */
	FileMap *map;	   /* mmap */

	struct PinCache *pins; /* both: slots that are read through buffers */
	bool peeks;			   /* without pins where that may be (storage/buffer_peek.h) */
	uint32 looks;		   /* so far */
	char *scratch;		   /* copies of this batch's slots */
	Size scratch_size;
	bool cold;					  /* what walks read is asked for ahead (storage/cold_read.c) */
	bool rerank_cold;			  /* and so are raw vectors that are read beside codes */
	uint32 batches;				  /* read so far */
	struct PageCount *page_count; /* while pages are counted (storage/page_count.h) */
	struct rusage usage;		  /* of this process, when the walk began */
} StorageReader;

/*
 * The store that reads of this index use now, and why.  `wanted` is the index's option (this layer
 * does not know options); `snapshot` is the scan's (NULL = an insert or vacuum, which may use the
 * map for what is settled at the moment it reads).
 */
extern StorageKind
storage_effective_kind(Relation index, StorageKind wanted, Snapshot snapshot, const char **reason);

/* Begin reading; memory in the current context, which the reader must not outlive.  A snapshot
 * must have been taken before. */
extern StorageReader *storage_reader_begin(Relation index, StorageKind wanted, Snapshot snapshot);
/*
 * What the reader reads is advice: slots may be copied out of shared buffers without pins and locks
 * (storage/buffer_peek.h), but for those that buffer_pool_copy_slot reads.
 */
extern void storage_reader_set_advisory(StorageReader *reader);
/* A slot was written by this backend: the reader shows it as it is now. */
extern void storage_reader_slot_written(StorageReader *reader, PageArrayId array, uint32 ordinal);
/* Takes a new look at metapage and settle map; for a rescan. */
extern void storage_reader_refresh(StorageReader *reader);
/* Learn of ordinals and runs that were added since, without a new look at what is settled. */
extern void storage_reader_learn_growth(StorageReader *reader);
extern void storage_reader_release_pins(StorageReader *reader);
extern void storage_reader_end(StorageReader *reader);

/*
 * ERROR (ERRCODE_INDEX_CORRUPTED) unless the ordinal has been handed out; looks at the metapage
 * again before it complains, since an insert may have added it meanwhile.
 */
extern void storage_reader_check_ordinal_slow(StorageReader *reader, uint32 ordinal);

static inline void
storage_reader_check_ordinal(StorageReader *reader, uint32 ordinal)
{
	if (unlikely(ordinal >= reader->meta->ordinal_count))
		storage_reader_check_ordinal_slow(reader, ordinal);
}

/* Of a reader that counts pages: these slots are read. */
extern void
storage_note_slots(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count);

static inline void
storage_fetch(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
			  const void **slots)
{
	if (unlikely(reader->page_count != NULL))
		storage_note_slots(reader, array, ordinals, count);
	reader->store->fetch(reader, array, ordinals, count, slots);
}

/*
 * Ask for the cache lines of a slot that is read soon.  Into the second cache: a batch's lines are
 * more than the first one can have under way.
 */
static inline void
storage_touch(const char *slot, uint32 bytes)
{
	for (uint32 at = 0; at < bytes - 1; at += PG_CACHE_LINE_SIZE / 2)
		__builtin_prefetch(slot + at, 0, 2);
	/* A slot that starts inside of a line reaches into one line more. */
	__builtin_prefetch(slot + bytes - 1, 0, 2);
}

/* The same for a slot in the map, where that takes no more than arithmetic: when all is settled. */
static inline void
storage_touch_slot(StorageReader *reader, PageArrayId array_id, uint32 ordinal)
{
	const PageArrayMeta *array = &reader->meta->arrays[array_id];
	SlotPlace place;

	if (reader->map == NULL || !reader->settle.everything_settled)
		return;
	place = page_array_place(array, ordinal);
	storage_touch(file_map_page(reader->map, storage_block_of_data_block(place.data_block)) +
					  STORAGE_PAYLOAD_OFFSET + place.offset,
				  place.first);
}

/* Run a section that reads fetched slots. */
static inline void
storage_reader_run(StorageReader *reader, MappedReadSection section, void *argument)
{
	if (reader->guarded)
		mapped_read_call(section, argument);
	else
		section(argument);
}

/*
 * Around a walk: the stretch of a search that reads lists and codes, without the re-ranking.  Tells
 * whether the next one asks for pages ahead (storage/cold_read.c).
 */
extern void storage_walk_begin(StorageReader *reader);
extern void storage_walk_end(StorageReader *reader);

/*
 * Fetch a batch and run the section that reads it.  As long as batches wait for the disk, each one's
 * pages are asked for together before the first is read.
 */
extern void
storage_read_batch(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
				   const void **slots, MappedReadSection section, void *argument);

/*
 * The timing of a batch of what a walk reads, in another way: whether this one is timed, and when it began;
 * its end, if it is.  To be read by storage_read_batch() as long as reader->cold.
 */
extern bool storage_batch_begin(StorageReader *reader, instr_time *start);
extern void storage_batch_end(StorageReader *reader, instr_time start);

/* Copy any number of slots out, batch by batch: slot i to copies + i * stride. */
extern void storage_read_copies(StorageReader *reader, PageArrayId array, const uint32 *ordinals,
								uint32 count, Size stride, char *copies);

/* The same for `count` (at most STORAGE_MAX_BATCH) consecutive slots. */
extern void storage_read_run(StorageReader *reader, PageArrayId array, uint32 first, uint32 count,
							 const void **slots, MappedReadSection section, void *argument);

/* Start reading the pages of `count` consecutive slots; a hint. */
extern void
storage_prefetch_run(StorageReader *reader, PageArrayId array, uint32 first, uint32 count);

/*
 * Copy the first `size` bytes of one slot out (consistent under a share lock where it is read through
 * buffers).
 */
extern void storage_copy_head(StorageReader *reader, PageArrayId array, uint32 ordinal, uint32 size,
							  void *slot);
extern void storage_copy_slot(StorageReader *reader, PageArrayId array, uint32 ordinal, void *slot);

/*
 * The same for a slot that must be whole also where it is changed in place meanwhile: a copy made
 * through the map counts only if the slot's group is settled still.
 */
extern void storage_copy_head_whole(StorageReader *reader, PageArrayId array, uint32 ordinal,
									uint32 size, void *slot);
extern void
storage_copy_slot_whole(StorageReader *reader, PageArrayId array, uint32 ordinal, void *slot);

/* For the stores: consecutive slots fetched like any others. */
extern void storage_fetch_run_singly(StorageReader *reader, PageArrayId array, uint32 first,
									 uint32 count, const void **slots);
/* For the stores: room for copies of one batch's slots, at least `size` bytes. */
extern char *storage_reader_scratch(StorageReader *reader, Size size);
/* Copy the first `size` bytes of a slot out through shared buffers, each page under a share lock. */
extern void buffer_pool_copy_head(StorageReader *reader, PageArrayId array, uint32 ordinal,
								  uint32 size, char *slot);
/* The same of all of it */
extern void
buffer_pool_copy_slot(StorageReader *reader, PageArrayId array, uint32 ordinal, char *slot);

extern const VectorStoreRoutine *vector_store_routine(StorageKind kind);
extern const VectorStoreRoutine buffer_pool_store;
extern const VectorStoreRoutine mmap_store;

#endif
