/*
 * types/float_array.c
 *		SQL arrays of numbers as arrays of float4, and back.
 *
 * Arrays without nulls of fixed-size elements are plain C arrays behind a header, and are read
 * and written as such: a Datum per element is what makes deconstruct_array slow for thousands of
 * them.
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "types/float_array.h"
#include "utils/fmgrprotos.h"

static void
read_numeric_elements(ArrayType *array, float4 *values, int count)
{
	Datum *elements;
	int element_count;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, NULL, &element_count);
	Assert(element_count == count);
	for (int i = 0; i < count; i++)
		values[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
	pfree(elements);
}

int
float_array_read(const ElementType *type, ArrayType *array, int32 typmod, float4 **values)
{
	int count;
	float4 *result;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));

	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	(void) element_type_check_dimensions(type, count, NULL);
	(void) element_type_check_typmod(typmod, count, NULL);

	result = palloc(sizeof(float4) * count);
	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
		{
			const int32 *elements = float_array_elements(array);

			for (int i = 0; i < count; i++)
				result[i] = (float4) elements[i];
			break;
		}
		case FLOAT4OID:
			memcpy(result, float_array_elements(array), sizeof(float4) * count);
			break;
		case FLOAT8OID:
		{
			const float8 *elements = float_array_elements(array);

			for (int i = 0; i < count; i++)
				result[i] = (float4) elements[i];
			break;
		}
		case NUMERICOID:
			read_numeric_elements(array, result, count);
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
	}

	element_type_check_values(type, result, count);
	*values = result;
	return count;
}

ArrayType *
float_array_alloc(Oid element_type, Size element_size, int count)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + element_size * count;
	ArrayType *array = palloc(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0; /* no null bitmap */
	array->elemtype = element_type;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

ArrayType *
float_array_write(const float4 *values, int count)
{
	ArrayType *array = float_array_alloc(FLOAT4OID, sizeof(float4), count);

	memcpy(float_array_elements(array), values, sizeof(float4) * count);
	return array;
}
