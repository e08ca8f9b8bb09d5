/*
 * index/row_assign.h
 *		Heap rows of an index build to files by number: each row's nearest centroid,
 *		found for batches of rows, by all processes of the build.
 *
 * Each process reads of the heap what the others leave, and puts its rows into row
 * partitions.  The shared state holds what was found, in all processes together; it is
 * complete when the job in which they ran is done.
 */
#ifndef INDEX_ROW_ASSIGN_H
#define INDEX_ROW_ASSIGN_H

#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/spin.h"

#include "index/build_workers.h"
#include "index/centroid_table.h"
#include "index/index_type.h"
#include "index/row_partitions.h"

/* What the processes share */
typedef struct RowAssignShared
{
	RowPartitioning partitioning;
	bool has_files; /* rows go to `files`; else to files of the leader, who is alone */
	SharedFileSet files;

	pg_atomic_uint64 rows_done; /* for progress */
	slock_t mutex;				/* of the sums below, and of the counts of rows */
	double heap_rows;
	double indexed_rows;
	bool broken_hot_chain; /* IndexInfo.ii_BrokenHotChain of any process */
} RowAssignShared;

/* One process's part */
typedef struct RowAssigner
{
	/* The caller's to fill in */
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	IndexType type;
	RowAssignShared *shared;
	uint32 *counts;				/* rows of each number, in memory that the processes share */
	int process;				/* 0 = the leader */
	ParallelTableScanDesc scan; /* NULL: the process is alone */
	CentroidSearch *search;

	/* for row_assign.c */
	bool done;
	RowPartitionWriter *writer;
	CentroidTable table;
	uint32 batch;
	uint32 count;
	char *vectors;
	float *floats;
	const float **pointers;
	ItemPointerData *tids;
	uint32 *numbers;
	float *scores;
	double indexed_rows;
} RowAssigner;

/* The leader, in zeroed memory, when `partitioning` has been chosen */
extern void row_assign_shared_init(RowAssignShared *shared);
/* Then, where workers are to start from the segment (NULL: there are none after all) */
extern void row_assign_share_files(RowAssignShared *shared, dsm_segment *segment);
/* The relations, index_info and number of a worker's assigner */
extern void row_assigner_set_worker(RowAssigner *assigner, const BuildWorker *worker);
/* Memory from the current context */
extern void row_assigner_init(RowAssigner *assigner);

/* Read what others leave of the heap; rows get the numbers of centroids in the table. */
extern void row_assigner_run(RowAssigner *assigner, void *table_memory);

/* The leader, when all have run: how many rows the heap and the index have; notes in its index_info what
 * others have seen. */
extern void
row_assigner_count(const RowAssigner *assigner, double *heap_rows, double *indexed_rows);

/* The leader, when all have run: the rows in order, with about `memory` bytes; `processes` ran. */
extern RowPartitionReader *row_assigner_read(RowAssigner *assigner, int processes, Size memory);

#endif
