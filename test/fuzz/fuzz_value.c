/*
 * fuzz_value.c
 *		Values by chance: proper ones, and damaged ones.
 */
#include "postgres.h"
#include "compat.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "fuzz.h"

uint64 fuzz_random_state;

/* Mostly small, so that many inputs can be tried; rarely at the limit of dense types. */
int
fuzz_dimensions(void)
{
	if (fuzz_chance(4000))
		return VECTOR_MAX_DIM - (int) fuzz_below(3);
	if (fuzz_chance(20))
		return 1 + (int) fuzz_below(300);
	return 1 + (int) fuzz_below(8);
}

int32
fuzz_int32(void)
{
	static const int32 special[] = {0, 1, -1, INT_MAX, INT_MIN, INT_MAX - 1, 16000, 1000000000};

	if (fuzz_chance(4))
		return special[fuzz_below(lengthof(special))];
	if (fuzz_chance(4))
		return (int32) (fuzz_next() >> 32);
	return (int32) fuzz_below(14) - 3;
}

/* Elements */

static float4
random_finite(void)
{
	float4 value;

	do
	{
		uint32 bits = (uint32) (fuzz_next() >> 32);

		memcpy(&value, &bits, sizeof(value));
	} while (!isfinite(value));
	return value;
}

float4
fuzz_element(FuzzStyle style)
{
	static const float4 limits[] = {0.0f,	   -0.0f,	 FLT_MAX,  -FLT_MAX, 0x1p-149f, -0x1p-149f,
									0x1p-126f, 65504.0f, 0x1p-24f, 0x1p-25f, 1e20f,		-1e-30f};

	switch (style)
	{
		case FUZZ_STYLE_SMALL_INTEGERS:
			return (float4) ((int) fuzz_below(9) - 4);
		case FUZZ_STYLE_UNIFORM:
			return (float4) ((int) fuzz_below(2000001) - 1000000) / 1e6f;
		case FUZZ_STYLE_ANY_BITS:
			return random_finite();
		case FUZZ_STYLE_LIMITS:
			return limits[fuzz_below(lengthof(limits))];
		default:
			return fuzz_chance(8) ? 1.5f : 0.0f;
	}
}

/* An element that the type can hold, as float4. */
static float4
random_element_of(FuzzKind type, FuzzStyle style)
{
	float4 value = fuzz_element(style);

	if (type != FUZZ_HALFVEC)
		return value;
	if (style == FUZZ_STYLE_ANY_BITS)
		return half_to_float((Half) (fuzz_next() >> 48) & 0xfbff);
	return half_to_float(half_from_float(Min(Max(value, -65504.0f), 65504.0f)));
}

FuzzElements
fuzz_make_elements(FuzzKind type, int dimensions)
{
	FuzzStyle style = fuzz_below(FUZZ_STYLE_COUNT);
	float4 *values = palloc(sizeof(float4) * dimensions);

	for (int i = 0; i < dimensions; i++)
		values[i] = random_element_of(type, style);
	return (FuzzElements){.dimensions = dimensions, .values = values};
}

/* Values */

/* The same value with a header of one byte, at an odd address, as it may stand in a row. */
static void *
shorten(const void *value)
{
	Size length = VARSIZE(value) - VARHDRSZ;
	char *copy;

	if (!VARATT_CAN_MAKE_SHORT(value))
		return unconstify(void *, value);
	copy = (char *) palloc(1 + VARHDRSZ_SHORT + length) + 1;
	SET_VARSIZE_SHORT(copy, VARHDRSZ_SHORT + length);
	memcpy(copy + VARHDRSZ_SHORT, VARDATA(value), length);
	return copy;
}

static void *
make_dense(FuzzKind type, FuzzElements elements)
{
	bool is_half = type == FUZZ_HALFVEC;
	Size element_size = is_half ? sizeof(Half) : sizeof(float4);
	Size size = offsetof(DenseVector, elements) + element_size * elements.dimensions;
	DenseVector *value = palloc0(size);

	SET_VARSIZE(value, size);
	value->dim = (int16) elements.dimensions;
	for (int i = 0; i < elements.dimensions; i++)
	{
		Half half = is_half ? half_from_float(elements.values[i]) : 0;

		memcpy(value->elements + element_size * i,
			   is_half ? (const void *) &half : (const void *) &elements.values[i], element_size);
	}
	return value;
}

void *
fuzz_make_sparse(FuzzElements elements)
{
	int nnz = 0;
	int taken = 0;
	Sparsevec *value;

	for (int i = 0; i < elements.dimensions; i++)
		nnz += elements.values[i] != 0;
	value = palloc0(sparsevec_size(nnz));
	SET_VARSIZE(value, sparsevec_size(nnz));
	value->dim = elements.dimensions;
	value->nnz = nnz;
	for (int i = 0; i < elements.dimensions; i++)
	{
		if (elements.values[i] == 0)
			continue;
		value->indices[taken] = i;
		sparsevec_values(value)[taken] = elements.values[i];
		taken++;
	}
	return value;
}

void *
form_value(FuzzKind type, FuzzElements elements)
{
	return type == FUZZ_SPARSEVEC ? fuzz_make_sparse(elements) : make_dense(type, elements);
}

/* Up to 1,000,000,000 dimensions, of which the first few elements are spread over all. */
static void
spread(Sparsevec *value)
{
	int32 step;

	value->dim = fuzz_chance(2) ? SPARSEVEC_MAX_DIM : value->dim + (int) fuzz_below(1000000);
	step = value->dim / Max(value->nnz, 1);
	for (int i = 0; i < value->nnz; i++)
		value->indices[i] = step * i + (int32) fuzz_below((uint32) step);
}

Datum
fuzz_make_value(FuzzKind type, int dimensions)
{
	void *value = form_value(type, fuzz_make_elements(type, dimensions));

	if (type == FUZZ_SPARSEVEC && fuzz_chance(6))
		spread(value);
	return PointerGetDatum(fuzz_chance(3) ? shorten(value) : value);
}

Datum
fuzz_make_bits(int length)
{
	Size size = VARBITTOTALLEN(length);
	VarBit *bits = palloc0(size);
	uint8 fill = (uint8) fuzz_below(3);

	SET_VARSIZE(bits, size);
	VARBITLEN(bits) = length;
	for (int i = 0; i < (length + 7) / 8; i++)
		VARBITS(bits)[i] = fill == 0 ? 0 : fill == 1 ? 0xff : (uint8) (fuzz_next() >> 56);
	if (length % 8 != 0)
		VARBITS(bits)[length / 8] &= (uint8) (0xff00 >> (length % 8));
	return PointerGetDatum(fuzz_chance(3) ? shorten(bits) : bits);
}

/*
 * Make bytes of a value others: any, or a word of the header, or fewer bytes.  What reads it may
 * report that, or give any result, but not read outside of it.
 */
Datum
fuzz_damage(Datum value)
{
	const void *original = DatumGetPointer(value);
	Size size = VARSIZE_ANY(original);
	char *copy = palloc(VARHDRSZ + size);

	memcpy(copy, original, size);
	if (VARATT_IS_SHORT(copy))
	{
		SET_VARSIZE(copy, VARHDRSZ + VARSIZE_SHORT(original) - VARHDRSZ_SHORT);
		memcpy(VARDATA(copy), VARDATA_SHORT(original), VARSIZE(copy) - VARHDRSZ);
	}
	size = VARSIZE(copy) - VARHDRSZ;

	for (uint32 changes = fuzz_below(3); changes > 0 && size > 0; changes--)
		copy[VARHDRSZ + fuzz_below((uint32) size)] = (char) (fuzz_next() >> 56);
	if (fuzz_chance(2) && size >= 3 * sizeof(int32))
	{
		int32 word = fuzz_int32();

		memcpy(copy + VARHDRSZ + sizeof(int32) * fuzz_below(3), &word, sizeof(word));
	}
	if (fuzz_chance(3))
		size = fuzz_below((uint32) size + 1);

	/* No byte behind it, so that one that is read there is noticed. */
	copy = repalloc(copy, VARHDRSZ + size);
	SET_VARSIZE(copy, VARHDRSZ + size);
	return PointerGetDatum(copy);
}
