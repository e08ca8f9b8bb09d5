/*
 * index/build_codes.c
 *		Training of a quantizer's parameters and encoding, from vectors that are
 *		read through the map of the index's own file.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/progress.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/build_codes.h"
#include "quantizer/quantizer.h"
#include "storage/vector_store.h"

/* Vectors that are encoded between two checks for interrupts, and the least of a chunk */
#define ENCODE_BATCH 64
/* Codes of a chunk: the most of them, and about as many bytes */
#define CHUNK_MAX	1024
#define CHUNK_BYTES (256 * 1024)
/* Most vectors that a quantizer's parameters are trained on */
#define TRAIN_VECTORS 65536

/* Vectors being read, with what is needed to read them */
typedef struct VectorReader
{
	const IndexType *type;
	const BuiltArray *vectors;
	char *copy;	   /* of a vector that crosses a page's end */
	float *floats; /* of a vector that is something else */
} VectorReader;

/* One process's part in making codes */
typedef struct Encoder
{
	VectorReader reader;
	const BuildCodesPlan *plan;
	const void *parameters;
	const BuildCodesTarget *targets; /* the leader's */

	/* The batch that is being encoded */
	uint32 first;
	uint32 count;
	char *codes[BUILD_CODES_MAX];
} Encoder;

static void
reader_begin(VectorReader *reader, const IndexType *type, const BuiltArray *vectors)
{
	reader->type = type;
	reader->vectors = vectors;
	reader->copy = palloc(type->vector_size);
	reader->floats = palloc(type->dimensions * sizeof(float));
}

static void
reader_end(VectorReader *reader)
{
	pfree(reader->floats);
	pfree(reader->copy);
}

static const float *
vector_floats(VectorReader *reader, uint32 ordinal)
{
	return index_type_as_floats(
		reader->type, built_array_slot(reader->vectors, ordinal, reader->copy), reader->floats);
}

typedef struct CopyVector
{
	VectorReader *reader;
	uint32 ordinal;
	float *to;
} CopyVector;

static void
copy_section(void *argument)
{
	CopyVector *copy = argument;

	memcpy(copy->to, vector_floats(copy->reader, copy->ordinal),
		   copy->reader->type->dimensions * sizeof(float));
}

/* Train the quantizer's parameters on vectors spread over the array. */
static void *
train_parameters(const QuantizerRoutine *quantizer, const IndexType *type, const BuiltArray *array,
				 uint32 size, uint32 count)
{
	uint32 dimensions = type->dimensions;
	Size vector_size = dimensions * sizeof(float);
	Size memory = (Size) maintenance_work_mem * 1024 / 2;
	uint32 wanted = Min((uint32) Max(Min(memory / vector_size, TRAIN_VECTORS), 1), count);
	void *parameters = palloc0(size);
	const float **sample = palloc(Max(wanted, 1) * sizeof(float *));
	char *vectors = MemoryContextAllocHuge(CurrentMemoryContext, Max(wanted, 1) * vector_size);
	VectorReader reader;

	reader_begin(&reader, type, array);
	for (uint32 i = 0; i < wanted; i++)
	{
		CopyVector copy = {.reader = &reader};

		CHECK_FOR_INTERRUPTS();
		copy.ordinal = (uint32) ((uint64) i * count / wanted);
		copy.to = (float *) (vectors + i * vector_size);
		mapped_read_call(copy_section, &copy);
		sample[i] = copy.to;
	}
	reader_end(&reader);
	quantizer->train(sample, wanted, dimensions, parameters);
	pfree(vectors);
	pfree(sample);
	return parameters;
}

void *
build_codes_train(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
				  const BuiltArray *vectors, uint32 count)
{
	uint32 size = meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size;
	void *parameters;

	if (size == 0)
		return NULL;
	parameters = train_parameters(quantizer_routine((QuantizerKind) meta->quantizer), type, vectors,
								  size, count);
	bulk_write_begin_array(writer, PAGE_ARRAY_PARAMETERS);
	bulk_write_slot(writer, parameters);
	bulk_write_end_array(writer);
	return parameters;
}

void
build_codes_plan_init(BuildCodesPlan *plan, uint32 count)
{
	memset(plan, 0, sizeof(BuildCodesPlan));
	plan->count = count;
}

static uint32
bytes_of_vector(const BuildCodesPlan *plan)
{
	uint32 bytes = 0;

	for (uint32 kind = 0; kind < plan->kinds; kind++)
		bytes += plan->code_sizes[kind];
	return bytes;
}

uint32
build_codes_plan_add(BuildCodesPlan *plan, QuantizerKind quantizer, uint32 slot_size)
{
	Assert(plan->kinds < BUILD_CODES_MAX);
	plan->quantizers[plan->kinds] = quantizer;
	plan->code_sizes[plan->kinds++] = slot_size;
	plan->chunk = Max(Min(CHUNK_BYTES / bytes_of_vector(plan), CHUNK_MAX), ENCODE_BATCH);
	plan->chunk_count = plan->count / plan->chunk + (plan->count % plan->chunk != 0);
	return plan->kinds - 1;
}

Size
build_codes_place_size(const BuildCodesPlan *plan)
{
	return MAXALIGN((Size) bytes_of_vector(plan) * plan->chunk);
}

/* The first vector of a chunk, and how many there are */
static uint32
chunk_vectors(const BuildCodesPlan *plan, uint32 chunk, uint32 *first)
{
	*first = chunk * plan->chunk;
	return Min(plan->count - *first, plan->chunk);
}

static void
encode_section(void *argument)
{
	Encoder *encoder = argument;
	const BuildCodesPlan *plan = encoder->plan;
	uint32 dimensions = encoder->reader.type->dimensions;

	for (uint32 i = 0; i < encoder->count; i++)
	{
		const float *floats = vector_floats(&encoder->reader, encoder->first + i);

		for (uint32 kind = 0; kind < plan->kinds; kind++)
		{
			const QuantizerRoutine *quantizer = quantizer_routine(plan->quantizers[kind]);
			bool has_parameters = quantizer->parameters_size(dimensions) > 0;

			quantizer->encode(has_parameters ? encoder->parameters : NULL, floats, dimensions,
							  encoder->codes[kind] + (Size) i * plan->code_sizes[kind]);
		}
	}
}

static void
make_chunk(void *argument, uint32 chunk, void *place)
{
	Encoder *encoder = argument;
	const BuildCodesPlan *plan = encoder->plan;
	uint32 first;
	uint32 count = chunk_vectors(plan, chunk, &first);

	for (uint32 done = 0; done < count; done += encoder->count)
	{
		char *codes = place;

		CHECK_FOR_INTERRUPTS();
		encoder->first = first + done;
		encoder->count = Min(count - done, ENCODE_BATCH);
		for (uint32 kind = 0; kind < plan->kinds; kind++)
		{
			encoder->codes[kind] = codes + (Size) done * plan->code_sizes[kind];
			codes += (Size) plan->chunk * plan->code_sizes[kind];
		}
		mapped_read_call(encode_section, encoder);
	}
}

static void
take_chunk(void *argument, uint32 chunk, const void *place)
{
	const Encoder *encoder = argument;
	const BuildCodesPlan *plan = encoder->plan;
	const char *codes = place;
	uint32 first;
	uint32 count = chunk_vectors(plan, chunk, &first);

	for (uint32 kind = 0; kind < plan->kinds; kind++)
	{
		const BuildCodesTarget *target = &encoder->targets[kind];
		Size size = plan->code_sizes[kind];

		for (uint32 i = 0; i < count && target->writer != NULL; i++)
			bulk_write_slot(target->writer, codes + i * size);
		if (target->memory != NULL)
			build_memory_write(target->memory, first * size, codes, count * size);
		codes += plan->chunk * size;
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, first + count);
}

void
build_codes_make(const BuildCodesPlan *plan, const IndexType *type, const BuiltArray *vectors,
				 const void *parameters, OrderedChunksShared *shared, char *places,
				 const BuildCodesTarget *targets)
{
	Encoder encoder = {.plan = plan, .parameters = parameters, .targets = targets};
	OrderedChunks chunks = {
		.shared = shared, .places = places, .make = make_chunk, .argument = &encoder};

	reader_begin(&encoder.reader, type, vectors);
	ordered_chunks_do(&chunks, take_chunk);
	reader_end(&encoder.reader);
}

void
build_codes_help(const BuildCodesPlan *plan, const IndexType *type, const BuiltArray *vectors,
				 const void *parameters, OrderedChunksShared *shared, char *places)
{
	Encoder encoder = {.plan = plan, .parameters = parameters};
	OrderedChunks chunks = {
		.shared = shared, .places = places, .make = make_chunk, .argument = &encoder};

	reader_begin(&encoder.reader, type, vectors);
	ordered_chunks_help(&chunks);
	reader_end(&encoder.reader);
}

void
build_codes_write(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
				  const BuiltArray *vectors, uint32 count)
{
	uint32 slot_size = meta->arrays[PAGE_ARRAY_CODES].slot_size;
	void *parameters = build_codes_train(type, meta, writer, vectors, count);
	BuildCodesTarget target = {.writer = writer};
	OrderedChunksShared shared;
	BuildCodesPlan plan;
	char *place;

	if (slot_size == 0)
		return;
	build_codes_plan_init(&plan, count);
	(void) build_codes_plan_add(&plan, (QuantizerKind) meta->quantizer, slot_size);
	place = palloc0(build_codes_place_size(&plan));
	ordered_chunks_init(&shared, plan.chunk_count, 1, build_codes_place_size(&plan));
	bulk_write_begin_array(writer, PAGE_ARRAY_CODES);
	build_codes_make(&plan, type, vectors, parameters, &shared, place, &target);
	bulk_write_end_array(writer);
	bulk_write_flush(writer);
	pfree(place);
}
