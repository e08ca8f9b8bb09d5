/*
 * ivf/ivf.h
 *		The ivf index method (access methods ivf and ivfflat) from the inside: what
 *		its files offer one another.
 *
 * Inverted file: rows are divided into lists by the nearest of a number of centroids;
 * a search scans the lists of the centroids nearest to the query (Sivic and Zisserman,
 * "Video Google", ICCV 2003; Jegou, Douze and Schmid, "Product quantization for nearest
 * neighbor search", PAMI 2011, section IV).
 */
#ifndef IVF_IVF_H
#define IVF_IVF_H

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"

#include "index/index_type.h"
#include "index/options.h"
#include "ivf/ivf_page.h"

#define IVF_MIN_LISTS		   1
#define IVF_MAX_LISTS		   32768
#define IVFFLAT_DEFAULT_LISTS  100
#define IVF_DEFAULT_LISTS	   0 /* chosen from the number of rows */
#define IVFFLAT_DEFAULT_PROBES 1
#define IVF_DEFAULT_PROBES	   10
#define IVF_DEFAULT_MAX_PROBES IVF_MAX_LISTS

/* The heavyweight page lock (LockPage) to add an extent; INDEX_INSERT_LOCK_PAGE is another. */
#define IVF_EXTEND_LOCK_PAGE 1

/* Where the sample of the training lies */
typedef enum TrainingStorage
{
	TRAINING_AUTO, /* MMAP where the sample exceeds maintenance_work_mem */
	TRAINING_MEMORY,
	TRAINING_MMAP /* a mapped temporary file */
} TrainingStorage;

typedef struct IvfOptions
{
	IndexOptions common;
	int lists; /* 0 = chosen from the number of rows */
	int training_storage;
} IvfOptions;

/* ivf_options.c: reloptions and settings of both access methods */
extern void ivf_init(void); /* from _PG_init */
extern bytea *ivf_options(Datum reloptions, bool validate);
extern bytea *ivfflat_options(Datum reloptions, bool validate);
/* Whether the index is of access method ivfflat. */
extern bool ivf_is_flat(Relation index);
extern int ivf_lists_option(Relation index);
extern TrainingStorage ivf_training_storage_option(Relation index);
extern QuantizerKind ivf_quantizer_option(Relation index, const IndexType *type);
/* ivfflat.probes or ivf.probes, and so on, as the index's access method has it */
extern int ivf_probes_setting(bool is_flat);
extern int ivf_max_probes_setting(bool is_flat);
extern IterativeScan ivf_iterative_scan_setting(bool is_flat);

/* ivf_meta.c: the metapage and geometry of an index to be built */
extern void ivf_meta_init(Relation index, const IndexType *type, IndexMeta *meta);
/* ERROR (ERRCODE_INDEX_CORRUPTED) where a metapage does not fit the index's column or itself. */
extern void ivf_meta_check(Relation index, const IndexType *type, const IndexMeta *meta);

/* ivf_build.c */
extern IndexBuildResult *ivf_build(Relation heap, Relation index, IndexInfo *index_info);
extern void ivf_build_empty(Relation index);
extern char *ivf_build_phase_name(int64 phase);

/* ivf_insert.c */
extern bool
ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
		   IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info);

/* ivf_vacuum.c */
extern IndexBulkDeleteResult *
ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *
ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* ivf_scan.c */
extern IndexScanDesc ivf_begin_scan(Relation index, int nkeys, int norderbys);
extern void
ivf_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool ivf_get_tuple(IndexScanDesc scan, ScanDirection direction);

/* ivf_cost.c */
extern void ivf_cost_estimate(struct PlannerInfo *root, struct IndexPath *path, double loop_count,
							  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);

/* ivf_check.c, for admin/ */
extern void ivf_check(Relation index, Relation table, bool strict);
/* "lists = 1000, ..." in the current memory context */
extern char *ivf_describe(const IndexMeta *meta);

/* Entries by what the extents tell of them; `in_use` counts those of dead rows too. */
typedef struct IvfEntryCounts
{
	uint32 in_use;
	uint32 freed;  /* by vacuum: free to be used again */
	uint32 unused; /* at the ends of extents, never used */
} IvfEntryCounts;

extern void ivf_count_entries(Relation index, IvfEntryCounts *counts);

#endif
