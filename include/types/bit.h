/*
 * types/bit.h
 *		Bit strings (types bit and bit varying of the server) as vectors of bits.
 *
 * The server makes the values; what is ours is that one whose size doesn't agree with its length is
 * an ERROR here and not a read past its end.
 */
#ifndef TYPES_BIT_H
#define TYPES_BIT_H

#include "fmgr.h"
#include "utils/varbit.h"

extern void bit_report_corrupt(const VarBit *bits);

/* ERROR: operands of a distance are not of the same length. */
extern void bit_report_different(int left, int right);

/*
 * The bit string in a Datum, detoasted: either the Datum's own memory or a palloc'd copy.
 */
static inline VarBit *
DatumGetBitStringP(Datum value)
{
	VarBit *bits = (VarBit *) PG_DETOAST_DATUM(value);
	Size size = VARSIZE(bits);

	if (unlikely(size < VARHDRSZ + VARBITHDRSZ || VARBITLEN(bits) < 0 ||
				 size != VARBITTOTALLEN((Size) VARBITLEN(bits))))
		bit_report_corrupt(bits);
	return bits;
}

#define PG_GETARG_BIT_STRING_P(n) DatumGetBitStringP(PG_GETARG_DATUM(n))

/*
 * Support functions of our operator classes.  An index knows the metric of its operator class by
 * the address of support function 1.
 */
extern PGDLLEXPORT Datum hamming_distance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum jaccard_distance(PG_FUNCTION_ARGS);

#endif /* TYPES_BIT_H */
