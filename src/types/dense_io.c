/*
 * types/dense_io.c
 *		Text and binary input and output of dense types, and their type modifier.
 *
 * The binary form, in network byte order: int16 dimensions, int16 0, then the elements.
 */
#include "postgres.h"
#include "compat.h"

#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "types/dense.h"
#include "types/float_list.h"

/*
 * Elements between the machine's byte order and that of the network; both ways alike.
 */
static void
swap_elements(const ElementType *type, const char *from, char *to, int count)
{
	if (type->element_size == sizeof(uint16))
	{
		for (int i = 0; i < count; i++)
		{
			uint16 bits;

			memcpy(&bits, from + sizeof(bits) * i, sizeof(bits));
			bits = pg_hton16(bits);
			memcpy(to + sizeof(bits) * i, &bits, sizeof(bits));
		}
		return;
	}

	Assert(type->element_size == sizeof(uint32));
	for (int i = 0; i < count; i++)
	{
		uint32 bits;

		memcpy(&bits, from + sizeof(bits) * i, sizeof(bits));
		bits = pg_hton32(bits);
		memcpy(to + sizeof(bits) * i, &bits, sizeof(bits));
	}
}

Datum
dense_in(const ElementType *type, FunctionCallInfo fcinfo)
{
	char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	float4 *values;
	int count;

	if (!float_list_parse(type, text, &values, &count, fcinfo->context) ||
		!element_type_check_typmod(typmod, count, fcinfo->context))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(dense_from_values(type, values, count));
}

Datum
dense_out(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	char *text = float_list_print(dense_values(type, value), value->dim);

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_CSTRING(text);
}

Datum
dense_typmod_in(const ElementType *type, FunctionCallInfo fcinfo)
{
	ArrayType *modifiers = PG_GETARG_ARRAYTYPE_P(0);

	PG_RETURN_INT32(element_type_parse_typmod(type, modifiers));
}

Datum
dense_recv(const ElementType *type, FunctionCallInfo fcinfo)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int32 typmod = PG_GETARG_INT32(2);
	int16 dimensions = (int16) pq_getmsgint(message, sizeof(int16));
	int16 unused = (int16) pq_getmsgint(message, sizeof(int16));
	const char *wire;
	DenseVector *value;

	(void) element_type_check_dimensions(type, dimensions, NULL);
	(void) element_type_check_typmod(typmod, dimensions, NULL);
	if (unused != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected unused to be 0, not %d", unused)));

	/* One check of the message's length for all elements, not one for each. */
	wire = pq_getmsgbytes(message, (int) type->element_size * dimensions);
	value = dense_alloc(type, dimensions);
	swap_elements(type, wire, value->elements, dimensions);
	element_type_check_values(type, dense_values(type, value), dimensions);
	PG_RETURN_POINTER(value);
}

Datum
dense_send(const ElementType *type, FunctionCallInfo fcinfo)
{
	DenseVector *value = dense_open(type, PG_GETARG_DATUM(0));
	int size = (int) type->element_size * value->dim;
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, (uint16) value->dim);
	pq_sendint16(&message, (uint16) value->unused);
	enlargeStringInfo(&message, size);
	swap_elements(type, value->elements, message.data + message.len, value->dim);
	message.len += size;

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
