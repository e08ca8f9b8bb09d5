/*
 * types/sparsevec.c
 *		Type sparsevec: its description for shared code, its checks, and making values.
 *
 * Messages and SQLSTATEs are those of pgvector, because clients match on them.
 */
#include "postgres.h"
#include "compat.h"

#include "types/sparsevec.h"

const ElementType sparsevec_element_type = {.name = "sparsevec",
											.max_dimensions = SPARSEVEC_MAX_DIM};

bool
sparsevec_check_nnz(int nnz, int dim, struct Node *escontext)
{
	if (nnz < 0)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec cannot have negative number of elements")));
	if (nnz > SPARSEVEC_MAX_NNZ)
		ereturn(
			escontext, false,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("sparsevec cannot have more than %d non-zero elements", SPARSEVEC_MAX_NNZ)));
	if (nnz > dim)
		ereturn(escontext, false,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more elements than dimensions")));
	return true;
}

bool
sparsevec_check_index(int32 index, int32 previous, int dim, struct Node *escontext)
{
	if (index < 0 || index >= dim)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("sparsevec index out of bounds")));
	if (index < previous)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must be in ascending order")));
	if (index == previous)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must not contain duplicates")));
	return true;
}

Sparsevec *
sparsevec_alloc(int dim, int nnz)
{
	Size size = sparsevec_size(nnz);
	Sparsevec *sparsevec = palloc(size);

	Assert(dim >= 1 && dim <= SPARSEVEC_MAX_DIM);
	Assert(nnz >= 0 && nnz <= SPARSEVEC_MAX_NNZ && nnz <= dim);
	SET_VARSIZE(sparsevec, size);
	sparsevec->dim = dim;
	sparsevec->nnz = nnz;
	sparsevec->unused = 0;
	return sparsevec;
}

Sparsevec *
sparsevec_from_floats(const float4 *values, int dim)
{
	int nnz = 0;
	int taken = 0;
	Sparsevec *sparsevec;
	float4 *nonzero;

	for (int i = 0; i < dim; i++)
		nnz += values[i] != 0;
	(void) sparsevec_check_nnz(nnz, dim, NULL);

	sparsevec = sparsevec_alloc(dim, nnz);
	nonzero = sparsevec_values(sparsevec);
	for (int i = 0; i < dim; i++)
	{
		if (values[i] == 0)
			continue;
		sparsevec->indices[taken] = i;
		nonzero[taken] = values[i];
		taken++;
	}
	return sparsevec;
}

void
sparsevec_to_floats(const Sparsevec *sparsevec, float4 *values)
{
	const float4 *nonzero = sparsevec_values(sparsevec);

	memset(values, 0, sizeof(float4) * sparsevec->dim);
	for (int i = 0; i < sparsevec->nnz; i++)
	{
		int32 index = sparsevec->indices[i];

		if (unlikely(index < 0 || index >= sparsevec->dim))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid sparsevec value"),
							errdetail("The value has index %d and says that it has %d dimensions.",
									  index, sparsevec->dim)));
		values[index] = nonzero[i];
	}
}

void
sparsevec_report_corrupt(const Sparsevec *sparsevec)
{
	Size size = VARSIZE(sparsevec);

	if (size < sparsevec_size(0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid sparsevec value"),
				 errdetail("The value has %zu bytes, which is not enough for its header.", size)));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid sparsevec value"),
			 errdetail("The value has %zu bytes and says that it has %d elements in %d dimensions.",
					   size, sparsevec->nnz, sparsevec->dim)));
}
