/*
 * types/vector.c
 *		Type vector: its description for shared code, and making values.
 */
#include "postgres.h"
#include "compat.h"

#include "types/vector.h"

const ElementType vector_element_type = {.name = "vector", .max_dimensions = VECTOR_MAX_DIM};

Vector *
vector_alloc(int dimensions)
{
	Size size = vector_size(dimensions);
	Vector *vector = palloc(size);

	Assert(dimensions >= 1 && dimensions <= VECTOR_MAX_DIM);
	SET_VARSIZE(vector, size);
	vector->dim = (int16) dimensions;
	vector->unused = 0;
	return vector;
}

Vector *
vector_from_values(const float4 *values, int dimensions)
{
	Vector *vector = vector_alloc(dimensions);

	memcpy(vector->x, values, sizeof(float4) * dimensions);
	return vector;
}

void
vector_report_corrupt(const Vector *vector)
{
	Size size = VARSIZE(vector);

	if (size <= vector_size(0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid vector value"),
				 errdetail("The value has %zu bytes, which is not enough for a dimension.", size)));
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid vector value"),
					errdetail("The value has %zu bytes and says that it has %d dimensions.", size,
							  vector->dim)));
}
