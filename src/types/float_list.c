/*
 * types/float_list.c
 *		The text form of dense element types.
 *
 * A number too small for a float4 becomes zero (or the nearest denormal), one too large is an
 * error: what pgvector does too.
 */
#include "postgres.h"
#include "compat.h"

#include "common/shortest_dec.h"
#include "types/float_list.h"
#include "types/text_scan.h"

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

bool
float_list_parse(const ElementType *type, const char *text, float4 **values, int *count,
				 struct Node *escontext)
{
	const char *cursor = text_skip_whitespace(text);
	float4 *parsed;
	int parsed_count = 0;

	if (*cursor != '[')
		return text_report_syntax_error(type, text, "Vector contents must start with \"[\".",
										escontext);

	cursor = text_skip_whitespace(cursor + 1);
	if (*cursor == ']')
		return element_type_check_dimensions(type, 0, escontext);

	parsed = palloc(sizeof(float4) * count_separators(type, cursor));
	for (;;)
	{
		if (parsed_count == type->max_dimensions)
			return element_type_check_dimensions(type, parsed_count + 1, escontext);
		if (!text_read_float4(type, text, &cursor, true, &parsed[parsed_count], escontext))
			return false;
		parsed_count++;

		cursor = text_skip_whitespace(cursor);
		if (*cursor == ']')
			break;
		if (*cursor != ',')
			return text_report_syntax_error(type, text, NULL, escontext);
		cursor++;
	}

	cursor = text_skip_whitespace(cursor + 1);
	if (*cursor != '\0')
		return text_report_syntax_error(type, text, "Junk after closing right brace.", escontext);

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
