/*
 * types/sum_state.h
 *		The state of the avg aggregates: a float8[] of the number of values, then the sum of
 *		each dimension.
 *
 * It is '{0}' before the first value.  It is a plain SQL array because it is visible in SQL
 * (partial aggregation needs no serialization function, and users may call the transition
 * functions), so every function here checks what it is given.
 */
#ifndef TYPES_SUM_STATE_H
#define TYPES_SUM_STATE_H

#include "types/element_type.h"

/*
 * state plus one value.  In an aggregate (in_place) the state is ours to change, and returned
 * itself once it has its size; otherwise the result is a new array.
 */
extern ArrayType *
sum_state_add(ArrayType *state, const float4 *values, int count, bool in_place, const char *caller);

/* The state of all values of both; a new array. */
extern ArrayType *sum_state_combine(ArrayType *left, ArrayType *right, const char *caller);

/*
 * The mean of each dimension, one that the type can hold, rounded to float4; palloc'd.  Returns the
 * number of dimensions, which the type can hold too, or 0 where the state has no values.
 */
extern int
sum_state_mean(const ElementType *type, ArrayType *state, float4 **means, const char *caller);

#endif /* TYPES_SUM_STATE_H */
