/*
 * types/float_array.h
 *		SQL arrays of numbers as arrays of float4, and back.
 */
#ifndef TYPES_FLOAT_ARRAY_H
#define TYPES_FLOAT_ARRAY_H

#include "types/element_type.h"

/*
 * The elements of an int4[], float4[], float8[] or numeric[]; palloc'd.  ERROR unless the array
 * has one dimension and no nulls, its length is one that the type and typmod allow, and each
 * element is one that the type can hold, rounded to float4.  Returns the length.
 */
extern int
float_array_read(const ElementType *type, ArrayType *array, int32 typmod, float4 **values);

/* A float4[]. */
extern ArrayType *float_array_write(const float4 *values, int count);

/*
 * A one-dimensional array without nulls of a fixed-size, pass-by-value element type, its
 * elements not yet set.
 */
extern ArrayType *float_array_alloc(Oid element_type, Size element_size, int count);

/*
 * The elements of an array of at least one dimension, as memory.  (ARR_DATA_PTR with its operands
 * of one signedness.)
 */
static inline void *
float_array_elements(ArrayType *array)
{
	Size offset =
		ARR_HASNULL(array) ? (Size) array->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(array));

	return (char *) array + offset;
}

#endif /* TYPES_FLOAT_ARRAY_H */
