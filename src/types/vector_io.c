/*
 * types/vector_io.c
 *		Text and binary input and output of type vector, and its type modifier.
 *
 * The binary form, in network byte order: int16 dimensions, int16 0, then the float4s.
 */
#include "postgres.h"
#include "compat.h"

#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "types/float_list.h"
#include "types/vector.h"

PG_FUNCTION_INFO_V1(vector_in);
PG_FUNCTION_INFO_V1(vector_out);
PG_FUNCTION_INFO_V1(vector_typmod_in);
PG_FUNCTION_INFO_V1(vector_recv);
PG_FUNCTION_INFO_V1(vector_send);

Datum
vector_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	float4 *values;
	int count;

	if (!float_list_parse(&vector_element_type, text, &values, &count, fcinfo->context) ||
		!element_type_check_typmod(typmod, count, fcinfo->context))
		PG_RETURN_NULL();
	PG_RETURN_VECTOR_P(vector_from_values(values, count));
}

Datum
vector_out(PG_FUNCTION_ARGS)
{
	Vector *vector = PG_GETARG_VECTOR_P(0);
	char *text = float_list_print(vector->x, vector->dim);

	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_CSTRING(text);
}

Datum
vector_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType *modifiers = PG_GETARG_ARRAYTYPE_P(0);

	PG_RETURN_INT32(element_type_parse_typmod(&vector_element_type, modifiers));
}

Datum
vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int32 typmod = PG_GETARG_INT32(2);
	int16 dimensions = (int16) pq_getmsgint(message, sizeof(int16));
	int16 unused = (int16) pq_getmsgint(message, sizeof(int16));
	const char *wire;
	Vector *vector;

	(void) element_type_check_dimensions(&vector_element_type, dimensions, NULL);
	(void) element_type_check_typmod(typmod, dimensions, NULL);
	if (unused != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected unused to be 0, not %d", unused)));

	/* One check of the message's length for all elements, not one for each. */
	wire = pq_getmsgbytes(message, (int) sizeof(float4) * dimensions);
	vector = vector_alloc(dimensions);
	for (int i = 0; i < dimensions; i++)
	{
		uint32 bits;

		memcpy(&bits, wire + sizeof(bits) * i, sizeof(bits));
		bits = pg_ntoh32(bits);
		memcpy(&vector->x[i], &bits, sizeof(bits));
	}
	element_type_check_values(&vector_element_type, vector->x, dimensions);
	PG_RETURN_VECTOR_P(vector);
}

Datum
vector_send(PG_FUNCTION_ARGS)
{
	Vector *vector = PG_GETARG_VECTOR_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, (int) vector_size(vector->dim));
	pq_writeint16(&message, (uint16) vector->dim);
	pq_writeint16(&message, (uint16) vector->unused);
	for (int i = 0; i < vector->dim; i++)
	{
		uint32 bits;

		memcpy(&bits, &vector->x[i], sizeof(bits));
		pq_writeint32(&message, bits);
	}

	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
