/*
 * hnsw/hnsw.h
 *		The hnsw index method from the inside: what its files offer one another.
 *
 * Algorithm numbers are those of Malkov and Yashunin, "Efficient and robust
 * approximate nearest neighbor search using Hierarchical Navigable Small World
 * graphs" (arXiv 1603.09320).
 */
#ifndef HNSW_HNSW_H
#define HNSW_HNSW_H

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"

#include "hnsw/hnsw_page.h"
#include "index/candidate_heap.h"
#include "index/index_type.h"
#include "index/options.h"
#include "index/visited_set.h"

#define HNSW_DEFAULT_M				 16
#define HNSW_MIN_M					 2
#define HNSW_MAX_M					 100
#define HNSW_DEFAULT_EF_CONSTRUCTION 64
#define HNSW_MIN_EF_CONSTRUCTION	 4
#define HNSW_MAX_EF_CONSTRUCTION	 1000
#define HNSW_DEFAULT_EF_SEARCH		 40
#define HNSW_MIN_EF_SEARCH			 1
#define HNSW_MAX_EF_SEARCH			 1000
#define HNSW_DEFAULT_MAX_SCAN_TUPLES 20000

/* Values of the option codes: where an index keeps its codes */
typedef enum HnswCodes
{
	HNSW_CODES_AUTO = 0,
	HNSW_CODES_DENSE = 1, /* in an array of their own */
	HNSW_CODES_EDGES = 2  /* beside the edges that lead to their nodes */
} HnswCodes;

typedef struct HnswOptions
{
	IndexOptions common;
	int m;
	int ef_construction;
	int codes; /* HnswCodes */
} HnswOptions;

/* hnsw_options.c: reloptions and hnsw.* settings */
extern void hnsw_init(void); /* from _PG_init */
extern bytea *hnsw_options(Datum reloptions, bool validate);
extern int hnsw_m_option(Relation index);
extern int hnsw_ef_construction_option(Relation index);
extern HnswCodes hnsw_codes_option(Relation index);
/* The codes of an index that is built over so many rows (0: over none yet). */
extern QuantizerKind hnsw_quantizer_option(Relation index, const IndexType *type, double rows);
extern int hnsw_ef_search_setting(void);
extern IterativeScan hnsw_iterative_scan_setting(void);
extern int hnsw_max_scan_tuples_setting(void);
extern Size hnsw_scan_memory_setting(void); /* work_mem * hnsw.scan_mem_multiplier, in bytes */

/* hnsw_graph.c: arithmetic on the graph, for build, insert and vacuum */

/* A level for a new node: floor(-ln(unif(0,1)) / ln(m)), below HNSW_MAX_LEVEL (Algorithm 1). */
extern int hnsw_draw_level(double uniform, uint16 m);

/* distances[i] = distance(from, to[i]), of vectors or codes in their slots */
typedef void (*HnswMeasure)(void *argument, const void *from, const void *const *to, uint32 count,
							float *distances);

/* The one for vectors; the argument is their IndexType. */
extern void hnsw_measure_vectors(void *argument, const void *from, const void *const *to,
								 uint32 count, float *distances);

/*
 * Algorithm 4 (select neighbors, heuristic): of `count` candidates, nearest first, at most `max`
 * that are nearer to the base than to any candidate chosen before; if they are fewer than `fill`
 * (at most `max`), the nearest discarded ones make up that number.  slots[i] is what is measured of
 * candidates[i].  Writes the indexes of the chosen ones, nearest first, to `chosen` and returns
 * their number.  spare[i], where `spare` is not NULL and count is above max: the i-th chosen one was
 * discarded, and is there only to make up the number.  No allocation.
 */
extern uint32
hnsw_select_neighbors_filled(HnswMeasure measure, void *argument, const Candidate *candidates,
							 const void *const *slots, uint32 count, uint32 max, uint32 fill,
							 uint32 *chosen, bool *spare);

/*
 * Of `count` candidates the one that Algorithm 4 leaves out of a list of count - 1: the furthest that
 * it discards, or the furthest of all where it discards none.  Only what decides that is measured.
 */
extern uint32 hnsw_find_dropped(HnswMeasure measure, void *argument, const Candidate *candidates,
								const void *const *slots, uint32 count);

/*
 * Choosing for a list that keeps what it has: `chosen_vectors` are the vectors of its `kept` members,
 * with room for `max`; writes the indexes of those candidates that make it up to `max`, and returns
 * their number.
 */
extern uint32
hnsw_extend_neighbors(const IndexType *type, const Candidate *candidates,
					  const void *const *vectors, uint32 count, const void **chosen_vectors,
					  uint32 kept, uint32 max, uint32 *chosen);

/* hnsw_meta.c: the metapage and geometry of an index to be built */
extern void hnsw_meta_init(Relation index, const IndexType *type, IndexMeta *meta);

/* What depends on the number of rows, once that is known; before any code or node is written. */
extern void hnsw_meta_set_rows(Relation index, const IndexType *type, double rows, IndexMeta *meta);

/* ERROR (ERRCODE_INDEX_CORRUPTED) where a metapage does not fit the index's column or itself. */
extern void hnsw_meta_check(Relation index, const IndexType *type, const IndexMeta *meta);

/* hnsw_build.c */
extern IndexBuildResult *hnsw_build(Relation heap, Relation index, IndexInfo *index_info);
extern void hnsw_build_empty(Relation index);

/* hnsw_insert.c */
extern bool
hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
			IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info);

/* hnsw_scan.c */
extern IndexScanDesc hnsw_begin_scan(Relation index, int nkeys, int norderbys);
extern void
hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);

/* hnsw_vacuum.c */
extern IndexBulkDeleteResult *
hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				 IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *
hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* hnsw_cost.c */
extern void hnsw_cost_estimate(struct PlannerInfo *root, struct IndexPath *path, double loop_count,
							   Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
							   double *correlation, double *pages);

#endif
