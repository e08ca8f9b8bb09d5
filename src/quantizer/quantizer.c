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
		case QUANTIZER_RABITQ_1:
			return &quantizer_rabitq_1;
		case QUANTIZER_RABITQ_2:
			return &quantizer_rabitq_2;
		case QUANTIZER_RABITQ_4:
			return &quantizer_rabitq_4;
		case QUANTIZER_RABITQ_8:
			return &quantizer_rabitq_8;
	}
	return NULL;
}
