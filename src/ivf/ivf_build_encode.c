/*
 * ivf/ivf_build_encode.c
 *		Blocks of codes of the vectors that a build has written, list by list, each
 *		relative to its list's centroid.
 *
 * Vectors are read through the map of the index's own file, block by block.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "ivf/ivf_build.h"
#include "ivf/ivf_codes.h"

/* Blocks between two reports of progress */
#define PROGRESS_INTERVAL 128

/* The codes of one block, made in a section that may be left */
typedef struct BlockSection
{
	const IndexType *type;
	const BuiltArray *vectors;
	IvfEncoder encoder;
	uint32 first;
	uint32 count; /* vectors; further lanes are empty */
	char *copy;	  /* of a vector that crosses a page's end */
	float *floats;
	char *block;
} BlockSection;

static void
encode_block(void *argument)
{
	BlockSection *section = argument;

	for (uint32 i = 0; i < section->count; i++)
	{
		uint32 ordinal = section->first + i;
		const void *vector = built_array_slot(section->vectors, ordinal, section->copy);

		ivf_encoder_put(&section->encoder,
						index_type_as_floats(section->type, vector, section->floats),
						section->block, ordinal);
	}
}

void
ivf_build_encode_blocks(IvfBuild *build, const BuiltArray *vectors)
{
	const IndexType *type = &build->type;
	BlockSection section = {.type = type, .vectors = vectors};
	uint32 blocks = 0;

	ivf_encoder_init(&section.encoder, build->meta);
	section.copy = palloc(type->vector_size);
	section.floats = palloc(type->dimensions * sizeof(float));
	section.block = palloc(section.encoder.block_size);

	bulk_write_begin_array(build->writer, PAGE_ARRAY_CODES);
	for (uint32 list = 0; list < build->lists; list++)
	{
		const IvfExtent *extent = &build->extents[list];

		ivf_encoder_set_list(&section.encoder, build->centroids + (Size) list * type->dimensions);
		for (uint32 done = 0; done < extent->capacity; done += IVF_BLOCK)
		{
			CHECK_FOR_INTERRUPTS();
			section.first = extent->first + done;
			section.count = Min(extent->used - done, IVF_BLOCK);
			memset(section.block, 0, section.encoder.block_size);
			mapped_read_call(encode_block, &section);
			bulk_write_slot(build->writer, section.block);
			if (++blocks % PROGRESS_INTERVAL == 0)
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
											 (int64) section.first + section.count);
		}
	}
	bulk_write_end_array(build->writer);
	bulk_write_flush(build->writer);
	pfree(section.block);
	pfree(section.floats);
	pfree(section.copy);
}
