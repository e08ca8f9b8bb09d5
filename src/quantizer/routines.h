/*
 * routines.h
 *		The quantizers that quantizer.c knows, one file each.
 */
#ifndef VECTORSTORE_QUANTIZER_ROUTINES_H
#define VECTORSTORE_QUANTIZER_ROUTINES_H

#include "quantizer/quantizer.h"

extern const QuantizerRoutine quantizer_none;
extern const QuantizerRoutine quantizer_sq8;
extern const QuantizerRoutine quantizer_rabitq_1;
extern const QuantizerRoutine quantizer_rabitq_2;
extern const QuantizerRoutine quantizer_rabitq_4;
extern const QuantizerRoutine quantizer_rabitq_8;

#endif /* VECTORSTORE_QUANTIZER_ROUTINES_H */
