/*
 * types/sum_state.c
 *		The state of the avg aggregates.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "types/float_array.h"
#include "types/sum_state.h"
#include "utils/float.h"

/*
 * The count (first) and sums (behind it) of a state; *dimensions is the number of sums.
 */
static float8 *
sum_state_open(ArrayType *state, int *dimensions, const char *caller)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 || ARR_HASNULL(state) ||
		ARR_ELEMTYPE(state) != FLOAT8OID)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s: expected state array", caller)));
	*dimensions = ARR_DIMS(state)[0] - 1;
	return float_array_elements(state);
}

static ArrayType *
sum_state_alloc(int dimensions)
{
	return float_array_alloc(FLOAT8OID, sizeof(float8), dimensions + 1);
}

static ArrayType *
sum_state_copy(const ArrayType *state)
{
	ArrayType *copy = palloc(VARSIZE(state));

	memcpy(copy, state, VARSIZE(state));
	return copy;
}

static inline float8
add_checked(float8 a, float8 b)
{
	float8 sum = a + b;

	if (unlikely(isinf(sum)))
		float_overflow_error();
	return sum;
}

ArrayType *
sum_state_add(ArrayType *state, const float4 *values, int count, bool in_place, const char *caller)
{
	int dimensions;
	const float8 *sums = sum_state_open(state, &dimensions, caller);
	bool is_first = dimensions == 0;
	ArrayType *result;
	float8 *result_sums;

	if (!is_first)
		(void) element_type_check_typmod(dimensions, count, NULL);

	result = in_place && !is_first ? state : sum_state_alloc(count);
	result_sums = float_array_elements(result);

	result_sums[0] = sums[0] + 1;
	for (int i = 0; i < count; i++)
		result_sums[i + 1] = is_first ? values[i] : add_checked(sums[i + 1], values[i]);
	return result;
}

ArrayType *
sum_state_combine(ArrayType *left, ArrayType *right, const char *caller)
{
	int left_dimensions;
	int right_dimensions;
	const float8 *left_sums = sum_state_open(left, &left_dimensions, caller);
	const float8 *right_sums = sum_state_open(right, &right_dimensions, caller);
	ArrayType *result;
	float8 *result_sums;

	/* A worker that saw no rows has a state without dimensions. */
	if (left_sums[0] == 0)
		return sum_state_copy(right);
	if (right_sums[0] == 0)
		return sum_state_copy(left);

	(void) element_type_check_typmod(left_dimensions, right_dimensions, NULL);
	result = sum_state_alloc(left_dimensions);
	result_sums = float_array_elements(result);
	result_sums[0] = left_sums[0] + right_sums[0];
	for (int i = 1; i <= left_dimensions; i++)
		result_sums[i] = add_checked(left_sums[i], right_sums[i]);
	return result;
}

int
sum_state_mean(const ElementType *type, ArrayType *state, float4 **means, const char *caller)
{
	int dimensions;
	const float8 *sums = sum_state_open(state, &dimensions, caller);
	float8 count = sums[0];

	if (count == 0)
		return 0;

	(void) element_type_check_dimensions(type, dimensions, NULL);
	*means = palloc(sizeof(float4) * dimensions);
	for (int i = 0; i < dimensions; i++)
		(*means)[i] = (float4) (sums[i + 1] / count);
	element_type_check_values(type, *means, dimensions);
	return dimensions;
}
