/*
 * types/bit.c
 *		Distances between two bit strings, for SQL.
 *
 * The counting is done by the kernels chosen at load (distance/bit_distance.h), on whole bytes: the
 * server keeps the bits behind a string's end zero.
 */
#include "postgres.h"
#include "compat.h"

#include "distance/bit_distance.h"
#include "types/bit.h"

PG_FUNCTION_INFO_V1(hamming_distance);
PG_FUNCTION_INFO_V1(jaccard_distance);

void
bit_report_corrupt(const VarBit *bits)
{
	Size size = VARSIZE(bits);

	if (size < VARHDRSZ + VARBITHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid bit string value"),
				 errdetail("The value has %zu bytes, which is not enough for a length.", size)));
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid bit string value"),
					errdetail("The value has %zu bytes and says that it has %d bits.", size,
							  VARBITLEN(bits))));
}

void
bit_report_different(int left, int right)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("different bit lengths %u and %u", left, right)));
}

typedef struct BitPair
{
	const uint8 *a;
	const uint8 *b;
	size_t bytes;
} BitPair;

static BitPair
bit_pair_get(FunctionCallInfo fcinfo)
{
	VarBit *a = PG_GETARG_BIT_STRING_P(0);
	VarBit *b = PG_GETARG_BIT_STRING_P(1);

	if (VARBITLEN(a) != VARBITLEN(b))
		bit_report_different(VARBITLEN(a), VARBITLEN(b));
	return (BitPair){.a = VARBITS(a), .b = VARBITS(b), .bytes = VARBITBYTES(a)};
}

Datum
hamming_distance(PG_FUNCTION_ARGS)
{
	BitPair pair = bit_pair_get(fcinfo);

	PG_RETURN_FLOAT8((double) bit_kernels->hamming(pair.a, pair.b, pair.bytes));
}

Datum
jaccard_distance(PG_FUNCTION_ARGS)
{
	BitPair pair = bit_pair_get(fcinfo);

	PG_RETURN_FLOAT8(bit_kernels->jaccard(pair.a, pair.b, pair.bytes));
}
