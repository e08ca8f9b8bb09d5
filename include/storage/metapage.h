/*
 * storage/metapage.h
 *		Block 0: what the index is, where its arrays lie, which ordinals are
 *		free, and what the settle map's stamps are worth.
 *
 * The metapage is always read through shared buffers.  A backend keeps a copy
 * of it in rd_amcache (storage_meta_get); `layout_version` tells whether the
 * copy's runs are still the ones on the page.  Fields below "live" are to be
 * read from the page when they matter.
 *
 * Lock order, everywhere: array page, metapage, settle map page.
 */
#ifndef STORAGE_METAPAGE_H
#define STORAGE_METAPAGE_H

#include "access/xlogdefs.h"
#include "storage/buf.h"
#include "storage/page.h"
#include "utils/relcache.h"

#define STORAGE_MAGIC		   0x56535458
#define STORAGE_FORMAT_VERSION 2

/* "No ordinal": the end of the free list, an absent neighbor, an empty index's entry point */
#define INVALID_ORDINAL ((uint32) 0xFFFFFFFF)
/* Ordinals are below this */
#define MAX_ORDINAL ((uint32) 0xFFFFFF00)

typedef enum IndexMethod
{
	INDEX_METHOD_HNSW = 1,
	INDEX_METHOD_IVF = 2
} IndexMethod;

/* Page arrays, by number.  Slots of VECTORS, CODES and a method's nodes that belong together have
 * the same ordinal. */
typedef enum PageArrayId
{
	PAGE_ARRAY_VECTORS = 0,	   /* raw vectors */
	PAGE_ARRAY_CODES = 1,	   /* quantized codes; absent with quantizer none */
	PAGE_ARRAY_METHOD_0 = 2,   /* hnsw: nodes; ivf: entries */
	PAGE_ARRAY_METHOD_1 = 3,   /* hnsw: neighbors of upper levels; ivf: extents */
	PAGE_ARRAY_METHOD_2 = 4,   /* hnsw: vectors longer than their slots; ivf: centroids */
	PAGE_ARRAY_PARAMETERS = 5, /* a quantizer's trained parameters */
	PAGE_ARRAY_COUNT = 6
} PageArrayId;

#define PAGE_ARRAY_MAX_RUNS 100

/* Consecutive data blocks that hold consecutive slots */
typedef struct PageRun
{
	uint32 first_slot;
	uint32 first_block; /* data block number */
	uint32 block_count;
} PageRun;

typedef struct PageArrayMeta
{
	uint32 slot_size;	   /* bytes; 0 = the array does not exist */
	uint32 slots_per_page; /* 0 = slots are packed end to end over the pages */
	uint32 capacity;	   /* slots in all runs */
	uint32 run_count;
	PageRun runs[PAGE_ARRAY_MAX_RUNS];
} PageArrayMeta;

/* The bytes of a method's own in the metapage */
#define METHOD_META_SIZE 128

typedef struct IndexMeta
{
	uint32 magic;
	uint16 format_version;
	uint16 method; /* IndexMethod */
	uint32 dimensions;
	uint16 element_type;	  /* 0 = float32 vector */
	uint16 metric;			  /* DistanceMetric */
	uint16 quantizer;		  /* QuantizerKind */
	uint16 ordinals_per_code; /* in a slot of PAGE_ARRAY_CODES: 1, or a block of them */
	uint32 layout_version;	  /* goes up with every change of the runs */

	/* live */
	uint32 data_block_count; /* data blocks that belong to runs */
	uint32 ordinal_count;	 /* ordinals ever handed out */
	uint32 free_head;		 /* newest freed ordinal, INVALID_ORDINAL if none */
	uint32 free_count;

	/* What the stamps are worth (storage/settle_map.h) */
	uint32 locator_tablespace;
	uint32 locator_database;
	uint32 locator_relation;
	uint32 build_tli;		 /* 0 = stamp 0 does not mean settled */
	XLogRecPtr build_lsn;	 /* WAL position at the end of the build */
	XLogRecPtr base_stamp;	 /* every group has at least this stamp */
	XLogRecPtr newest_stamp; /* no group has a higher one */

	char method_meta[METHOD_META_SIZE]; /* HnswMeta or IvfMeta; 8-byte aligned */

	PageArrayMeta arrays[PAGE_ARRAY_COUNT];
} IndexMeta;

StaticAssertDecl(sizeof(IndexMeta) <= STORAGE_PAYLOAD_SIZE, "metapage must fit a page");

#define StorageMetaPageGet(page) ((IndexMeta *) storage_page_payload(page))

/*
 * The index's metadata: a copy that lives in rd_amcache, refreshed from the metapage by this call.
 * Magic, version, geometry (every run lies within data_block_count, slots add up) are checked;
 * ERROR (ERRCODE_INDEX_CORRUPTED, with a hint to REINDEX) otherwise.  The pointer is valid until
 * the next relcache invalidation that is accepted, so not across a call that may open a relation.
 */
extern const IndexMeta *storage_meta_get(Relation index);

/* Copy metadata without the room of runs that are not in use. */
extern void storage_meta_copy(IndexMeta *to, const IndexMeta *from);

/* The same, of a metapage that the caller has locked: checks it and returns it in place. */
extern IndexMeta *storage_meta_of_page(Relation index, Page page);

/* Read the metapage's buffer, locked in `mode` (BUFFER_LOCK_*); the caller releases it. */
extern Buffer storage_meta_read_buffer(Relation index, int lock_mode);

#endif
