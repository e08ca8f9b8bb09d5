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

/* Slots that are encoded between two checks for interrupts */
#define ENCODE_BATCH 64
/* Most vectors that a quantizer's parameters are trained on */
#define TRAIN_VECTORS	  65536
#define PROGRESS_INTERVAL 4096

typedef struct CodeBatch
{
	const IndexType *type;
	const QuantizerRoutine *quantizer;
	const void *parameters;
	const BuiltArray *vectors;
	uint32 first;
	uint32 count;
	char *copy;	   /* of a vector that crosses a page's end */
	float *floats; /* of a vector that is something else */
	char *codes;
	uint32 code_size;
} CodeBatch;

static const float *
vector_floats(CodeBatch *batch, uint32 ordinal)
{
	return index_type_as_floats(batch->type, built_array_slot(batch->vectors, ordinal, batch->copy),
								batch->floats);
}

static void
encode_section(void *argument)
{
	CodeBatch *batch = argument;

	for (uint32 i = 0; i < batch->count; i++)
		batch->quantizer->encode(batch->parameters, vector_floats(batch, batch->first + i),
								 batch->type->dimensions,
								 batch->codes + (Size) i * batch->code_size);
}

/* Encode all vectors, batch by batch, each of which `put` takes. */
static void
encode_all(CodeBatch *batch, uint32 count, void (*put)(CodeBatch *batch, void *to), void *to)
{
	batch->codes = palloc0((Size) batch->code_size * ENCODE_BATCH);
	for (batch->first = 0; batch->first < count; batch->first += batch->count)
	{
		CHECK_FOR_INTERRUPTS();
		batch->count = Min(count - batch->first, ENCODE_BATCH);
		mapped_read_call(encode_section, batch);
		put(batch, to);
		if (batch->first % PROGRESS_INTERVAL == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, batch->first);
	}
	pfree(batch->codes);
}

static void
put_in_index(CodeBatch *batch, void *writer)
{
	for (uint32 i = 0; i < batch->count; i++)
		bulk_write_slot(writer, batch->codes + (Size) i * batch->code_size);
}

static void
put_in_memory(CodeBatch *batch, void *memory)
{
	build_memory_write(memory, (Size) batch->first * batch->code_size, batch->codes,
					   (Size) batch->count * batch->code_size);
}

static void
write_codes(CodeBatch *batch, BulkWriter *writer, uint32 count)
{
	bulk_write_begin_array(writer, PAGE_ARRAY_CODES);
	encode_all(batch, count, put_in_index, writer);
	bulk_write_end_array(writer);
	bulk_write_flush(writer);
}

void
build_codes_keep(const IndexType *type, const QuantizerRoutine *quantizer,
				 const BuiltArray *vectors, uint32 count, BuildMemory *memory, Size limit,
				 bool parallel)
{
	CodeBatch batch = {.type = type, .quantizer = quantizer, .vectors = vectors};

	Assert(quantizer->parameters_size(type->dimensions) == 0);
	batch.code_size = quantizer->code_size(type->dimensions);
	batch.copy = palloc(type->vector_size);
	batch.floats = palloc(type->dimensions * sizeof(float));
	build_memory_begin_writing(memory, (Size) batch.code_size * count, limit, parallel);
	encode_all(&batch, count, put_in_memory, memory);
	build_memory_end_writing(memory);
	pfree(batch.floats);
	pfree(batch.copy);
}

typedef struct CopyVector
{
	CodeBatch *batch;
	uint32 ordinal;
	float *to;
} CopyVector;

static void
copy_section(void *argument)
{
	CopyVector *copy = argument;

	memcpy(copy->to, vector_floats(copy->batch, copy->ordinal),
		   copy->batch->type->dimensions * sizeof(float));
}

/* Train the quantizer's parameters on vectors spread over the array. */
static void *
train_parameters(CodeBatch *batch, uint32 size, uint32 count)
{
	uint32 dimensions = batch->type->dimensions;
	Size vector_size = dimensions * sizeof(float);
	Size memory = (Size) maintenance_work_mem * 1024 / 2;
	uint32 wanted = Min((uint32) Max(Min(memory / vector_size, TRAIN_VECTORS), 1), count);
	void *parameters = palloc0(size);
	const float **sample = palloc(Max(wanted, 1) * sizeof(float *));
	char *vectors = MemoryContextAllocHuge(CurrentMemoryContext, Max(wanted, 1) * vector_size);

	for (uint32 i = 0; i < wanted; i++)
	{
		CopyVector copy = {.batch = batch};

		CHECK_FOR_INTERRUPTS();
		copy.ordinal = (uint32) ((uint64) i * count / wanted);
		copy.to = (float *) (vectors + i * vector_size);
		mapped_read_call(copy_section, &copy);
		sample[i] = copy.to;
	}
	batch->quantizer->train(sample, wanted, dimensions, parameters);
	pfree(vectors);
	pfree(sample);
	return parameters;
}

void *
build_codes_write(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
				  const BuiltArray *vectors, uint32 count)
{
	uint32 parameters_size = meta->arrays[PAGE_ARRAY_PARAMETERS].slot_size;
	void *parameters = NULL;
	CodeBatch batch = {.type = type, .vectors = vectors};

	batch.quantizer = quantizer_routine((QuantizerKind) meta->quantizer);
	batch.code_size = meta->arrays[PAGE_ARRAY_CODES].slot_size;
	if (batch.code_size == 0 && parameters_size == 0)
		return NULL;
	batch.copy = palloc(type->vector_size);
	batch.floats = palloc(type->dimensions * sizeof(float));
	if (parameters_size > 0)
	{
		parameters = train_parameters(&batch, parameters_size, count);
		bulk_write_begin_array(writer, PAGE_ARRAY_PARAMETERS);
		bulk_write_slot(writer, parameters);
		bulk_write_end_array(writer);
	}
	if (batch.code_size > 0)
	{
		batch.parameters = parameters;
		write_codes(&batch, writer, count);
	}
	pfree(batch.floats);
	pfree(batch.copy);
	return parameters;
}
