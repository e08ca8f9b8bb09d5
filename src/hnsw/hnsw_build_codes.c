/*
 * hnsw/hnsw_build_codes.c
 *		What a build measures: which codes or vectors its searches read and its
 *		selection of neighbors compares, and where they lie.
 *
 * Selection needs codes that can be compared with one another.  Where the index's can't be
 * (rabitq), or there are none (or none yet: they are to lie beside the edges), a build
 * makes 8-bit codes for itself, unless raw vectors are as short.  Searches go by the
 * index's own, if they have bits enough: codes of two bits take less than half the time of
 * 8-bit ones, and the candidates are measured again before neighbors are selected.
 *
 * Codes are read at random, so that page tables cost more than the codes where they are
 * mapped in pages of 4 kB.  So codes that searches read are copied from the index's file
 * to memory in huge pages, or a file of such (index/build_memory.h), where maintenance_work_mem
 * has room.  (A copy for each process is worse than one for all, which share a processor's cache.)
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "utils/memutils.h"

#include "distance/distance.h"
#include "hnsw/hnsw_build.h"
#include "index/index_meta.h"

/* Codes of fewer bits find too few of a node's neighbors */
#define SEARCHED_BITS_MIN 2
/* Vectors of which a build learns whether all have the same length; the share of the longest one's,
 * squared, that the shortest one's must be */
#define LENGTHS_SAMPLE 1000
#define EQUAL_LENGTHS  0.98f
/* Vectors that are looked at between two checks for interrupts */
#define LENGTHS_BATCH 16

void
hnsw_build_source_init(HnswBuildSource *source, const IndexType *type, const IndexMeta *meta,
					   FileMap *map, const void *parameters)
{
	source->type = *type;
	source->type.vector_size = source->type.query_size = meta->arrays[PAGE_ARRAY_VECTORS].slot_size;
	source->ef_construction = hnsw_meta((IndexMeta *) meta)->ef_construction;
	source->has_locality = type->vector_type->to_floats != NULL;
	built_array_init(&source->vectors, map, &meta->arrays[PAGE_ARRAY_VECTORS]);

	source->compared.quantizer = quantizer_routine(QUANTIZER_NONE);
	source->compared.parameters = NULL;
	source->compared.codes = source->vectors;
	source->searched = source->compared;
	if (meta->arrays[PAGE_ARRAY_CODES].slot_size > 0)
	{
		source->searched.quantizer = index_meta_quantizer(meta);
		source->searched.parameters = parameters;
		built_array_init(&source->searched.codes, map, &meta->arrays[PAGE_ARRAY_CODES]);
	}
	if (source->searched.quantizer->prepare_code != NULL && type->metric != DISTANCE_L1)
		source->compared = source->searched;
}

/* Whether searches go by codes of this quantizer where there are own ones */
static bool
is_searched(const QuantizerRoutine *quantizer)
{
	return !quantizer->exact && quantizer->bits >= SEARCHED_BITS_MIN;
}

void
hnsw_build_source_use_codes(HnswBuildSource *source, const char *codes)
{
	const QuantizerRoutine *quantizer = quantizer_routine(HNSW_BUILD_OWN_QUANTIZER);
	HnswBuildCodes own = {.quantizer = quantizer};

	built_array_init_in_memory(&own.codes, codes, quantizer->code_size(source->type.dimensions));
	if (source->type.metric != DISTANCE_L1)
		source->compared = own;
	if (!is_searched(source->searched.quantizer))
		source->searched = own;
}

bool
hnsw_build_needs_own_codes(const HnswBuild *build)
{
	const QuantizerRoutine *quantizer = index_meta_quantizer(build->meta);

	if (hnsw_meta(build->meta)->edge_bits != 0)
		return true;
	if (quantizer->exact)
		return build->type.vector_type->to_floats != NULL && build->type.metric != DISTANCE_L1 &&
			   build->meta->arrays[PAGE_ARRAY_VECTORS].slot_size >=
				   2 * quantizer_routine(HNSW_BUILD_OWN_QUANTIZER)
						   ->code_size(build->type.dimensions);
	return quantizer->prepare_code == NULL;
}

Size
hnsw_build_own_codes_size(const HnswBuild *build)
{
	return (Size) quantizer_routine(HNSW_BUILD_OWN_QUANTIZER)->code_size(build->type.dimensions) *
		   build->node_count;
}

bool
hnsw_build_searches_index_codes(const HnswBuild *build)
{
	const QuantizerRoutine *quantizer = index_meta_quantizer(build->meta);

	return build->has_own_codes ? is_searched(quantizer) : !quantizer->exact;
}

typedef struct Lengths
{
	HnswBuild *build;
	uint32 sample; /* vectors */
	uint32 next;   /* of them */
	void *copy;
	float *floats;
	float shortest; /* squared */
	float longest;
} Lengths;

static void
lengths_section(void *argument)
{
	Lengths *lengths = argument;
	const HnswBuildSource *source = &lengths->build->source;
	uint32 dimensions = source->type.dimensions;

	for (uint32 n = 0; n < LENGTHS_BATCH && lengths->next < lengths->sample; n++)
	{
		uint32 ordinal =
			(uint32) ((uint64) lengths->next++ * lengths->build->node_count / lengths->sample);
		const float *vector = index_type_as_floats(
			&source->type, built_array_slot(&source->vectors, ordinal, lengths->copy),
			lengths->floats);
		float length = distance_kernels->inner_product(vector, vector, dimensions);

		if (!(length >= lengths->shortest))
			lengths->shortest = length;
		if (!(length <= lengths->longest))
			lengths->longest = length;
	}
}

void
hnsw_build_learn_lengths(HnswBuild *build)
{
	HnswBuildSource *source = &build->source;
	Lengths lengths = {.build = build, .shortest = INFINITY};

	source->measures_links = source->type.metric == DISTANCE_INNER_PRODUCT;
	if (!source->measures_links || !source->has_locality)
		return;
	lengths.sample = Min(build->node_count, LENGTHS_SAMPLE);
	lengths.copy = palloc(source->type.vector_size);
	lengths.floats = palloc(source->type.dimensions * sizeof(float));
	while (lengths.next < lengths.sample)
	{
		CHECK_FOR_INTERRUPTS();
		mapped_read_call(lengths_section, &lengths);
	}
	source->measures_links = !(lengths.shortest >= EQUAL_LENGTHS * lengths.longest);
	pfree(lengths.floats);
	pfree(lengths.copy);
}

void
hnsw_build_source_use_copies(HnswBuildSource *source, const char *codes)
{
	bool compared = source->compared.quantizer == source->searched.quantizer;

	built_array_init_in_memory(&source->searched.codes, codes, source->searched.codes.slot_size);
	if (compared)
		source->compared = source->searched;
}

void
hnsw_build_free_codes(HnswBuild *build)
{
	if (build->has_own_codes)
		build_memory_free(&build->own_codes);
	if (build->has_copied_codes)
		build_memory_free(&build->copied_codes);
	MemoryContextDelete(build->codes_context);
}
