/*
 * types/text_scan.h
 *		What the text input of all element types is made of: white space, numbers, and the error
 *		for anything else.
 *
 * Errors go to escontext where it is an ErrorSaveContext, as in types/element_type.h.  text is the
 * whole input, for messages.
 */
#ifndef TYPES_TEXT_SCAN_H
#define TYPES_TEXT_SCAN_H

#include "types/element_type.h"

/* The first character that is no white space as array input knows it. */
static inline const char *
text_skip_whitespace(const char *cursor)
{
	while (*cursor == ' ' || (*cursor >= '\t' && *cursor <= '\r'))
		cursor++;
	return cursor;
}

/* The error for text that is no value; always false.  detail may be NULL. */
extern bool text_report_syntax_error(const ElementType *type, const char *text, const char *detail,
									 struct Node *escontext);

/*
 * Read a number that the type can hold as a float4 at *cursor, behind white space, and move *cursor
 * behind it.  One too small for a float4 becomes the nearest denormal, or else zero or an error, as
 * may_vanish says.
 */
extern bool text_read_float4(const ElementType *type, const char *text, const char **cursor,
							 bool may_vanish, float4 *value, struct Node *escontext);

/*
 * Read a whole number in the same way; one that doesn't fit becomes the nearest that does, for the
 * caller's range check to find.
 */
extern bool text_read_int32(const ElementType *type, const char *text, const char **cursor,
							int32 *value, struct Node *escontext);

#endif /* TYPES_TEXT_SCAN_H */
