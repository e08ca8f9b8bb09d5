/*
 * types/dense.c
 *		Values that store every element: making them, opening them, their elements as float4.
 */
#include "postgres.h"
#include "compat.h"

#include "types/dense.h"

static Size
dense_size(const ElementType *type, int dimensions)
{
	return offsetof(DenseVector, elements) + type->element_size * (Size) dimensions;
}

void *
dense_alloc(const ElementType *type, int dimensions)
{
	Size size = dense_size(type, dimensions);
	DenseVector *value = palloc(size);

	Assert(dimensions >= 1 && dimensions <= type->max_dimensions);
	SET_VARSIZE(value, size);
	value->dim = (int16) dimensions;
	value->unused = 0;
	return value;
}

DenseVector *
dense_open(const ElementType *type, Datum value)
{
	DenseVector *opened = (DenseVector *) PG_DETOAST_DATUM(value);
	Size size = VARSIZE(opened);

	if (unlikely(size <= dense_size(type, 0) || opened->dim < 1 ||
				 size != dense_size(type, opened->dim)))
		dense_report_corrupt(type, opened);
	return opened;
}

void
dense_report_corrupt(const ElementType *type, const void *value)
{
	Size size = VARSIZE(value);

	if (size <= dense_size(type, 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid %s value", type->name),
				 errdetail("The value has %zu bytes, which is not enough for a dimension.", size)));
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid %s value", type->name),
					errdetail("The value has %zu bytes and says that it has %d dimensions.", size,
							  ((const DenseVector *) value)->dim)));
}

const float4 *
dense_values(const ElementType *type, const void *value)
{
	const DenseVector *vector = value;
	float4 *values;

	if (type->elements_read == NULL)
		return (const float4 *) vector->elements;
	values = palloc(sizeof(float4) * vector->dim);
	type->elements_read(vector->elements, values, vector->dim);
	return values;
}

void *
dense_from_values(const ElementType *type, const float4 *values, int dimensions)
{
	DenseVector *result = dense_alloc(type, dimensions);

	if (type->elements_write == NULL)
		memcpy(result->elements, values, sizeof(float4) * dimensions);
	else
		type->elements_write(values, result->elements, dimensions);
	return result;
}

float4 *
dense_result_begin(const ElementType *type, DenseVector *result)
{
	if (type->elements_write == NULL)
		return (float4 *) result->elements;
	return palloc(sizeof(float4) * result->dim);
}

void
dense_result_end(const ElementType *type, DenseVector *result, float4 *values)
{
	if (type->elements_write == NULL)
		return;
	type->elements_write(values, result->elements, result->dim);
	pfree(values);
}
