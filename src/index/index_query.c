/*
 * index/index_query.c
 *		Distances of a query to codes and vectors, batch by batch, inside mapped-read
 *		sections.
 */
#include "postgres.h"
#include "compat.h"

#include "index/index_meta.h"
#include "index/index_query.h"

void *
index_read_parameters(StorageReader *reader)
{
	const PageArrayMeta *array = &reader->meta->arrays[PAGE_ARRAY_PARAMETERS];
	const QuantizerRoutine *quantizer = index_meta_quantizer(reader->meta);
	size_t size = quantizer->parameters_size(reader->meta->dimensions);
	void *parameters;

	if (size == 0)
		return NULL;
	if (array->capacity == 0)
		return NULL;
	if (array->slot_size < size)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" has no parameters of quantizer \"%s\"",
							   RelationGetRelationName(reader->index), quantizer->name),
						errhint("Please REINDEX it.")));
	parameters = palloc(array->slot_size);
	storage_copy_slot(reader, PAGE_ARRAY_PARAMETERS, 0, parameters);
	return parameters;
}

static QuantizerQuery *
prepare(const IndexQuery *query, StorageReader *reader)
{
	const IndexType *type = &query->type;
	QuantizerQuery *prepared = palloc(query->quantizer->query_size(type->dimensions));
	float *floats = palloc(type->dimensions * sizeof(float));

	index_type_to_floats(type, query->vector, floats);
	query->quantizer->prepare_query(index_read_parameters(reader), type->metric, floats,
									type->dimensions, prepared);
	return prepared;
}

void
index_query_begin(IndexQuery *query, StorageReader *reader, const IndexType *type,
				  const void *vector, bool has_codes)
{
	const IndexMeta *meta = reader->meta;

	query->type = *type;
	query->type.vector_size = meta->arrays[PAGE_ARRAY_VECTORS].slot_size;
	query->vector = vector;
	query->quantizer = index_meta_quantizer(meta);
	Assert(query->quantizer != NULL);
	has_codes = has_codes && !query->quantizer->exact;
	query->search_array = has_codes ? PAGE_ARRAY_CODES : PAGE_ARRAY_VECTORS;
	query->prepared = has_codes ? prepare(query, reader) : NULL;
}

/* Distances of a batch, in a section that may be left */
typedef struct DistanceSection
{
	const IndexQuery *query;
	const void **slots;
	uint32 count;
	float *distances;
	float *lower_bounds;
} DistanceSection;

void
index_query_compute(const IndexQuery *query, const void *const *slots, uint32 count,
					float *distances)
{
	if (query->prepared != NULL)
		query->quantizer->distances(query->prepared, slots, count, distances);
	else
		index_type_distances(&query->type, query->vector, slots, count, distances);
}

static void
compute_code_distances(void *argument)
{
	const DistanceSection *section = argument;

	section->query->quantizer->distances(section->query->prepared, section->slots, section->count,
										 section->distances);
}

static void
compute_bounds(void *argument)
{
	const DistanceSection *section = argument;

	section->query->quantizer->distances_with_bounds(section->query->prepared, section->slots,
													 section->count, section->distances,
													 section->lower_bounds);
}

static void
compute_exact_distances(void *argument)
{
	const DistanceSection *section = argument;

	index_type_distances(&section->query->type, section->query->vector, section->slots,
						 section->count, section->distances);
}

static MappedReadSection
section_for(PageArrayId array)
{
	return array == PAGE_ARRAY_CODES ? compute_code_distances : compute_exact_distances;
}

/* Batch by batch; lower_bounds may be NULL. */
static void
read_batches(DistanceSection batch, StorageReader *reader, PageArrayId array,
			 const uint32 *ordinals, uint32 count, MappedReadSection section)
{
	const void *slots[STORAGE_MAX_BATCH];

	batch.slots = slots;
	for (uint32 first = 0; first < count; first += STORAGE_MAX_BATCH)
	{
		batch.count = Min(count - first, STORAGE_MAX_BATCH);
		storage_read_batch(reader, array, ordinals + first, batch.count, slots, section, &batch);
		batch.distances += batch.count;
		if (batch.lower_bounds != NULL)
			batch.lower_bounds += batch.count;
	}
}

void
index_query_measure(const IndexQuery *query, StorageReader *reader, PageArrayId array,
					const uint32 *ordinals, uint32 count, float *distances)
{
	DistanceSection batch = {.query = query, .distances = distances};

	read_batches(batch, reader, array, ordinals, count, section_for(array));
}

void
index_query_bound(const IndexQuery *query, StorageReader *reader, const uint32 *ordinals,
				  uint32 count, float *distances, float *lower_bounds)
{
	DistanceSection batch = {.query = query, .distances = distances, .lower_bounds = lower_bounds};

	read_batches(batch, reader, PAGE_ARRAY_CODES, ordinals, count, compute_bounds);
}

void
index_query_measure_run(const IndexQuery *query, StorageReader *reader, uint32 first, uint32 count,
						float *distances)
{
	const void *slots[STORAGE_MAX_BATCH];
	DistanceSection batch = {
		.query = query, .slots = slots, .count = count, .distances = distances};

	storage_read_run(reader, query->search_array, first, count, slots,
					 section_for(query->search_array), &batch);
}
