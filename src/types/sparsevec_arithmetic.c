/*
 * types/sparsevec_arithmetic.c
 *		Functions of sparse vectors that are neither distances nor comparisons: their length.
 */
#include "postgres.h"
#include "compat.h"

#include "types/float_arithmetic.h"
#include "types/sparsevec.h"

PG_FUNCTION_INFO_V1(sparsevec_l2_norm);
PG_FUNCTION_INFO_V1(sparsevec_l2_normalize);

Datum
sparsevec_l2_norm(PG_FUNCTION_ARGS)
{
	Sparsevec *value = PG_GETARG_SPARSEVEC_P(0);

	PG_RETURN_FLOAT8(float_norm(sparsevec_values(value), value->nnz));
}

Datum
sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	Sparsevec *value = PG_GETARG_SPARSEVEC_P(0);
	float4 *normalized = palloc(sizeof(float4) * Max(value->nnz, 1));
	int nnz = 0;
	int taken = 0;
	Sparsevec *result;

	/* An element that is tiny beside the others may become zero, and is none then. */
	float_normalize(sparsevec_values(value), normalized, value->nnz);
	for (int i = 0; i < value->nnz; i++)
		nnz += normalized[i] != 0;

	result = sparsevec_alloc(value->dim, nnz);
	for (int i = 0; i < value->nnz; i++)
	{
		if (normalized[i] == 0)
			continue;
		result->indices[taken] = value->indices[i];
		sparsevec_values(result)[taken] = normalized[i];
		taken++;
	}
	pfree(normalized);
	PG_RETURN_SPARSEVEC_P(result);
}
