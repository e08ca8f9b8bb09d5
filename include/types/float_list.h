/*
 * types/float_list.h
 *		The text form of dense element types: "[1,2.5,-3]".
 */
#ifndef TYPES_FLOAT_LIST_H
#define TYPES_FLOAT_LIST_H

#include "types/element_type.h"

/*
 * Parse a list of numbers in brackets, with white space allowed between the tokens.  The values
 * come palloc'd, each one that the type can hold, rounded to float4; so is their number.  False
 * only for an error that was saved in escontext.
 */
extern bool float_list_parse(const ElementType *type, const char *text, float4 **values, int *count,
							 struct Node *escontext);

/* The list in the shortest digits that read back as the same values; palloc'd. */
extern char *float_list_print(const float4 *values, int count);

#endif /* TYPES_FLOAT_LIST_H */
