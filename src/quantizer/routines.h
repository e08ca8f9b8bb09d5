/*
 * routines.h
 *		The quantizers that quantizer.c knows, one file each.
 */
#ifndef VECTORSTORE_QUANTIZER_ROUTINES_H
#define VECTORSTORE_QUANTIZER_ROUTINES_H

#include "quantizer/quantizer.h"

extern const QuantizerRoutine quantizer_none;
extern const QuantizerRoutine quantizer_sq8;

#endif /* VECTORSTORE_QUANTIZER_ROUTINES_H */
