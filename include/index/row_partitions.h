/*
 * index/row_partitions.h
 *		Rows of an index build, sorted by a number that each has (its list or cell),
 *		through temporary files.
 *
 * Each process of the build that finds rows divides them by ranges of the number into
 * files of its own.  The leader then takes range after range, what all processes found of
 * it, into memory and hands the rows out in order.  So a row is written once and read
 * once, whatever the number of rows; a range that memory can't hold is read more than once, or
 * sorted through further files.
 *
 * The files are PostgreSQL's: temp_file_limit counts them, and they are gone after an
 * error, a cancel or a crash.
 */
#ifndef INDEX_ROW_PARTITIONS_H
#define INDEX_ROW_PARTITIONS_H

#include "storage/itemptr.h"
#include "storage/sharedfileset.h"

/* What all processes agree on */
typedef struct RowPartitioning
{
	uint32 number_count; /* numbers are below this */
	uint32 partition_count;
	uint32 vector_size;
	bool equal_together; /* equal vectors of a number are to follow one another */
} RowPartitioning;

/* Choose the partitions for about so many rows, so that one of them fits `memory` (bytes). */
extern void
row_partitioning_choose(RowPartitioning *partitioning, uint32 number_count, uint32 vector_size,
						bool equal_together, double row_estimate, Size memory);

/*
 * One process's rows.  With `files` NULL the files are private and the process reads them itself;
 * else they belong to the file set, under the process's number.  Memory from the current context.
 */
typedef struct RowPartitionWriter RowPartitionWriter;

extern RowPartitionWriter *
row_partition_writer_create(const RowPartitioning *partitioning, SharedFileSet *files, int process);
extern void row_partition_writer_add(RowPartitionWriter *writer, uint32 number, ItemPointer tid,
									 const void *vector);
/* How many rows of each number were added */
extern const uint32 *row_partition_writer_counts(const RowPartitionWriter *writer);
/* No more rows; others may read them. */
extern void row_partition_writer_finish(RowPartitionWriter *writer);

/*
 * All rows, in the order of numbers, and of TIDs where memory could hold the rows of a number.
 * With equal_together in the order of numbers, and equal vectors in the order of TIDs where memory could
 * hold the partition; they follow one another in any case, but for collisions of a 32-bit hash.
 */
typedef struct RowPartitionReader RowPartitionReader;

/*
 * `writer` is the process's own one, for private files; else files and the number of processes are
 * given.  `counts` are the rows of each number in all processes; it takes about `memory` bytes.
 */
extern RowPartitionReader *
row_partition_reader_create(const RowPartitioning *partitioning, RowPartitionWriter *writer,
							SharedFileSet *files, int processes, const uint32 *counts, Size memory);
/* The next row; false at the end.  The vector is valid until the next call. */
extern bool row_partition_reader_next(RowPartitionReader *reader, uint32 *number, ItemPointer tid,
									  const void **vector);
extern void row_partition_reader_end(RowPartitionReader *reader);

#endif
