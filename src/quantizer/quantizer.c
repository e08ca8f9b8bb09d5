/*
 * quantizer.c
 *		The routine of each kind of quantizer.
 */
#include "quantizer/quantizer.h"
#include "routines.h"

const QuantizerRoutine *
quantizer_routine(QuantizerKind kind)
{
	/* The number may come from a page: compared, not used as an index. */
	switch (kind)
	{
		case QUANTIZER_NONE:
			return &quantizer_none;
		case QUANTIZER_SQ8:
			return &quantizer_sq8;
	}
	return NULL;
}
