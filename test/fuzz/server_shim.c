/*
 * server_shim.c
 *		The functions of the server that the code of the types calls.
 *
 * Behavior that the types depend on is that of the server: limits of allocations, messages and
 * SQLSTATEs, checks of a message's length, the layout of arrays.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>
#include <setjmp.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "server_shim.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

/* Errors */

static sigjmp_buf *error_jump;
static int error_code;
static char error_message[512];
static char error_state[6];

ShimOutcome
shim_call(PGFunction function, int argument_count, const Datum *arguments, Datum *result)
{
	LOCAL_FCINFO(fcinfo, 8);
	sigjmp_buf jump;
	volatile ShimOutcome outcome = SHIM_ERROR;

	Assert(argument_count <= 8);
	InitFunctionCallInfoData(*fcinfo, NULL, argument_count, InvalidOid, NULL, NULL);
	for (int i = 0; i < argument_count; i++)
	{
		fcinfo->args[i].value = arguments[i];
		fcinfo->args[i].isnull = false;
	}

	error_jump = &jump;
	if (sigsetjmp(jump, 0) == 0)
	{
		*result = function(fcinfo);
		outcome = fcinfo->isnull ? SHIM_NULL : SHIM_VALUE;
	}
	error_jump = NULL;
	return outcome;
}

const char *
shim_error_state(void)
{
	for (int i = 0; i < 5; i++)
		error_state[i] = (char) PGUNSIXBIT(error_code >> (6 * i));
	return error_state;
}

const char *
shim_error_message(void)
{
	return error_message;
}

bool
errstart(int elevel, const char *domain)
{
	if (elevel < ERROR || error_jump == NULL)
		abort();
	error_code = ERRCODE_INTERNAL_ERROR;
	error_message[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(*error_jump, 1);
}

int
errcode(int sqlerrcode)
{
	error_code = sqlerrcode;
	return 0;
}

int
errmsg(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error_message, sizeof(error_message), format, arguments);
	va_end(arguments);
	return 0;
}

int
errdetail(const char *format, ...)
{
	char detail[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	return 0;
}

/* From 16 on: an error of a caller that gave no place to save it is one like any other. */
bool errsave_start(struct Node *context, const char *domain);
void errsave_finish(struct Node *context, const char *filename, int lineno, const char *funcname);

bool
errsave_start(struct Node *context, const char *domain)
{
	return errstart(ERROR, domain);
}

void
errsave_finish(struct Node *context, const char *filename, int lineno, const char *funcname)
{
	errfinish(filename, lineno, funcname);
}

/* Its parameters differ between releases. */
void shim_assertion_failed(const char *condition) __asm__("ExceptionalCondition");

void
shim_assertion_failed(const char *condition)
{
	fprintf(stderr, "assertion failed: %s\n", condition);
	abort();
}

/*
 * Memory.  The live allocations are in a list of their own, so that in front of a block and behind
 * it there is nothing but AddressSanitizer's red zones.  There are only a few at a time.
 */

#define ALLOCATIONS_MAX 1000

static void *allocations[ALLOCATIONS_MAX];
static int allocation_count;

int
shim_allocation_count(void)
{
	return allocation_count;
}

void
shim_reset(void)
{
	while (allocation_count > 0)
		free(allocations[--allocation_count]);
}

static int
find_allocation(const void *pointer)
{
	int found = allocation_count - 1;

	while (found >= 0 && allocations[found] != pointer)
		found--;
	if (found < 0)
	{
		fprintf(stderr, "%p is not allocated\n", pointer);
		abort();
	}
	return found;
}

static void
check_size(Size size)
{
	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errmsg("invalid memory alloc request size %zu", size)));
}

void *
palloc(Size size)
{
	void *block;

	check_size(size);
	block = malloc(size);
	if (block == NULL || allocation_count == ALLOCATIONS_MAX)
		abort();
	allocations[allocation_count++] = block;

	/* As in a server with assertions: what was not set must not look like zeros. */
	return memset(block, 0x7f, size);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
repalloc(void *pointer, Size size)
{
	int i = find_allocation(pointer);

	check_size(size);
	allocations[i] = realloc(pointer, size);
	if (allocations[i] == NULL)
		abort();
	return allocations[i];
}

void
pfree(void *pointer)
{
	int i = find_allocation(pointer);

	free(pointer);
	allocations[i] = allocations[--allocation_count];
}

char *
pnstrdup(const char *in, Size len)
{
	Size length = strnlen(in, len);
	char *copy = palloc(length + 1);

	memcpy(copy, in, length);
	copy[length] = '\0';
	return copy;
}

/* Values: a short header becomes a long one in a copy; nothing is compressed or out of line. */

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	Size length;
	struct varlena *copy;

	if (!VARATT_IS_SHORT(datum))
		return datum;
	length = VARSIZE_SHORT(datum) - VARHDRSZ_SHORT;
	copy = palloc(length + VARHDRSZ);
	SET_VARSIZE(copy, length + VARHDRSZ);
	memcpy(VARDATA(copy), VARDATA_SHORT(datum), length);
	return copy;
}

Datum
DirectFunctionCall1Coll(PGFunction function, Oid collation, Datum argument)
{
	LOCAL_FCINFO(fcinfo, 1);

	InitFunctionCallInfoData(*fcinfo, NULL, 1, collation, NULL, NULL);
	fcinfo->args[0].value = argument;
	fcinfo->args[0].isnull = false;
	return function(fcinfo);
}

bool shim_in_aggregate;

int
AggCheckCallContext(FunctionCallInfo fcinfo, MemoryContext *aggcontext)
{
	return shim_in_aggregate ? AGG_CONTEXT_AGGREGATE : 0;
}

/* Messages */

void
initStringInfo(StringInfo str)
{
	str->maxlen = 64;
	str->data = palloc(str->maxlen);
	str->data[0] = '\0';
	str->len = 0;
	str->cursor = 0;
}

void
enlargeStringInfo(StringInfo str, int needed)
{
	if (needed < 0)
		abort();
	if (str->len + needed + 1 > str->maxlen)
	{
		str->maxlen = str->len + needed + 1;
		str->data = repalloc(str->data, str->maxlen);
	}
}

void
pq_begintypsend(StringInfo buf)
{
	initStringInfo(buf);
	buf->len = VARHDRSZ;
}

bytea *
pq_endtypsend(StringInfo buf)
{
	bytea *result = (bytea *) buf->data;

	SET_VARSIZE(result, buf->len);
	return result;
}

const char *
pq_getmsgbytes(StringInfo msg, int datalen)
{
	const char *bytes = msg->data + msg->cursor;

	if (datalen < 0 || datalen > msg->len - msg->cursor)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("insufficient data left in message")));
	msg->cursor += datalen;
	return bytes;
}

unsigned int
pq_getmsgint(StringInfo msg, int b)
{
	const char *bytes = pq_getmsgbytes(msg, b);
	unsigned int value = 0;

	for (int i = 0; i < b; i++)
		value = value << 8 | (unsigned char) bytes[i];
	return value;
}

/* Numbers */

void
float_overflow_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range: overflow")));
}

void
float_underflow_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range: underflow")));
}

int
pg_ultoa_n(uint32 value, char *a)
{
	char digits[16];
	int length = snprintf(digits, sizeof(digits), "%u", value);

	memcpy(a, digits, length); /* without a NUL, as in the server */
	return length;
}

Datum
shim_numeric(const char *digits)
{
	Size length = strlen(digits);
	struct varlena *numeric = palloc(VARHDRSZ + length);

	SET_VARSIZE(numeric, VARHDRSZ + length);
	memcpy(VARDATA(numeric), digits, length);
	return PointerGetDatum(numeric);
}

Datum
numeric_float4(PG_FUNCTION_ARGS)
{
	struct varlena *numeric = (struct varlena *) PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	char *digits = pnstrdup(VARDATA(numeric), VARSIZE(numeric) - VARHDRSZ);
	char *end;
	float4 value;

	errno = 0;
	value = strtof(digits, &end);
	if (end == digits || *end != '\0')
		abort();
	if (errno == ERANGE && (value == 0 || isinf(value)))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("\"%s\" is out of range for type real", digits)));
	pfree(digits);
	PG_RETURN_FLOAT4(value);
}

/* Arrays */

int
ArrayGetNItems(int ndim, const int *dims)
{
	int count = ndim > 0 ? 1 : 0;

	for (int i = 0; i < ndim; i++)
		count *= dims[i];
	return count;
}

static bool
element_is_null(const ArrayType *array, int i)
{
	const uint8 *bitmap = ARR_NULLBITMAP(array);

	return bitmap != NULL && (bitmap[i / 8] & (1 << (i % 8))) == 0;
}

/* The parameters of these two differ between releases: they became const. */
bool shim_array_contains_nulls(const ArrayType *array) __asm__("array_contains_nulls");
void shim_deconstruct_array(const ArrayType *array, Oid elmtype, int elmlen, bool elmbyval,
							char elmalign, Datum **elemsp, bool **nullsp,
							int *nelemsp) __asm__("deconstruct_array");

bool
shim_array_contains_nulls(const ArrayType *array)
{
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)); i++)
	{
		if (element_is_null(array, i))
			return true;
	}
	return false;
}

/* Of types of variable length and without nulls alone. */
void
shim_deconstruct_array(const ArrayType *array, Oid elmtype, int elmlen, bool elmbyval,
					   char elmalign, Datum **elemsp, bool **nullsp, int *nelemsp)
{
	int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	Datum *elements = palloc(sizeof(Datum) * Max(count, 1));
	char *cursor = ARR_DATA_PTR(array);

	if (elmlen != -1 || elmbyval || elmalign != TYPALIGN_INT || nullsp != NULL)
		abort();
	for (int i = 0; i < count; i++)
	{
		if (element_is_null(array, i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("null array element not allowed in this context")));
		cursor = (char *) att_align_pointer((uintptr_t) cursor, elmalign, elmlen, cursor);
		elements[i] = PointerGetDatum(cursor);
		cursor = (char *) att_addlength_pointer((uintptr_t) cursor, elmlen, cursor);
	}
	*elemsp = elements;
	*nelemsp = count;
}

/* The server's array of cstrings is one of numbers here. */
int32 *
ArrayGetIntegerTypmods(ArrayType *arr, int *n)
{
	int count = ArrayGetNItems(ARR_NDIM(arr), ARR_DIMS(arr));
	int32 *modifiers = palloc(sizeof(int32) * Max(count, 1));

	memcpy(modifiers, ARR_DATA_PTR(arr), sizeof(int32) * count);
	*n = count;
	return modifiers;
}
