/*
 * types/element_type.c
 *		The checks that all element types make.
 *
 * Messages and SQLSTATEs are those of pgvector, because clients match on them.
 */
#include "postgres.h"
#include "compat.h"

#include "common/shortest_dec.h"
#include "types/element_type.h"

bool
element_type_check_dimensions(const ElementType *type, int dimensions, struct Node *escontext)
{
	if (dimensions < 1)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s must have at least 1 dimension", type->name)));
	if (dimensions > type->max_dimensions)
		ereturn(
			escontext, false,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s cannot have more than %d dimensions", type->name, type->max_dimensions)));
	return true;
}

bool
element_type_check_typmod(int32 typmod, int dimensions, struct Node *escontext)
{
	if (typmod != -1 && typmod != dimensions)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", typmod, dimensions)));
	return true;
}

static bool
report_out_of_range(const ElementType *type, float4 value, struct Node *escontext)
{
	char digits[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(value, digits);
	ereturn(escontext, false,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%s\" is out of range for type %s", digits, type->name)));
}

bool
element_type_check_value(const ElementType *type, float4 value, struct Node *escontext)
{
	if (isnan(value))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type->name)));
	if (isinf(value))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("infinite value not allowed in %s", type->name)));
	if (element_type_overflows(type, value))
		return report_out_of_range(type, value, escontext);
	return true;
}

void
element_type_check_values(const ElementType *type, const float4 *values, int count)
{
	/* As in pgvector, a value that is out of range is told before one that is not finite. */
	if (type->overflow > 0)
	{
		for (int i = 0; i < count; i++)
		{
			if (unlikely(element_type_overflows(type, values[i])))
				(void) report_out_of_range(type, values[i], NULL);
		}
	}
	for (int i = 0; i < count; i++)
	{
		if (unlikely(!isfinite(values[i])))
			(void) element_type_check_value(type, values[i], NULL);
	}
}

int32
element_type_parse_typmod(const ElementType *type, ArrayType *modifiers)
{
	int count;
	int32 *values = ArrayGetIntegerTypmods(modifiers, &count);

	if (count != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
	if (values[0] < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type %s must be at least 1", type->name)));
	if (values[0] > type->max_dimensions)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type %s cannot exceed %d", type->name,
							   type->max_dimensions)));
	return values[0];
}

void
element_type_report_different(const ElementType *type, int left, int right)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("different %s dimensions %d and %d", type->name, left, right)));
}
