/*
 * types/float_list.c
 *		The text form of dense element types.
 *
 * Numbers are read by strtof, like float4in does, so that a decimal is rounded once.  The server
 * runs with LC_NUMERIC = C.  A number too small for a float4 becomes zero (or the nearest
 * denormal), one too large is an error: what pgvector does too.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "types/float_list.h"

static const char *
skip_whitespace(const char *cursor)
{
	while (*cursor == ' ' || (*cursor >= '\t' && *cursor <= '\r'))
		cursor++;
	return cursor;
}

/*
 * An upper bound of the number of values in text, not above what the type can hold.
 */
static int
count_separators(const ElementType *type, const char *text)
{
	int capacity = 1;

	while (capacity < type->max_dimensions && (text = strchr(text, ',')) != NULL)
	{
		text++;
		capacity++;
	}
	return capacity;
}

static bool
report_syntax_error(const ElementType *type, const char *text, const char *detail,
					struct Node *escontext)
{
	ereturn(escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type->name, text),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/*
 * Read one number at *cursor and move *cursor behind it.
 */
static bool
parse_value(const ElementType *type, const char *text, const char **cursor, float4 *value,
			struct Node *escontext)
{
	const char *start = skip_whitespace(*cursor);
	char *end;

	errno = 0;
	*value = strtof(start, &end);
	if (end == start)
		return report_syntax_error(type, text, NULL, escontext);
	if (errno == ERANGE && isinf(*value))
		ereturn(escontext, false,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range for type %s", pnstrdup(start, end - start),
						type->name)));

	*cursor = end;
	return element_type_check_value(type, *value, escontext);
}

bool
float_list_parse(const ElementType *type, const char *text, float4 **values, int *count,
				 struct Node *escontext)
{
	const char *cursor = skip_whitespace(text);
	float4 *parsed;
	int parsed_count = 0;

	if (*cursor != '[')
		return report_syntax_error(type, text, "Vector contents must start with \"[\".", escontext);

	cursor = skip_whitespace(cursor + 1);
	if (*cursor == ']')
		return element_type_check_dimensions(type, 0, escontext);

	parsed = palloc(sizeof(float4) * count_separators(type, cursor));
	for (;;)
	{
		if (parsed_count == type->max_dimensions)
			return element_type_check_dimensions(type, parsed_count + 1, escontext);
		if (!parse_value(type, text, &cursor, &parsed[parsed_count], escontext))
			return false;
		parsed_count++;

		cursor = skip_whitespace(cursor);
		if (*cursor == ']')
			break;
		if (*cursor != ',')
			return report_syntax_error(type, text, NULL, escontext);
		cursor++;
	}

	cursor = skip_whitespace(cursor + 1);
	if (*cursor != '\0')
		return report_syntax_error(type, text, "Junk after closing right brace.", escontext);

	*values = parsed;
	*count = parsed_count;
	return true;
}

char *
float_list_print(const float4 *values, int count)
{
	/* A value and its separator fit into FLOAT_SHORTEST_DECIMAL_LEN, which counts a NUL. */
	char *text = palloc((Size) count * FLOAT_SHORTEST_DECIMAL_LEN + sizeof("[]"));
	char *cursor = text;

	*cursor++ = '[';
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			*cursor++ = ',';
		cursor += float_to_shortest_decimal_bufn(values[i], cursor);
	}
	*cursor++ = ']';
	*cursor = '\0';
	return text;
}
