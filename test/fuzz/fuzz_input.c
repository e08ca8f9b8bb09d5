/*
 * fuzz_input.c
 *		The arguments of a call.
 */
#include "postgres.h"
#include "compat.h"

#include "fuzz.h"

static Datum
random_typmod(int dimensions)
{
	if (!fuzz_chance(3))
		return Int32GetDatum(-1);
	return Int32GetDatum(fuzz_chance(2) ? dimensions : fuzz_int32());
}

static bool
is_value(FuzzKind kind)
{
	return kind >= FUZZ_VECTOR && kind <= FUZZ_BIT;
}

static Datum
make_argument(FuzzCall *call, FuzzKind kind, int dimensions)
{
	switch (kind)
	{
		case FUZZ_VECTOR:
		case FUZZ_HALFVEC:
		case FUZZ_SPARSEVEC:
			return fuzz_make_value(kind, dimensions);
		case FUZZ_BIT:
			return fuzz_make_bits(dimensions - 1);
		case FUZZ_TEXT:
			return fuzz_make_text(call, dimensions);
		case FUZZ_MESSAGE:
			return fuzz_make_message(call, dimensions);
		case FUZZ_TYPMOD:
			return random_typmod(dimensions);
		case FUZZ_BOOL:
			return BoolGetDatum(fuzz_chance(2));
		case FUZZ_INT:
			return Int32GetDatum(fuzz_int32());
		case FUZZ_INT_ARRAY:
		case FUZZ_FLOAT4_ARRAY:
		case FUZZ_FLOAT8_ARRAY:
		case FUZZ_NUMERIC_ARRAY:
			return fuzz_make_array(kind, dimensions);
		case FUZZ_STATE:
			return fuzz_make_state(dimensions);
		case FUZZ_MODIFIERS:
			return fuzz_make_modifiers();
		default:
			return (Datum) 0;
	}
}

void
fuzz_make_arguments(FuzzCall *call)
{
	const FuzzKind *kinds = call->function->arguments;
	int dimensions = fuzz_dimensions();

	call->type = call->function->result;
	for (int i = 0; i < FUZZ_ARGUMENTS_MAX && kinds[i] != FUZZ_NONE; i++)
	{
		if (i > 0 && fuzz_chance(16))
			dimensions = fuzz_dimensions();
		call->arguments[i] = make_argument(call, kinds[i], dimensions);
		if (is_value(kinds[i]) && fuzz_chance(20))
		{
			call->arguments[i] = fuzz_damage(call->arguments[i]);
			call->damaged = true;
		}
	}
}
