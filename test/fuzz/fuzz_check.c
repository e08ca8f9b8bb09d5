/*
 * fuzz_check.c
 *		What must be true of results: invariants of the types, round trips, and what is known of
 *		single functions.
 *
 * Nothing here uses the code under test, but for the input and output functions of round trips.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fuzz.h"
#include "lib/stringinfo.h"

/* Invariants */

static void
check_finite(FuzzKind type, float4 value)
{
	if (!isfinite(value))
		fuzz_fail("%s with an element that is %g", fuzz_types[type].name, (double) value);
}

static void
check_dense(FuzzKind type, const DenseVector *value)
{
	Size element_size = type == FUZZ_HALFVEC ? sizeof(Half) : sizeof(float4);

	if (VARSIZE(value) < offsetof(DenseVector, elements))
		fuzz_fail("%s of %zu bytes", fuzz_types[type].name, (Size) VARSIZE(value));
	if (value->dim < 1 || value->dim > fuzz_types[type].max_dimensions || value->unused != 0 ||
		VARSIZE(value) != offsetof(DenseVector, elements) + element_size * value->dim)
		fuzz_fail("%s of %zu bytes, dim %d, unused %d", fuzz_types[type].name,
				  (Size) VARSIZE(value), value->dim, value->unused);
	for (int i = 0; i < value->dim; i++)
	{
		if (type == FUZZ_HALFVEC && (((const Halfvec *) value)->x[i] & 0x7c00) == 0x7c00)
			fuzz_fail("halfvec with an element of the bits %x", ((const Halfvec *) value)->x[i]);
		if (type == FUZZ_VECTOR)
			check_finite(type, ((const Vector *) value)->x[i]);
	}
}

static void
check_sparse(const Sparsevec *value)
{
	if (VARSIZE(value) < sparsevec_size(0))
		fuzz_fail("sparsevec of %zu bytes", (Size) VARSIZE(value));
	if (value->dim < 1 || value->dim > SPARSEVEC_MAX_DIM || value->nnz < 0 ||
		value->nnz > SPARSEVEC_MAX_NNZ || value->nnz > value->dim || value->unused != 0 ||
		VARSIZE(value) != sparsevec_size(value->nnz))
		fuzz_fail("sparsevec of %zu bytes, dim %d, nnz %d, unused %d", (Size) VARSIZE(value),
				  value->dim, value->nnz, value->unused);
	for (int i = 0; i < value->nnz; i++)
	{
		int32 lowest = i > 0 ? value->indices[i - 1] + 1 : 0;

		if (value->indices[i] < lowest || value->indices[i] >= value->dim)
			fuzz_fail("sparsevec with index %d where it should be from %d to %d", value->indices[i],
					  lowest, value->dim - 1);
		check_finite(FUZZ_SPARSEVEC, sparsevec_values(value)[i]);
		if (sparsevec_values(value)[i] == 0)
			fuzz_fail("sparsevec with a zero at %d", i);
	}
}

static void
check_bits(const VarBit *value)
{
	int length;

	if (VARSIZE(value) < VARHDRSZ + VARBITHDRSZ)
		fuzz_fail("bit string of %zu bytes", (Size) VARSIZE(value));
	length = VARBITLEN(value);
	if (length < 0 || VARSIZE(value) != VARBITTOTALLEN(length))
		fuzz_fail("bit string of %zu bytes, %d bits", (Size) VARSIZE(value), length);
	if (length % 8 != 0 && (VARBITS(value)[length / 8] & (0xff >> (length % 8))) != 0)
		fuzz_fail("bit string with bits behind its end");
}

void
fuzz_check_value(FuzzKind type, const void *value)
{
	switch (type)
	{
		case FUZZ_VECTOR:
		case FUZZ_HALFVEC:
			check_dense(type, value);
			break;
		case FUZZ_SPARSEVEC:
			check_sparse(value);
			break;
		default:
			check_bits(value);
			break;
	}
}

/* Elements */

/* By definition, not by the conversion of the code under test. */
static float4
value_of_half(Half half)
{
	int exponent = half >> 10 & 0x1f;
	int fraction = half & 0x3ff;
	float4 magnitude = exponent == 0 ? ldexpf((float4) fraction, -24)
									 : ldexpf((float4) (fraction | 0x400), exponent - 25);

	return half & 0x8000 ? -magnitude : magnitude;
}

FuzzElements
fuzz_elements(FuzzKind type, const void *value)
{
	const DenseVector *dense = value;
	const Sparsevec *sparse = value;
	int dimensions = type == FUZZ_SPARSEVEC ? sparse->dim : dense->dim;
	float4 *values = palloc0(sizeof(float4) * dimensions);

	if (type == FUZZ_SPARSEVEC)
	{
		for (int i = 0; i < sparse->nnz; i++)
			values[sparse->indices[i]] = sparsevec_values(sparse)[i];
	}
	else
	{
		for (int i = 0; i < dimensions; i++)
			values[i] = type == FUZZ_VECTOR ? ((const Vector *) value)->x[i]
											: value_of_half(((const Halfvec *) value)->x[i]);
	}
	return (FuzzElements){.dimensions = dimensions, .values = values};
}

/* A value with a long header, as function results have it. */
static const void *
open_value(Datum value)
{
	return PG_DETOAST_DATUM(value);
}

static bool
is_huge(FuzzKind type, const void *value)
{
	return type == FUZZ_SPARSEVEC && ((const Sparsevec *) value)->dim > 100000;
}

/* The nearest half: neither of its neighbors is nearer. */
static bool
is_nearest_half(float4 half, float4 value)
{
	float8 distance = fabs((float8) half - (float8) value);
	float8 unit = fabsf(half) < 0x1p-14f ? 0x1p-24 : ldexp(1.0, ilogbf(half) - 10);

	/* Below a power of two, halfs are twice as near. */
	return distance <= unit / 2 && isfinite(half);
}

static void
check_element(FuzzKind type, int i, float4 got, float4 expected)
{
	bool right = type == FUZZ_HALFVEC ? is_nearest_half(got, expected) : got == expected;

	if (!right)
		fuzz_fail("element %d is %.9g and not %.9g", i, (double) got, (double) expected);
}

static void
check_elements(FuzzKind type, FuzzElements got, FuzzElements expected)
{
	if (got.dimensions != expected.dimensions)
		fuzz_fail("%d dimensions and not %d", got.dimensions, expected.dimensions);
	for (int i = 0; i < got.dimensions; i++)
		check_element(type, i, got.values[i], expected.values[i]);
}

/* Round trips */

static Datum
call_or_fail(const char *what, PGFunction function, int count, const Datum *arguments)
{
	Datum result = (Datum) 0;

	if (shim_call(function, count, arguments, &result) != SHIM_VALUE)
		fuzz_fail("%s: %s %s", what, shim_error_state(), shim_error_message());
	return result;
}

static void
check_same(const char *what, const void *value, const void *again)
{
	if (VARSIZE(value) != VARSIZE(again) || memcmp(value, again, VARSIZE(value)) != 0)
		fuzz_fail("another value after %s", what);
}

static void
check_round_trips(FuzzKind kind, const void *value)
{
	const FuzzType *type = &fuzz_types[kind];
	Datum argument = PointerGetDatum(value);
	Datum text = call_or_fail("output", type->output, 1, &argument);
	Datum bytes = call_or_fail("send", type->send, 1, &argument);
	StringInfoData message = {.data = VARDATA(DatumGetPointer(bytes)),
							  .len = (int) (VARSIZE(DatumGetPointer(bytes)) - VARHDRSZ)};
	Datum input[3] = {text, (Datum) 0, Int32GetDatum(-1)};
	Datum receive[3] = {PointerGetDatum(&message), (Datum) 0, Int32GetDatum(-1)};

	check_same("output and input", value,
			   DatumGetPointer(call_or_fail("input of output", type->input, 3, input)));
	check_same("send and receive", value,
			   DatumGetPointer(call_or_fail("receive of send", type->receive, 3, receive)));
	if (message.cursor != message.len)
		fuzz_fail("receive left %d of %d bytes", message.len - message.cursor, message.len);
}

static void
check_array(ArrayType *array, Oid type, Size element_size)
{
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != type ||
		ARR_LBOUND(array)[0] != 1 ||
		VARSIZE(array) != ARR_OVERHEAD_NONULLS(1) + element_size * ARR_DIMS(array)[0])
		fuzz_fail("array of %zu bytes, type %u", (Size) VARSIZE(array), ARR_ELEMTYPE(array));
}

void
fuzz_check_result(FuzzCall *call)
{
	switch (call->function->result)
	{
		case FUZZ_VECTOR:
		case FUZZ_HALFVEC:
		case FUZZ_SPARSEVEC:
			call->result = PointerGetDatum(open_value(call->result));
			fuzz_check_value(call->function->result, DatumGetPointer(call->result));
			if (fuzz_chance(2))
				check_round_trips(call->function->result, DatumGetPointer(call->result));
			break;
		case FUZZ_BIT:
			fuzz_check_value(FUZZ_BIT, DatumGetPointer(call->result));
			break;
		case FUZZ_FLOAT4_ARRAY:
			check_array(DatumGetArrayTypeP(call->result), FLOAT4OID, sizeof(float4));
			break;
		case FUZZ_STATE:
			check_array(DatumGetArrayTypeP(call->result), FLOAT8OID, sizeof(float8));
			break;
		default:
			break;
	}
	if (call->function->check != NULL)
		call->function->check(call);
}

/* What is known of single functions */

/* Input and receive: the elements that the text or message was made from. */
void
fuzz_check_input(const FuzzCall *call)
{
	const void *value = DatumGetPointer(call->result);
	int32 typmod = DatumGetInt32(call->arguments[2]);
	int dimensions = call->type == FUZZ_SPARSEVEC ? ((const Sparsevec *) value)->dim
												  : ((const DenseVector *) value)->dim;

	if (typmod != -1 && typmod != dimensions)
		fuzz_fail("%d dimensions for type modifier %d", dimensions, typmod);
	if (call->expected.dimensions > 0)
		check_elements(call->type, fuzz_elements(call->type, value), call->expected);
}

/* The modifier of "type(n)": n. */
void
fuzz_check_modifier(const FuzzCall *call)
{
	ArrayType *modifiers = DatumGetArrayTypeP(call->arguments[0]);
	int32 modifier = *(const int32 *) ARR_DATA_PTR(modifiers);

	if (ARR_DIMS(modifiers)[0] != 1 || modifier < 1 || DatumGetInt32(call->result) != modifier)
		fuzz_fail("modifier %d became %d", modifier, DatumGetInt32(call->result));
}

/* Casts: the elements of the argument, rounded where the result is narrower. */
void
fuzz_check_same_elements(const FuzzCall *call)
{
	FuzzKind from = call->function->arguments[0];
	const void *argument = open_value(call->arguments[0]);
	int32 typmod = DatumGetInt32(call->arguments[1]);
	FuzzElements expected;

	if (is_huge(from, argument))
		return;
	expected = fuzz_elements(from, argument);
	if (call->function->result == FUZZ_FLOAT4_ARRAY)
	{
		ArrayType *array = DatumGetArrayTypeP(call->result);
		FuzzElements got = {.dimensions = ARR_DIMS(array)[0],
							.values = (const float4 *) ARR_DATA_PTR(array)};

		check_elements(FUZZ_VECTOR, got, expected);
		return;
	}
	if (typmod != -1 && typmod != expected.dimensions)
		fuzz_fail("%d dimensions for type modifier %d", expected.dimensions, typmod);
	check_elements(call->function->result,
				   fuzz_elements(call->function->result, DatumGetPointer(call->result)), expected);
}

/* Casts of arrays of numbers: those numbers, rounded to float4 first. */
void
fuzz_check_from_array(const FuzzCall *call)
{
	ArrayType *array = DatumGetArrayTypeP(call->arguments[0]);
	FuzzKind type = call->function->result;
	const void *elements = ARR_DATA_PTR(array);
	FuzzElements got = fuzz_elements(type, DatumGetPointer(call->result));
	int32 typmod = DatumGetInt32(call->arguments[1]);

	if (typmod != -1 && typmod != got.dimensions)
		fuzz_fail("%d dimensions for type modifier %d", got.dimensions, typmod);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != got.dimensions)
		fuzz_fail("%d dimensions of an array", got.dimensions);
	for (int i = 0; i < got.dimensions; i++)
	{
		if (ARR_ELEMTYPE(array) == INT4OID)
			check_element(type, i, got.values[i], (float4) ((const int32 *) elements)[i]);
		else if (ARR_ELEMTYPE(array) == FLOAT4OID)
			check_element(type, i, got.values[i], ((const float4 *) elements)[i]);
		else if (ARR_ELEMTYPE(array) == FLOAT8OID)
			check_element(type, i, got.values[i], (float4) ((const float8 *) elements)[i]);
	}
}

/* Sums, differences, products: of float4, by element. */
void
fuzz_check_arithmetic(const FuzzCall *call)
{
	FuzzKind type = call->function->result;
	const char *suffix = strrchr(call->function->name, '_');
	FuzzElements got = fuzz_elements(type, DatumGetPointer(call->result));
	FuzzElements a = fuzz_elements(type, open_value(call->arguments[0]));
	FuzzElements b = fuzz_elements(type, open_value(call->arguments[1]));

	if (got.dimensions != a.dimensions || got.dimensions != b.dimensions)
		fuzz_fail("%d dimensions of %d and %d", got.dimensions, a.dimensions, b.dimensions);
	for (int i = 0; i < got.dimensions; i++)
	{
		float4 expected = strcmp(suffix, "_add") == 0	? a.values[i] + b.values[i]
						  : strcmp(suffix, "_sub") == 0 ? a.values[i] - b.values[i]
														: a.values[i] * b.values[i];

		check_element(type, i, got.values[i], expected);
	}
}

static int
compare_elements(FuzzElements a, FuzzElements b)
{
	for (int i = 0; i < Min(a.dimensions, b.dimensions); i++)
	{
		if (a.values[i] != b.values[i])
			return a.values[i] < b.values[i] ? -1 : 1;
	}
	return (a.dimensions > b.dimensions) - (a.dimensions < b.dimensions);
}

/* Comparisons: the order of the lists of elements. */
void
fuzz_check_compare(const FuzzCall *call)
{
	FuzzKind type = call->function->arguments[0];
	const void *a = open_value(call->arguments[0]);
	const void *b = open_value(call->arguments[1]);
	const char *suffix = strrchr(call->function->name, '_');
	int order;
	int expected;

	if (is_huge(type, a) || is_huge(type, b))
		return;
	order = compare_elements(fuzz_elements(type, a), fuzz_elements(type, b));
	if (strcmp(suffix, "_cmp") == 0)
		expected = order;
	else if (strcmp(suffix, "_lt") == 0)
		expected = order < 0;
	else if (strcmp(suffix, "_le") == 0)
		expected = order <= 0;
	else if (strcmp(suffix, "_eq") == 0)
		expected = order == 0;
	else if (strcmp(suffix, "_ne") == 0)
		expected = order != 0;
	else if (strcmp(suffix, "_ge") == 0)
		expected = order >= 0;
	else
		expected = order > 0;

	if (DatumGetInt32(call->result) != expected)
		fuzz_fail("the result is %d and not %d", DatumGetInt32(call->result), expected);
}

/* Functions that a B-tree calls in a context that lives long: nothing is left behind. */
void
fuzz_check_frees(const FuzzCall *call)
{
	int before = shim_allocation_count();
	Datum result;

	(void) shim_call(call->function->function, 2, call->arguments, &result);
	if (shim_allocation_count() != before)
		fuzz_fail("%d allocations were left", shim_allocation_count() - before);
	fuzz_check_compare(call);
}

/* Products: the same number, or NaN, whichever operand comes first. */
void
fuzz_check_symmetric(const FuzzCall *call)
{
	Datum swapped[2] = {call->arguments[1], call->arguments[0]};
	float8 result = DatumGetFloat8(call->result);
	float8 other = DatumGetFloat8(call_or_fail("swapped", call->function->function, 2, swapped));

	if (result != other && !(isnan(result) && isnan(other)))
		fuzz_fail("%.17g, and with swapped arguments %.17g", result, other);
}

/* Distances: not negative either. */
void
fuzz_check_distance(const FuzzCall *call)
{
	float8 result = DatumGetFloat8(call->result);

	if (result < 0)
		fuzz_fail("a distance of %.17g", result);
	fuzz_check_symmetric(call);
}

static float8
norm_of(FuzzKind type, const void *value)
{
	int count = type == FUZZ_SPARSEVEC ? ((const Sparsevec *) value)->nnz
									   : ((const DenseVector *) value)->dim;
	long double sum = 0;

	for (int i = 0; i < count; i++)
	{
		long double element = type == FUZZ_SPARSEVEC ? sparsevec_values(value)[i]
							  : type == FUZZ_VECTOR
								  ? ((const Vector *) value)->x[i]
								  : value_of_half(((const Halfvec *) value)->x[i]);

		sum += element * element;
	}
	return (float8) sqrtl(sum);
}

void
fuzz_check_norm(const FuzzCall *call)
{
	float8 result = DatumGetFloat8(call->result);
	float8 expected = norm_of(call->function->arguments[0], open_value(call->arguments[0]));

	if (!(fabs(result - expected) <= 1e-12 * expected))
		fuzz_fail("norm %.17g and not %.17g", result, expected);
}

/* A length of 1, or of 0 for zeros; roughly where elements are coarse. */
void
fuzz_check_normalized(const FuzzCall *call)
{
	FuzzKind type = call->function->result;
	float8 before = norm_of(type, open_value(call->arguments[0]));
	float8 after = norm_of(type, DatumGetPointer(call->result));

	if (before == 0 ? after != 0 : !(fabs(after - 1) < (type == FUZZ_HALFVEC ? 0.01 : 1e-5)))
		fuzz_fail("norm %.17g became %.17g", before, after);
}

/* Bits set in the combination of two strings: 'x'or, 'a'nd, 'o'r. */
static int
count_bits(const VarBit *a, const VarBit *b, char operation)
{
	int count = 0;

	for (int i = 0; i < VARBITLEN(a); i++)
	{
		int x = VARBITS(a)[i / 8] >> (7 - i % 8) & 1;
		int y = VARBITS(b)[i / 8] >> (7 - i % 8) & 1;

		count += operation == 'x' ? x ^ y : operation == 'a' ? x & y : x | y;
	}
	return count;
}

void
fuzz_check_hamming(const FuzzCall *call)
{
	int expected = count_bits(open_value(call->arguments[0]), open_value(call->arguments[1]), 'x');

	if (DatumGetFloat8(call->result) != expected)
		fuzz_fail("%.17g bits and not %d", DatumGetFloat8(call->result), expected);
}

void
fuzz_check_jaccard(const FuzzCall *call)
{
	const VarBit *a = open_value(call->arguments[0]);
	const VarBit *b = open_value(call->arguments[1]);
	int both = count_bits(a, b, 'a');
	float8 expected = both == 0 ? 1 : 1 - (float8) both / (float8) count_bits(a, b, 'o');

	if (DatumGetFloat8(call->result) != expected)
		fuzz_fail("%.17g and not %.17g", DatumGetFloat8(call->result), expected);
}

/* A bit for each element: is it positive? */
void
fuzz_check_signs(const FuzzCall *call)
{
	FuzzKind type = call->function->arguments[0];
	FuzzElements elements = fuzz_elements(type, open_value(call->arguments[0]));
	const VarBit *bits = DatumGetVarBitP(call->result);

	if (VARBITLEN(bits) != elements.dimensions)
		fuzz_fail("%d bits of %d elements", VARBITLEN(bits), elements.dimensions);
	for (int i = 0; i < elements.dimensions; i++)
	{
		if ((VARBITS(bits)[i / 8] >> (7 - i % 8) & 1) != (elements.values[i] > 0))
			fuzz_fail("bit %d of %.9g", i, (double) elements.values[i]);
	}
}

/* Elements from the second argument on, as many as the third says, as far as there are such. */
void
fuzz_check_part(const FuzzCall *call)
{
	FuzzKind type = call->function->result;
	FuzzElements whole = fuzz_elements(type, open_value(call->arguments[0]));
	int64 start = DatumGetInt32(call->arguments[1]);
	int64 end = start + DatumGetInt32(call->arguments[2]);
	int64 first = Max(start, 1);
	FuzzElements part = {.dimensions = (int) (Min(end, (int64) whole.dimensions + 1) - first),
						 .values = whole.values + first - 1};

	check_elements(type, fuzz_elements(type, DatumGetPointer(call->result)), part);
}

void
fuzz_check_concatenation(const FuzzCall *call)
{
	FuzzKind type = call->function->result;
	FuzzElements got = fuzz_elements(type, DatumGetPointer(call->result));
	FuzzElements a = fuzz_elements(type, open_value(call->arguments[0]));
	FuzzElements b = fuzz_elements(type, open_value(call->arguments[1]));

	if (got.dimensions != a.dimensions + b.dimensions)
		fuzz_fail("%d dimensions of %d and %d", got.dimensions, a.dimensions, b.dimensions);
	got.dimensions = a.dimensions;
	check_elements(type, got, a);
	got.dimensions = b.dimensions;
	got.values += a.dimensions;
	check_elements(type, got, b);
}
