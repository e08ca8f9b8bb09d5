/*
 * types/text_scan.c
 *		Reading the parts of an element type's text form.
 *
 * Numbers are read by strtof, like float4in does, so that a decimal is rounded once.  The server
 * runs with LC_NUMERIC = C.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "types/text_scan.h"

bool
text_report_syntax_error(const ElementType *type, const char *text, const char *detail,
						 struct Node *escontext)
{
	ereturn(escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type->name, text),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

bool
text_read_float4(const ElementType *type, const char *text, const char **cursor, bool may_vanish,
				 float4 *value, struct Node *escontext)
{
	const char *start = text_skip_whitespace(*cursor);
	char *end;

	errno = 0;
	*value = strtof(start, &end);
	if (end == start)
		return text_report_syntax_error(type, text, NULL, escontext);
	if ((errno == ERANGE && (isinf(*value) || (*value == 0 && !may_vanish))) ||
		element_type_overflows(type, *value))
		ereturn(escontext, false,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range for type %s", pnstrdup(start, end - start),
						type->name)));

	*cursor = end;
	return element_type_check_value(type, *value, escontext);
}

bool
text_read_int32(const ElementType *type, const char *text, const char **cursor, int32 *value,
				struct Node *escontext)
{
	const char *start = text_skip_whitespace(*cursor);
	char *end;
	long number = strtol(start, &end, 10);

	if (end == start)
		return text_report_syntax_error(type, text, NULL, escontext);

	*value = (int32) Max(Min(number, PG_INT32_MAX), PG_INT32_MIN);
	*cursor = end;
	return true;
}
