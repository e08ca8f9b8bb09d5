/*
 * types/element_type.h
 *		What the code shared by our element types must know of each of them, and the checks that
 *		all of them make in the same words.
 *
 * vector, halfvec and sparsevec differ in how elements are stored, but not in what they accept:
 * at least one dimension and at most max_dimensions, elements that are finite, and the number of
 * dimensions that the column's type modifier asks for.  Shared code works on arrays of float4; a
 * type with other elements converts at the edge, and has to be asked whether a float4 fits.
 *
 * Checks with an escontext report there and return false when it is an ErrorSaveContext
 * (PostgreSQL 16 and later); in all other cases they don't return on error.
 */
#ifndef TYPES_ELEMENT_TYPE_H
#define TYPES_ELEMENT_TYPE_H

#include <math.h>

#include "nodes/nodes.h"
#include "utils/array.h"

typedef struct ElementType
{
	const char *name;	/* as in SQL and in messages */
	int max_dimensions; /* of a value */

	/*
	 * Elements that are narrower than float4: the least magnitude that rounds to infinity, and the
	 * greatest that rounds to zero.  0 where elements are float4.
	 */
	float4 overflow;
	float4 underflow;

	/*
	 * Types that store every element (types/dense.h) alone: bytes of an element; conversions, of
	 * which the second rounds (both NULL where elements are float4); the order of two lists of so
	 * many elements; and their kernels (distance/distance.h).
	 */
	Size element_size;
	void (*elements_read)(const void *elements, float4 *values, int count);
	void (*elements_write)(const float4 *values, void *elements, int count);
	int (*elements_compare)(const void *a, const void *b, int count);
	float4 (*l2_squared)(const void *a, const void *b, uint32 count);
	float4 (*inner_product)(const void *a, const void *b, uint32 count);
	float4 (*l1)(const void *a, const void *b, uint32 count);
	double (*cosine_similarity)(const void *a, const void *b, uint32 count);
} ElementType;

/* Is this a number that the type's elements can't hold? */
static inline bool
element_type_overflows(const ElementType *type, float4 value)
{
	return type->overflow > 0 && fabsf(value) >= type->overflow && !isinf(value);
}

/* The number of dimensions a value may have. */
extern bool
element_type_check_dimensions(const ElementType *type, int dimensions, struct Node *escontext);

/* The number of dimensions that a type modifier asks for; -1 asks for nothing. */
extern bool element_type_check_typmod(int32 typmod, int dimensions, struct Node *escontext);

/* Neither NaN nor infinite, and in the range of the type's elements. */
extern bool element_type_check_value(const ElementType *type, float4 value, struct Node *escontext);
extern void element_type_check_values(const ElementType *type, const float4 *values, int count);

/* The type modifier of "name(n)": n itself. */
extern int32 element_type_parse_typmod(const ElementType *type, ArrayType *modifiers);

extern void element_type_report_different(const ElementType *type, int left, int right);

/* Both operands of a distance or of arithmetic have the same number of dimensions. */
static inline void
element_type_check_same(const ElementType *type, int left, int right)
{
	if (unlikely(left != right))
		element_type_report_different(type, left, right);
}

#endif /* TYPES_ELEMENT_TYPE_H */
