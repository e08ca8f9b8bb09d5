/*
 * fuzz_array.c
 *		SQL arrays by chance: of numbers, states of averages, type modifiers.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fuzz.h"
#include "types/float_array.h"

static ArrayType *
array_alloc(Oid type, int dimensions, bool has_bitmap, Size data_size)
{
	Size header = has_bitmap ? ARR_OVERHEAD_WITHNULLS(1, dimensions) : ARR_OVERHEAD_NONULLS(1);
	ArrayType *array = palloc0(header + data_size);

	SET_VARSIZE(array, header + data_size);
	array->ndim = 1;
	array->dataoffset = has_bitmap ? (int32) header : 0;
	array->elemtype = type;
	ARR_DIMS(array)[0] = dimensions;
	ARR_LBOUND(array)[0] = 1;
	if (has_bitmap)
		memset((char *) array + sizeof(ArrayType) + 2 * sizeof(int), 0xff, (dimensions + 7) / 8);
	return array;
}

/* One that no type takes: empty, of two dimensions, or with a null. */
static ArrayType *
spoil_array(ArrayType *array)
{
	int dimensions = ARR_DIMS(array)[0];

	if (fuzz_chance(3))
	{
		ArrayType *empty = palloc0(sizeof(ArrayType));

		SET_VARSIZE(empty, sizeof(ArrayType));
		empty->elemtype = ARR_ELEMTYPE(array);
		return empty;
	}
	if (fuzz_chance(2) && ARR_HASNULL(array))
	{
		int at = (int) fuzz_below((uint32) dimensions);

		ARR_NULLBITMAP(array)[at / 8] &= (uint8) ~(1 << (at % 8));
	}
	else if (!ARR_HASNULL(array) && ARR_ELEMTYPE(array) == INT4OID)
	{
		/* The dimensions of another array in front of the same elements */
		ArrayType *nested = palloc0(ARR_OVERHEAD_NONULLS(2) + sizeof(int32) * dimensions);

		SET_VARSIZE(nested, ARR_OVERHEAD_NONULLS(2) + sizeof(int32) * dimensions);
		nested->ndim = 2;
		nested->elemtype = INT4OID;
		ARR_DIMS(nested)[0] = 1;
		ARR_DIMS(nested)[1] = dimensions;
		return nested;
	}
	return array;
}

/* What numbers an array has: of a style, and perhaps some that no type takes among them. */
typedef struct NumberSource
{
	FuzzStyle style;
	bool is_clean;
} NumberSource;

static NumberSource
random_source(void)
{
	return (NumberSource){.style = fuzz_below(FUZZ_STYLE_COUNT), .is_clean = !fuzz_chance(4)};
}

static float8
random_float8(NumberSource source)
{
	float8 number = fuzz_element(source.style);

	if (source.is_clean || !fuzz_chance(10))
		return number;
	return fuzz_chance(3) ? NAN : fuzz_chance(2) ? -INFINITY : number * 1e10;
}

static ArrayType *
random_numeric_array(int dimensions, bool has_bitmap)
{
	NumberSource source = random_source();
	char *data =
		palloc0(32 * dimensions); /* enough for 12 digits with all that may be around them */
	Size size = 0;
	ArrayType *array;

	for (int i = 0; i < dimensions; i++)
	{
		char digits[24];
		void *numeric;

		snprintf(digits, sizeof(digits), "%.12g", random_float8(source));
		numeric = DatumGetPointer(shim_numeric(digits));
		memcpy(data + size, numeric, VARSIZE(numeric));
		size += INTALIGN(VARSIZE(numeric));
		pfree(numeric);
	}
	array = array_alloc(NUMERICOID, dimensions, has_bitmap, size);
	memcpy(ARR_DATA_PTR(array), data, size);
	return array;
}

Datum
fuzz_make_array(FuzzKind kind, int dimensions)
{
	NumberSource source = random_source();
	bool has_bitmap = fuzz_chance(4);
	ArrayType *array;

	if (fuzz_chance(500))
		dimensions = VECTOR_MAX_DIM - 1 + (int) fuzz_below(4); /* up to more than a type takes */
	if (kind == FUZZ_NUMERIC_ARRAY)
		array = random_numeric_array(dimensions, has_bitmap);
	else if (kind == FUZZ_INT_ARRAY)
	{
		array = array_alloc(INT4OID, dimensions, has_bitmap, sizeof(int32) * dimensions);
		for (int i = 0; i < dimensions; i++)
			((int32 *) float_array_elements(array))[i] = fuzz_int32();
	}
	else if (kind == FUZZ_FLOAT4_ARRAY)
	{
		array = array_alloc(FLOAT4OID, dimensions, has_bitmap, sizeof(float4) * dimensions);
		for (int i = 0; i < dimensions; i++)
			((float4 *) float_array_elements(array))[i] = (float4) random_float8(source);
	}
	else
	{
		array = array_alloc(FLOAT8OID, dimensions, has_bitmap, sizeof(float8) * dimensions);
		for (int i = 0; i < dimensions; i++)
			((float8 *) float_array_elements(array))[i] = random_float8(source);
	}
	return PointerGetDatum(fuzz_chance(20) ? spoil_array(array) : array);
}

/* The state of an average over a few values, or any array. */
Datum
fuzz_make_state(int dimensions)
{
	int count = (int) fuzz_below(4);
	NumberSource source = random_source();
	ArrayType *array;
	float8 *state;

	if (fuzz_chance(20))
		return fuzz_make_array(fuzz_chance(2) ? FUZZ_FLOAT8_ARRAY : FUZZ_INT_ARRAY, dimensions);
	array = array_alloc(FLOAT8OID, count > 0 ? dimensions + 1 : 1, false,
						sizeof(float8) * (count > 0 ? dimensions + 1 : 1));
	state = float_array_elements(array);
	state[0] = count;
	for (int i = 1; count > 0 && i <= dimensions; i++)
		state[i] = random_float8(source) * (source.is_clean ? 1 : 1e300);
	return PointerGetDatum(array);
}

Datum
fuzz_make_modifiers(void)
{
	int count = fuzz_chance(4) ? (int) fuzz_below(3) : 1;
	ArrayType *array = array_alloc(INT4OID, count, false, sizeof(int32) * count);

	for (int i = 0; i < count; i++)
		((int32 *) float_array_elements(array))[i] = fuzz_int32();
	return PointerGetDatum(array);
}
