/*
 * index/vector_check.c
 *		Verifying the vector of a slot, and its code.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "index/check.h"
#include "index/index_insert.h"
#include "index/index_meta.h"

/* How far from 1 the norm of a vector may be that was normalized in its element type */
#define NORM_TOLERANCE 1e-3

void
vector_check_begin(VectorCheck *check, StorageReader *reader, const char *name, bool has_codes)
{
	const IndexMeta *meta = reader->meta;

	check->reader = reader;
	check->name = name;
	index_meta_type(meta, &check->type);
	check->quantizer = index_meta_quantizer(meta);
	check->has_codes = has_codes && !check->quantizer->exact;
	if (check->has_codes)
		check->parameters = index_read_parameters(reader);
	check->vector = palloc(check->type.vector_size);
	if (check->type.vector_type->to_floats != NULL)
		check->floats = palloc(meta->dimensions * sizeof(float));
	check->code = palloc(meta->arrays[PAGE_ARRAY_CODES].slot_size + 1);
	check->expected_code = palloc(meta->arrays[PAGE_ARRAY_CODES].slot_size + 1);
}

void
vector_check_slot(VectorCheck *check, uint32 ordinal)
{
	buffer_pool_copy_slot(check->reader, PAGE_ARRAY_VECTORS, ordinal, check->vector);
	vector_check_copy(check, ordinal);
}

void
vector_check_copy(VectorCheck *check, uint32 ordinal)
{
	const VectorTypeRoutine *routine = check->type.vector_type;
	Relation index = check->reader->index;
	const IndexMeta *meta = check->reader->meta;
	uint32 code_size = meta->arrays[PAGE_ARRAY_CODES].slot_size;
	double square_sum = 0;

	if (routine->find_fault != NULL)
	{
		const char *fault = routine->find_fault(&check->type, check->vector);

		if (fault != NULL)
			check_fail(index, "The vector of %s %u %s.", check->name, ordinal, fault);
	}
	if (routine->to_floats == NULL)
		return;
	index_type_to_floats(&check->type, check->vector, check->floats);
	for (uint32 i = 0; i < meta->dimensions; i++)
	{
		if (!isfinite(check->floats[i]))
			check_fail(index, "The vector of %s %u has an element that is not finite.", check->name,
					   ordinal);
		square_sum += (double) check->floats[i] * check->floats[i];
	}
	if (meta->metric == DISTANCE_COSINE && fabs(sqrt(square_sum) - 1) > NORM_TOLERANCE)
		check_fail(index, "The vector of %s %u has norm %g, expected 1.", check->name, ordinal,
				   sqrt(square_sum));

	if (!check->has_codes)
		return;
	buffer_pool_copy_slot(check->reader, PAGE_ARRAY_CODES, ordinal, check->code);
	memset(check->expected_code, 0, code_size);
	check->quantizer->encode(check->parameters, check->floats, meta->dimensions,
							 check->expected_code);
	if (memcmp(check->code, check->expected_code, code_size) != 0)
		check_fail(index, "The code of %s %u is not that of its vector.", check->name, ordinal);
}

void
vector_check_pages(VectorCheck *check, uint32 ordinal)
{
	buffer_pool_copy_slot(check->reader, PAGE_ARRAY_VECTORS, ordinal, check->vector);
	if (check->has_codes)
		buffer_pool_copy_slot(check->reader, PAGE_ARRAY_CODES, ordinal, check->code);
}
