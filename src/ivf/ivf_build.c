/*
 * ivf/ivf_build.c
 *		CREATE INDEX: the pipeline of a build.
 *
 *		train    sample of the rows -> centroids
 *		assign   heap rows -> nearest centroid -> files by list
 *		load     rows by list -> vectors
 *		encode   vectors (through the map) -> codes
 *		write    entries, extents, centroids; metapage; sync
 *
 * The index's file is appended to and never rewritten, but for block 0.  Each list is
 * one extent, the slots that round it up to whole blocks being empty.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/build_codes.h"
#include "index/index_build.h"
#include "index/built_array.h"
#include "ivf/ivf_build.h"
#include "ivf/ivf_codes.h"

/* Slots between two checks for interrupts */
#define INTERRUPT_INTERVAL 4096

char *
ivf_build_phase_name(int64 phase)
{
	switch (phase)
	{
		case IVF_PHASE_INITIALIZING:
			return "initializing";
		case IVF_PHASE_SAMPLING:
			return "sampling table";
		case IVF_PHASE_KMEANS:
			return "performing k-means";
		case IVF_PHASE_ASSIGNING:
			return "assigning tuples";
		case IVF_PHASE_LOADING:
			return "loading tuples";
		case IVF_PHASE_ENCODING:
			return "encoding";
		case IVF_PHASE_WRITING:
			return "writing lists";
		default:
			return NULL;
	}
}

static void
encode(IvfBuild *build)
{
	BuiltArray vectors;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_ENCODING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->ordinal_count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	built_array_init(&vectors, built_array_map(build->index),
					 &build->meta->arrays[PAGE_ARRAY_VECTORS]);
	if (ivf_has_blocks(build->meta))
		ivf_build_encode_blocks(build, &vectors);
	else
		build_codes_write(&build->type, build->meta, build->writer, &vectors, build->ordinal_count);
}

static void
write_entries(IvfBuild *build)
{
	if (BufFileSeek(build->entries, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));

	bulk_write_begin_array(build->writer, IVF_ENTRIES);
	for (uint32 i = 0; i < build->ordinal_count; i++)
	{
		IvfEntry entry;

		if (i % INTERRUPT_INTERVAL == 0)
			CHECK_FOR_INTERRUPTS();
		if (BufFileRead(build->entries, &entry, sizeof(entry)) != sizeof(entry))
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not read from temporary file: unexpected end of file")));
		bulk_write_slot(build->writer, &entry);
	}
	bulk_write_end_array(build->writer);
}

static void
write_lists(IvfBuild *build)
{
	uint32 lists = build->lists;
	IvfMeta *ivf = ivf_meta(build->meta);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_WRITING);
	write_entries(build);

	bulk_write_begin_array(build->writer, IVF_EXTENTS);
	for (uint32 list = 0; list < lists; list++)
		bulk_write_slot(build->writer, &build->extents[list]);
	bulk_write_end_array(build->writer);

	bulk_write_begin_array(build->writer, IVF_CENTROIDS);
	for (uint32 list = 0; list < lists; list++)
		bulk_write_slot(build->writer, build->centroids + (Size) list * build->type.dimensions);
	bulk_write_end_array(build->writer);

	build->meta->ordinal_count = build->ordinal_count;
	ivf->lists = lists;
	ivf->extent_count = lists;
	ivf->trained_on = build->trained_on;
}

IndexBuildResult *
ivf_build(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "ivf build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	IvfBuild *build = palloc0(sizeof(IvfBuild));
	int workers;

	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->meta = palloc0(sizeof(IndexMeta));
	index_type_get(index, &build->type);
	ivf_meta_init(index, &build->type, build->meta);

	build->writer = bulk_write_begin(index, build->meta, MAIN_FORKNUM);
	workers = ivf_build_count_workers(build);
	ivf_build_take_sample(build, workers);
	ivf_build_begin_team(build, workers);
	ivf_build_train(build);
	ivf_build_assign(build);
	ivf_build_load(build);
	ivf_build_end_team(build);
	if (build->ordinal_count > 0)
		encode(build);
	write_lists(build);
	BufFileClose(build->entries);
	bulk_write_finish(build->writer);

	MemoryContextSwitchTo(old_context);
	result = index_build_finish(index, build->heap_rows, build->indexed_rows);
	MemoryContextDelete(context);
	return result;
}

/* One list without rows, its centroid zero */
void
ivf_build_empty(Relation index)
{
	IndexMeta *meta = palloc0(sizeof(IndexMeta));
	IvfExtent extent = {.next = INVALID_ORDINAL};
	BulkWriter *writer;
	IndexType type;
	float *centroid;

	index_type_get(index, &type);
	ivf_meta_init(index, &type, meta);
	centroid = palloc0(type.dimensions * sizeof(float));
	writer = bulk_write_begin(index, meta, INIT_FORKNUM);
	bulk_write_begin_array(writer, IVF_EXTENTS);
	bulk_write_slot(writer, &extent);
	bulk_write_end_array(writer);
	bulk_write_begin_array(writer, IVF_CENTROIDS);
	bulk_write_slot(writer, centroid);
	bulk_write_end_array(writer);
	bulk_write_finish(writer);
	pfree(centroid);
	pfree(meta);
}
