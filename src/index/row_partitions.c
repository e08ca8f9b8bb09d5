/*
 * index/row_partitions.c
 *		Rows sorted by number through files of ranges of numbers.
 *
 * A record is a head, by which records are sorted, and the vector.
 *
 * Against a tuplesort with shared tapes this saves the forming of tuples, the runs and
 * their merge: rows are copied three times in all, and what is sorted is keys.  Only a partition
 * that memory can't hold goes through a tuplesort, if equal vectors are to follow one another.
 */
#include "postgres.h"
#include "compat.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "index/row_partitions.h"
#include "index/row_sort.h"

/* Bytes of a partition: what caches hold, and little memory; where memory is less, a share of it */
#define PARTITION_SIZE ((Size) 4 * 1024 * 1024)
/* Most files of one process, each of which has a buffer of a block; and their share of memory */
#define PARTITIONS_MAX	   1024
#define BUFFER_MEMORY_PART 8
/* Records read at once where they pass by */
#define PASSING_RECORDS 64

#define FILE_NAME_SIZE 64

/* The least memory of a tuplesort, in kB */
#define SORT_MEMORY_MIN 64

typedef struct RecordHead
{
	uint32 number;
	uint32 hash; /* of the vector, where equal ones are to follow one another; else 0 */
	ItemPointerData tid;
} RecordHead;

#define HEAD_SIZE MAXALIGN(sizeof(RecordHead))

typedef struct SortKey
{
	uint64 place; /* number, hash */
	uint64 tid;
	uint32 record;
} SortKey;

static inline int
compare_keys(const SortKey *a, const SortKey *b)
{
	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

#define ST_SORT			 sort_keys
#define ST_ELEMENT_TYPE	 SortKey
#define ST_COMPARE(a, b) compare_keys(a, b)
#define ST_SCOPE		 static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

struct RowPartitionWriter
{
	RowPartitioning partitioning;
	SharedFileSet *files;
	int process;
	uint32 record_size;
	char *record;
	uint32 *counts;
	BufFile **buffiles; /* NULL where there is no row yet */
};

struct RowPartitionReader
{
	RowPartitioning partitioning;
	RowPartitionWriter *writer;
	SharedFileSet *files;
	int processes;
	const uint32 *counts;
	uint32 record_size;
	uint64 capacity; /* records that memory holds */
	MemoryContext context;

	/* The range of numbers at hand, all of one partition: [first, end) */
	uint32 first;
	uint32 end;

	/* In memory, sorted; or passing by; or sorted elsewhere */
	bool is_passing;
	RowSort *sort;
	int sort_memory; /* kB */
	void *sorted;	 /* the vector taken from it */
	char *records;
	SortKey *keys;
	uint32 count;
	uint32 next;

	/* The file being read, and the records taken from it */
	BufFile *file;
	int process;
	char *passing;
	uint32 passing_count;
	uint32 passing_next;
};

static uint32
record_size_of(const RowPartitioning *partitioning)
{
	return (uint32) (HEAD_SIZE + MAXALIGN(partitioning->vector_size));
}

static inline uint32
partition_of(const RowPartitioning *partitioning, uint32 number)
{
	return (uint32) ((uint64) number * partitioning->partition_count / partitioning->number_count);
}

void
row_partitioning_choose(RowPartitioning *partitioning, uint32 number_count, uint32 vector_size,
						bool equal_together, double row_estimate, Size memory)
{
	double bytes;
	double partitions;
	Size buffers = memory / BUFFER_MEMORY_PART / BLCKSZ;

	Assert(number_count > 0 && number_count <= PG_UINT16_MAX);
	partitioning->number_count = number_count;
	partitioning->vector_size = vector_size;
	partitioning->equal_together = equal_together;
	bytes = row_estimate * (record_size_of(partitioning) + sizeof(SortKey));
	partitions = bytes / (double) Min(PARTITION_SIZE, memory / 2) + 1;
	partitions = Min(partitions, (double) Min(buffers, PARTITIONS_MAX));
	partitioning->partition_count = (uint32) Max(Min(partitions, (double) number_count), 1.0);
}

RowPartitionWriter *
row_partition_writer_create(const RowPartitioning *partitioning, SharedFileSet *files, int process)
{
	RowPartitionWriter *writer = palloc0(sizeof(RowPartitionWriter));

	writer->partitioning = *partitioning;
	writer->files = files;
	writer->process = process;
	writer->record_size = record_size_of(partitioning);
	writer->record = palloc0(writer->record_size);
	writer->counts = palloc0(partitioning->number_count * sizeof(uint32));
	writer->buffiles = palloc0(partitioning->partition_count * sizeof(BufFile *));
	return writer;
}

static void
file_name(char *name, int process, uint32 partition)
{
	snprintf(name, FILE_NAME_SIZE, "rows.%d.%u", process, partition);
}

void
row_partition_writer_add(RowPartitionWriter *writer, uint32 number, ItemPointer tid,
						 const void *vector)
{
	const RowPartitioning *partitioning = &writer->partitioning;
	uint32 partition = partition_of(partitioning, number);
	RecordHead head = {.number = number, .tid = *tid};

	if (writer->buffiles[partition] == NULL)
	{
		char name[FILE_NAME_SIZE];

		file_name(name, writer->process, partition);
		writer->buffiles[partition] = writer->files != NULL
										  ? BufFileCreateFileSet(&writer->files->fs, name)
										  : BufFileCreateTemp(false);
	}
	if (partitioning->equal_together)
		head.hash = hash_bytes(vector, (int) partitioning->vector_size);
	memcpy(writer->record, &head, sizeof(head));
	memcpy(writer->record + HEAD_SIZE, vector, partitioning->vector_size);
	BufFileWrite(writer->buffiles[partition], writer->record, writer->record_size);
	writer->counts[number]++;
}

const uint32 *
row_partition_writer_counts(const RowPartitionWriter *writer)
{
	return writer->counts;
}

void
row_partition_writer_finish(RowPartitionWriter *writer)
{
	if (writer->files == NULL)
		return;
	for (uint32 i = 0; i < writer->partitioning.partition_count; i++)
	{
		/* Closed, the file stays in the set */
		if (writer->buffiles[i] != NULL)
			BufFileClose(writer->buffiles[i]);
	}
}

RowPartitionReader *
row_partition_reader_create(const RowPartitioning *partitioning, RowPartitionWriter *writer,
							SharedFileSet *files, int processes, const uint32 *counts, Size memory)
{
	RowPartitionReader *reader = palloc0(sizeof(RowPartitionReader));
	uint64 widest = 1;
	uint64 in_partition = 0;

	reader->partitioning = *partitioning;
	reader->writer = files == NULL ? writer : NULL;
	reader->files = files;
	reader->processes = files == NULL ? 1 : processes;
	reader->counts = counts;
	reader->record_size = record_size_of(partitioning);
	reader->context = CurrentMemoryContext;
	reader->passing = palloc((Size) reader->record_size * PASSING_RECORDS);

	/* No more memory than the largest partition needs */
	for (uint32 number = 0; number < partitioning->number_count; number++)
	{
		if (number == 0 ||
			partition_of(partitioning, number) != partition_of(partitioning, number - 1))
			in_partition = 0;
		in_partition += counts[number];
		widest = Max(widest, in_partition);
	}
	reader->capacity = memory / (reader->record_size + sizeof(SortKey));
	if (partitioning->equal_together && widest > reader->capacity)
	{
		/* The other half is the tuplesort's */
		reader->capacity /= 2;
		reader->sort_memory = (int) Max(Min(memory / 2 / 1024, (Size) INT_MAX), SORT_MEMORY_MIN);
		reader->sorted = palloc(partitioning->vector_size);
	}
	reader->capacity = Max(Min(Min(reader->capacity, widest), (uint64) PG_UINT32_MAX), 1);
	reader->records =
		MemoryContextAllocHuge(CurrentMemoryContext, reader->capacity * reader->record_size);
	reader->keys = MemoryContextAllocHuge(CurrentMemoryContext, reader->capacity * sizeof(SortKey));
	return reader;
}

static void
close_file(RowPartitionReader *reader)
{
	if (reader->file != NULL && reader->files != NULL)
		BufFileClose(reader->file);
	reader->file = NULL;
}

/* Open what the next process has of the partition; false where there are no more. */
static bool
open_next_file(RowPartitionReader *reader)
{
	uint32 partition = partition_of(&reader->partitioning, reader->first);

	close_file(reader);
	while (reader->process < reader->processes && reader->file == NULL)
	{
		if (reader->files != NULL)
		{
			char name[FILE_NAME_SIZE];

			file_name(name, reader->process, partition);
			reader->file = BufFileOpenFileSet(&reader->files->fs, name, O_RDONLY, true);
		}
		else
		{
			reader->file = reader->writer->buffiles[partition];
			if (reader->file != NULL && BufFileSeek(reader->file, 0, 0, SEEK_SET) != 0)
				ereport(ERROR,
						(errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));
		}
		reader->process++;
	}
	return reader->file != NULL;
}

/* The next record of the partition's files that belongs to the range; NULL at the end. */
static const char *
pass_record(RowPartitionReader *reader)
{
	for (;;)
	{
		const char *record;
		const RecordHead *head;
		size_t bytes;

		if (reader->passing_next == reader->passing_count)
		{
			CHECK_FOR_INTERRUPTS();
			if (reader->file == NULL && !open_next_file(reader))
				return NULL;
			bytes = BufFileRead(reader->file, reader->passing,
								(size_t) reader->record_size * PASSING_RECORDS);
			if (bytes % reader->record_size != 0)
				ereport(ERROR,
						(errcode_for_file_access(),
						 errmsg("could not read from temporary file: unexpected end of file")));
			reader->passing_count = (uint32) (bytes / reader->record_size);
			reader->passing_next = 0;
			if (bytes == 0 && !open_next_file(reader))
				return NULL;
			continue;
		}
		record = reader->passing + (Size) reader->passing_next++ * reader->record_size;
		head = (const void *) record;
		if (head->number >= reader->first && head->number < reader->end)
			return record;
	}
}

/* Take the range into memory and sort it. */
static void
load_range(RowPartitionReader *reader)
{
	const char *record;

	reader->count = 0;
	while ((record = pass_record(reader)) != NULL)
	{
		const RecordHead *head = (const void *) record;
		SortKey *key = &reader->keys[reader->count];

		if (reader->count == reader->capacity)
			elog(ERROR, "more rows of a partition than were counted");
		key->place = ((uint64) head->number << 32) | head->hash;
		key->tid = ((uint64) ItemPointerGetBlockNumberNoCheck(&head->tid) << 16) |
				   ItemPointerGetOffsetNumberNoCheck(&head->tid);
		key->record = reader->count;
		memcpy(reader->records + (Size) reader->count * reader->record_size, record,
			   reader->record_size);
		reader->count++;
	}
	sort_keys(reader->keys, reader->count);
}

/* Sort the range, which memory can't hold, with a tuplesort. */
static void
sort_range(RowPartitionReader *reader)
{
	MemoryContext outer = MemoryContextSwitchTo(reader->context);
	const char *record;

	reader->sort = row_sort_begin(reader->partitioning.vector_size, reader->sort_memory);
	while ((record = pass_record(reader)) != NULL)
	{
		RecordHead head = *(const RecordHead *) record;

		row_sort_add(reader->sort, head.number, record + HEAD_SIZE, &head.tid);
	}
	row_sort_perform(reader->sort);
	MemoryContextSwitchTo(outer);
}

/* The next range: numbers of one partition that memory holds, or a single number, or a partition that
 * is sorted elsewhere. */
static bool
begin_next_range(RowPartitionReader *reader)
{
	const RowPartitioning *partitioning = &reader->partitioning;
	uint32 partition;
	uint64 rows;
	bool fits;

	reader->first = reader->end;
	if (reader->first == partitioning->number_count)
		return false;
	partition = partition_of(partitioning, reader->first);
	rows = reader->counts[reader->end++];
	while (reader->end < partitioning->number_count &&
		   partition_of(partitioning, reader->end) == partition &&
		   (partitioning->equal_together || rows + reader->counts[reader->end] <= reader->capacity))
		rows += reader->counts[reader->end++];

	reader->process = 0;
	reader->passing_count = 0;
	reader->passing_next = 0;
	close_file(reader);
	reader->next = 0;
	reader->count = 0;
	fits = rows <= reader->capacity;
	reader->is_passing = !fits && !partitioning->equal_together;
	if (fits && rows > 0)
		load_range(reader);
	else if (!reader->is_passing && rows > 0)
		sort_range(reader);
	return true;
}

bool
row_partition_reader_next(RowPartitionReader *reader, uint32 *number, ItemPointer tid,
						  const void **vector)
{
	const char *record;
	const RecordHead *head;

	for (;;)
	{
		if (reader->sort != NULL)
		{
			*vector = reader->sorted;
			if (row_sort_next(reader->sort, number, reader->sorted, tid))
				return true;
			row_sort_end(reader->sort);
			reader->sort = NULL;
		}
		record = reader->is_passing ? pass_record(reader) : NULL;
		if (record != NULL)
			break;
		if (reader->next < reader->count)
		{
			record =
				reader->records + (Size) reader->keys[reader->next++].record * reader->record_size;
			break;
		}
		if (!begin_next_range(reader))
			return false;
	}
	head = (const void *) record;
	*number = head->number;
	*tid = head->tid;
	*vector = record + HEAD_SIZE;
	return true;
}

void
row_partition_reader_end(RowPartitionReader *reader)
{
	close_file(reader);
	for (uint32 i = 0; reader->writer != NULL && i < reader->partitioning.partition_count; i++)
	{
		if (reader->writer->buffiles[i] != NULL)
			BufFileClose(reader->writer->buffiles[i]);
	}
	if (reader->sort != NULL)
		row_sort_end(reader->sort);
	if (reader->sorted != NULL)
		pfree(reader->sorted);
	pfree(reader->keys);
	pfree(reader->records);
	pfree(reader->passing);
	pfree(reader);
}
