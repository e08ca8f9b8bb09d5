/*
 * types/sparsevec_io.c
 *		Text and binary input and output of type sparsevec, and its type modifier.
 *
 * The text form is "{index:value,...}/dimensions", with indices from 1, in any order; elements that
 * are zero are dropped, and don't count as duplicates.  The binary form, in network byte order:
 * int32 dimensions, int32 elements, int32 0, the indices from 0 as ascending int32s, then the values
 * as float4s, none of them zero.
 */
#include "postgres.h"
#include "compat.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "types/sparsevec.h"
#include "types/text_scan.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(sparsevec_in);
PG_FUNCTION_INFO_V1(sparsevec_out);
PG_FUNCTION_INFO_V1(sparsevec_typmod_in);
PG_FUNCTION_INFO_V1(sparsevec_recv);
PG_FUNCTION_INFO_V1(sparsevec_send);

typedef struct SparseElement
{
	int32 index;
	float4 value;
} SparseElement;

static int
compare_indices(const void *a, const void *b)
{
	int32 left = ((const SparseElement *) a)->index;
	int32 right = ((const SparseElement *) b)->index;

	return (left > right) - (left < right);
}

/*
 * Room for the elements of text: one more than it has commas.  NULL if that is more than a value
 * can have, zeros included.
 */
static SparseElement *
alloc_elements(const char *text, struct Node *escontext)
{
	int count = 1;

	for (; *text != '\0'; text++)
	{
		if (*text == ',' && ++count > SPARSEVEC_MAX_NNZ)
		{
			(void) sparsevec_check_nnz(count, count, escontext);
			return NULL;
		}
	}
	return palloc(sizeof(SparseElement) * count);
}

/*
 * Parse "index:value" at *cursor and move *cursor behind it.
 */
static bool
parse_element(const char *text, const char **cursor, SparseElement *element, struct Node *escontext)
{
	const ElementType *type = &sparsevec_element_type;

	if (!text_read_int32(type, text, cursor, &element->index, escontext))
		return false;
	/* From 0; below that anything is out of bounds. */
	element->index = Max(element->index, 0) - 1;

	*cursor = text_skip_whitespace(*cursor);
	if (**cursor != ':')
		return text_report_syntax_error(type, text, NULL, escontext);
	(*cursor)++;
	return text_read_float4(type, text, cursor, false, &element->value, escontext);
}

/*
 * Parse the list in braces at *cursor and move *cursor behind it.  elements has room for one more
 * than there are commas.
 */
static bool
parse_elements(const char *text, const char **cursor, SparseElement *elements, int *count,
			   struct Node *escontext)
{
	const ElementType *type = &sparsevec_element_type;

	*count = 0;
	if (**cursor != '{')
		return text_report_syntax_error(type, text, "Vector contents must start with \"{\".",
										escontext);
	*cursor = text_skip_whitespace(*cursor + 1);
	if (**cursor == '}')
	{
		(*cursor)++;
		return true;
	}

	for (;;)
	{
		char separator;

		if (!parse_element(text, cursor, &elements[*count], escontext))
			return false;
		if (elements[*count].value != 0)
			(*count)++;

		*cursor = text_skip_whitespace(*cursor);
		separator = **cursor;
		if (separator != ',' && separator != '}')
			return text_report_syntax_error(type, text, NULL, escontext);
		(*cursor)++;
		if (separator == '}')
			return true;
	}
}

/*
 * Parse "/dimensions" and the end of text at cursor.
 */
static bool
parse_dimensions(const char *text, const char *cursor, int32 *dimensions, struct Node *escontext)
{
	const ElementType *type = &sparsevec_element_type;

	cursor = text_skip_whitespace(cursor);
	if (*cursor != '/')
		return text_report_syntax_error(type, text, "Unexpected end of input.", escontext);
	cursor++;
	if (!text_read_int32(type, text, &cursor, dimensions, escontext))
		return false;
	if (*text_skip_whitespace(cursor) != '\0')
		return text_report_syntax_error(type, text, "Junk after closing.", escontext);
	return true;
}

Datum
sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	struct Node *escontext = fcinfo->context;
	const char *cursor = text_skip_whitespace(text);
	SparseElement *elements = alloc_elements(text, escontext);
	int count;
	int32 dim;
	Sparsevec *result;

	if (elements == NULL || !parse_elements(text, &cursor, elements, &count, escontext) ||
		!parse_dimensions(text, cursor, &dim, escontext) ||
		!element_type_check_dimensions(&sparsevec_element_type, dim, escontext) ||
		!element_type_check_typmod(typmod, dim, escontext))
		PG_RETURN_NULL();

	qsort(elements, count, sizeof(SparseElement), compare_indices);
	for (int i = 0; i < count; i++)
	{
		int32 previous = i > 0 ? elements[i - 1].index : -1;

		if (!sparsevec_check_index(elements[i].index, previous, dim, escontext))
			PG_RETURN_NULL();
	}

	result = sparsevec_alloc(dim, count);
	for (int i = 0; i < count; i++)
	{
		result->indices[i] = elements[i].index;
		sparsevec_values(result)[i] = elements[i].value;
	}
	pfree(elements);
	PG_RETURN_SPARSEVEC_P(result);
}

Datum
sparsevec_out(PG_FUNCTION_ARGS)
{
	Sparsevec *sparsevec = PG_GETARG_SPARSEVEC_P(0);
	const float4 *values = sparsevec_values(sparsevec);
	/* An index of up to 10 digits, ':', a value, and ',', for which the value's length has room. */
	Size element_length = 10 + 1 + FLOAT_SHORTEST_DECIMAL_LEN;
	char *text = palloc(sparsevec->nnz * element_length + sizeof("{}/2147483647"));
	char *cursor = text;

	*cursor++ = '{';
	for (int i = 0; i < sparsevec->nnz; i++)
	{
		if (i > 0)
			*cursor++ = ',';
		/* Unsigned, for what a damaged value may hold. */
		cursor += pg_ultoa_n((uint32) sparsevec->indices[i] + 1, cursor);
		*cursor++ = ':';
		cursor += float_to_shortest_decimal_bufn(values[i], cursor);
	}
	*cursor++ = '}';
	*cursor++ = '/';
	cursor += pg_ultoa_n((uint32) sparsevec->dim, cursor);
	*cursor = '\0';

	PG_FREE_IF_COPY(sparsevec, 0);
	PG_RETURN_CSTRING(text);
}

Datum
sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType *modifiers = PG_GETARG_ARRAYTYPE_P(0);

	PG_RETURN_INT32(element_type_parse_typmod(&sparsevec_element_type, modifiers));
}

static uint32
read_wire_int32(const char *wire, int i)
{
	uint32 bits;

	memcpy(&bits, wire + sizeof(bits) * i, sizeof(bits));
	return pg_ntoh32(bits);
}

Datum
sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int32 typmod = PG_GETARG_INT32(2);
	int32 dim = (int32) pq_getmsgint(message, sizeof(int32));
	int32 nnz = (int32) pq_getmsgint(message, sizeof(int32));
	int32 unused = (int32) pq_getmsgint(message, sizeof(int32));
	const char *wire_indices;
	const char *wire_values;
	Sparsevec *result;
	float4 *values;

	(void) element_type_check_dimensions(&sparsevec_element_type, dim, NULL);
	(void) sparsevec_check_nnz(nnz, dim, NULL);
	(void) element_type_check_typmod(typmod, dim, NULL);
	if (unused != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected unused to be 0, not %d", unused)));

	/* One check of the message's length for all elements, not one for each. */
	wire_indices = pq_getmsgbytes(message, (int) sizeof(int32) * nnz);
	wire_values = pq_getmsgbytes(message, (int) sizeof(float4) * nnz);
	result = sparsevec_alloc(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		int32 previous = i > 0 ? result->indices[i - 1] : -1;

		result->indices[i] = (int32) read_wire_int32(wire_indices, i);
		(void) sparsevec_check_index(result->indices[i], previous, dim, NULL);
	}

	values = sparsevec_values(result);
	for (int i = 0; i < nnz; i++)
	{
		uint32 bits = read_wire_int32(wire_values, i);

		memcpy(&values[i], &bits, sizeof(bits));
		(void) element_type_check_value(&sparsevec_element_type, values[i], NULL);
		if (values[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary representation of sparsevec cannot contain zero values")));
	}
	PG_RETURN_SPARSEVEC_P(result);
}

Datum
sparsevec_send(PG_FUNCTION_ARGS)
{
	Sparsevec *sparsevec = PG_GETARG_SPARSEVEC_P(0);
	const float4 *values = sparsevec_values(sparsevec);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, (int) sparsevec_size(sparsevec->nnz));
	pq_writeint32(&message, (uint32) sparsevec->dim);
	pq_writeint32(&message, (uint32) sparsevec->nnz);
	pq_writeint32(&message, (uint32) sparsevec->unused);
	for (int i = 0; i < sparsevec->nnz; i++)
		pq_writeint32(&message, (uint32) sparsevec->indices[i]);
	for (int i = 0; i < sparsevec->nnz; i++)
	{
		uint32 bits;

		memcpy(&bits, &values[i], sizeof(bits));
		pq_writeint32(&message, bits);
	}

	PG_FREE_IF_COPY(sparsevec, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
