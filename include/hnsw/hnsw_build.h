/*
 * hnsw/hnsw_build.h
 *		What the files of the hnsw build share: the graph under construction, and
 *		one process's part in its construction.
 *
 *		hnsw_build.c           the pipeline: load, encode, graph, write
 *		hnsw_build_load.c      rows in locality order -> vectors, TIDs of nodes
 *		hnsw_build_rows.c      heap rows -> files by cell of locality, by all processes
 *		hnsw_build_encode.c    vectors -> codes, by all processes
 *		hnsw_build_codes.c     what is measured, and where it lies
 *		hnsw_build_fit.c       whether codes made for the build alone would do
 *		hnsw_build_edges.c     the memory of the edges laid out
 *		hnsw_build_order.c     in which order nodes are inserted, and by whom
 *		hnsw_build_graph.c     insertion of a node into the graph: its search
 *		hnsw_build_link.c      selection of its neighbors, and links back
 *		hnsw_build_parallel.c  workers
 *		hnsw_build_write.c     edges -> nodes and upper slots
 *
 * A node whose vector equals that of the ordinal before it (its row's TID found
 * no room in that node) is a "continuation".  It is not inserted: the write at
 * the end chains it behind that node.  So a great number of equal vectors costs
 * nothing, and can't cut the graph in pieces.
 */
#ifndef HNSW_HNSW_BUILD_H
#define HNSW_HNSW_BUILD_H

#include "port/atomics.h"
#include "storage/buffile.h"
#include "storage/lwlock.h"

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_progress.h"
#include "index/build_memory.h"
#include "index/built_array.h"
#include "index/bulk_write.h"
#include "index/row_assign.h"

/* Locks of neighbor lists: a list's is that of its node's ordinal modulo this number */
#define HNSW_BUILD_LOCKS 1024

/* Most nodes that the search for a node's neighbors begins with */
#define HNSW_BUILD_STARTS 32

/* Codes that a build makes for itself, of a quantizer without parameters */
#define HNSW_BUILD_OWN_QUANTIZER QUANTIZER_SQ8

/* HnswEdges.uppers: a node of level 0 alone, and a continuation */
#define HNSW_UPPER_NONE			INVALID_ORDINAL
#define HNSW_UPPER_CONTINUATION (INVALID_ORDINAL - 1)

/*
 * The edges.  All of it lies in one piece of memory whose bytes were all 0xFF at the start, so that
 * an absent neighbor is INVALID_ORDINAL; a list ends with the first one.
 */
typedef struct HnswEdges
{
	uint32 node_count;
	uint32 upper_count; /* slots of upper levels */
	uint32 m;
	uint32 *neighbors; /* level 0: 2m of each node */
	uint32 *uppers;	   /* of each node: first slot of its upper levels, or HNSW_UPPER_* */
	uint32 *slots;	   /* upper levels: the node's level, then m neighbors, of each slot */
	float *distances;  /* of each neighbor of each list, from the list's node (hnsw_build_link.c) */
	uint32 *spares;	   /* a bit for each neighbor of each list (hnsw_build_link.c) */
	uint8 *in_degrees; /* scratch of hnsw_build_link_lost_nodes(), a byte for each node */
} HnswEdges;

/* What processes share while they build */
typedef struct HnswBuildShared
{
	pg_atomic_uint64 entry;		 /* level << 32 | ordinal; PG_UINT64_MAX = no node yet */
	pg_atomic_uint64 next_claim; /* of the insertion order (hnsw_build_graph.c) */
	pg_atomic_uint64 done;		 /* nodes done */
	int tranche;
	LWLockPadded entry_lock; /* held while a node above the entry point's level is inserted */
	LWLockPadded locks[HNSW_BUILD_LOCKS];
} HnswBuildShared;

/* One process's means to insert nodes; hnsw_build_graph.c knows the rest. */
typedef struct HnswInserter HnswInserter;

/* One representation of the vectors: the index's own, or the build's */
typedef struct HnswBuildCodes
{
	const QuantizerRoutine *quantizer; /* "none": these are the vectors */
	const void *parameters;			   /* the quantizer's, NULL if it has none */
	BuiltArray codes;
} HnswBuildCodes;

/* Everything that an inserter needs to know of the index */
typedef struct HnswBuildSource
{
	IndexType type;
	uint32 ef_construction;
	BuiltArray vectors;
	HnswBuildCodes searched; /* what searches measure */
	HnswBuildCodes
		compared;		 /* what selection measures: codes that can be compared, or raw vectors */
	bool has_locality;	 /* ordinals are in locality order */
	bool measures_links; /* links measure what the search did not find (hnsw_build_link.c) */
} HnswBuildSource;

/* One build, in the process that runs it */
typedef struct HnswBuild
{
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	IndexType type;
	IndexMeta *meta;
	BulkWriter *writer;
	FileMap *map;
	double heap_rows;	 /* rows seen */
	double indexed_rows; /* rows with a node */

	/* A record of each node, in order of ordinals: HnswNodeRecord, then its TIDs */
	BufFile *nodes;
	uint32 node_count;
	uint32 upper_count; /* upper slots that the nodes take */

	MemoryContext codes_context; /* of codes that lie outside of the index */
	bool has_own_codes;
	BuildMemory own_codes;
	bool has_copied_codes;
	BuildMemory copied_codes;
	BuildMemory edges_memory;
	HnswEdges edges;
	void *parameters; /* the quantizer's, NULL if it has none */
	HnswBuildSource source;
	uint64 entry; /* of the graph, as in HnswBuildShared */
} HnswBuild;

typedef struct HnswNodeRecord
{
	uint8 tid_count;
	uint8 continuation;
	ItemPointerData tids[HNSW_NODE_TIDS];
} HnswNodeRecord;

/* hnsw_build_codes.c: what searches and selection measure */
/* The index's own; `map` must be held as long as the source is used. */
extern void hnsw_build_source_init(HnswBuildSource *source, const IndexType *type,
								   const IndexMeta *meta, FileMap *map, const void *parameters);

/* Let the graph be built with 8-bit codes that the index does not keep, in memory at `codes`. */
extern void hnsw_build_source_use_codes(HnswBuildSource *source, const char *codes);
/* Whether the index's codes don't serve its build, and bytes of codes for the build alone. */
extern bool hnsw_build_needs_own_codes(const HnswBuild *build);
extern Size hnsw_build_own_codes_size(const HnswBuild *build);
/* Whether searches read the index's codes; and let a source read a copy of them at `codes`. */
extern bool hnsw_build_searches_index_codes(const HnswBuild *build);
extern void hnsw_build_source_use_copies(HnswBuildSource *source, const char *codes);
/* Look at the vectors for what decides whether links measure. */
extern void hnsw_build_learn_lengths(HnswBuild *build);
/* Free both own codes and copies. */
extern void hnsw_build_free_codes(HnswBuild *build);

/* hnsw_build_encode.c: write the index's codes, and make those that the build needs in the part of
 * maintenance_work_mem that the edges leave or a file; what the source measures is known then. */
extern void hnsw_build_encode(HnswBuild *build);

/* hnsw_build_fit.c: whether own codes tell vectors apart, by a sample of them; not for those that vary
 * in size */
extern bool hnsw_build_codes_fit(const HnswBuild *build, const BuiltArray *vectors);
/* Before codes are made: let an index that may choose have none that don't. */
extern void hnsw_build_check_quantizer(HnswBuild *build);

/* hnsw_build_load.c: rows in locality order; vectors and node records written */
extern void hnsw_build_load(HnswBuild *build);
/* Read the next record of build->nodes; hnsw_build_rewind_nodes() goes back to the first. */
extern void hnsw_build_rewind_nodes(HnswBuild *build);
extern void hnsw_build_read_node(HnswBuild *build, HnswNodeRecord *record);

/* hnsw_build_rows.c: the heap's rows in locality order; not for vectors of varying size */
typedef struct HnswRows HnswRows;
/* Take the sample, launch workers, if it is worth it, and train the cells. */
extern HnswRows *hnsw_rows_begin(HnswBuild *build);
extern double hnsw_rows_estimate(const HnswRows *rows);
/* Read the heap, and count its rows in the build; the rows can be read until the end. */
extern RowPartitionReader *hnsw_rows_read(HnswRows *rows, HnswBuild *build, Size memory);
extern void hnsw_rows_end(HnswRows *rows);

/* hnsw_build_edges.c */
/* Bytes that the build's edges take */
extern Size hnsw_build_edges_size(const HnswBuild *build);
/* Get memory for the build's edges, fill it, and note levels and continuations of the nodes. */
extern void hnsw_build_create_edges(HnswBuild *build, bool parallel);
extern void
hnsw_edges_layout(HnswEdges *edges, char *memory, uint32 node_count, uint32 upper_count, uint16 m);

/* hnsw_build_write.c: nodes and upper slots from the finished edges */
extern void hnsw_build_write_graph(HnswBuild *build);

/* hnsw_build_parallel.c */
/* How many workers the graph of this build is worth and may have. */
extern int hnsw_build_count_workers(HnswBuild *build);
/* Insert all nodes, with the help of workers; sets build->entry. */
extern void hnsw_build_insert_nodes(HnswBuild *build, int workers);

/* hnsw_build_graph.c */
extern HnswInserter *hnsw_inserter_create(const HnswBuildSource *source, const HnswEdges *edges,
										  HnswBuildShared *shared, bool parallel);
/* `starts`: nodes in the graph (at most HNSW_BUILD_STARTS) that are near by their ordinals, if any. */
extern void
hnsw_inserter_insert(HnswInserter *inserter, uint32 ordinal, const uint32 *starts, uint32 count);

/* hnsw_build_lost.c: make an edge lead to every node; when nobody inserts any more */
extern void hnsw_build_link_lost_nodes(HnswBuild *build);

/* hnsw_build_order.c */
extern void hnsw_build_shared_init(HnswBuildShared *shared, int tranche);
/* Level of a node: drawn from its ordinal. */
extern int hnsw_build_level(uint32 ordinal, uint16 m);
/* Rounds of the insertion order. */
extern int hnsw_build_rounds(uint32 node_count);
/* Insert the nodes that no other process claims, of all rounds before `end_round`; one process alone
 * may stop before the last of them.  `progress` may be NULL. */
extern void
hnsw_build_insert_rounds(HnswInserter *inserter, const HnswEdges *edges, HnswBuildShared *shared,
						 int end_round, void (*progress)(HnswBuildShared *shared));

static inline uint32 *
hnsw_edges_list(const HnswEdges *edges, uint32 ordinal, int level)
{
	if (level == 0)
		return edges->neighbors + (size_t) ordinal * 2 * edges->m;
	return edges->slots + (size_t) (edges->uppers[ordinal] + level - 1) * (1 + edges->m) + 1;
}

/* Words of a list's bits */
static inline uint32
hnsw_edges_spare_words(uint32 m)
{
	return (2 * m + 31) / 32;
}

static inline uint32 *
hnsw_edges_spares(const HnswEdges *edges, uint32 ordinal, int level)
{
	size_t list =
		level == 0 ? ordinal : (size_t) edges->node_count + edges->uppers[ordinal] + level - 1;

	return edges->spares + list * hnsw_edges_spare_words(edges->m);
}

static inline float *
hnsw_edges_distances(const HnswEdges *edges, uint32 ordinal, int level)
{
	if (level == 0)
		return edges->distances + (size_t) ordinal * 2 * edges->m;
	return edges->distances + (size_t) edges->node_count * 2 * edges->m +
		   (size_t) (edges->uppers[ordinal] + level - 1) * edges->m;
}

static inline int
hnsw_edges_level(const HnswEdges *edges, uint32 ordinal)
{
	uint32 upper = edges->uppers[ordinal];

	return upper >= HNSW_UPPER_CONTINUATION ? 0
											: (int) edges->slots[(size_t) upper * (1 + edges->m)];
}

#endif
