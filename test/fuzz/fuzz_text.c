/*
 * fuzz_text.c
 *		Text and messages by chance.
 *
 * About half of them are proper ones of a value whose elements are known; the others are made from
 * such by small changes, because what looks right for a while gets further into the code than noise
 * does.
 */
#include "postgres.h"
#include "compat.h"

#include "fuzz.h"
#include "lib/stringinfo.h"

/* The C library's, because the server's knows no hexadecimal floats. */
#undef snprintf

/* Text */

typedef struct TextBuilder
{
	char *text;
	int length;
	int capacity;
} TextBuilder;

static void
append(TextBuilder *builder, const char *bytes, int length)
{
	if (builder->length + length + 1 > builder->capacity)
	{
		builder->capacity = 2 * (builder->length + length + 1);
		builder->text = repalloc(builder->text, builder->capacity);
	}
	memcpy(builder->text + builder->length, bytes, length);
	builder->length += length;
}

static void
append_string(TextBuilder *builder, const char *string)
{
	append(builder, string, (int) strlen(string));
}

static void
append_space(TextBuilder *builder)
{
	while (fuzz_chance(10))
		append(builder, &" \t\n\r\v\f"[fuzz_below(6)], 1);
}

/* A number in one of the forms that strtof reads; it reads back as the value. */
static void
append_number(TextBuilder *builder, float4 value)
{
	static const char *const formats[] = {"%.9g", "%.9e", "%a", "%+.9g", "%.60f"};
	char digits[160];

	snprintf(digits, sizeof(digits), formats[fuzz_chance(4) ? fuzz_below(lengthof(formats)) : 0],
			 (double) value);
	append_string(builder, digits);
}

static void
append_integer(TextBuilder *builder, int64 value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), fuzz_chance(20) ? "%+04lld" : "%lld", (long long) value);
	append_string(builder, digits);
}

static void
append_dense(TextBuilder *builder, FuzzElements elements)
{
	append_string(builder, "[");
	for (int i = 0; i < elements.dimensions; i++)
	{
		if (i > 0)
			append_string(builder, ",");
		append_space(builder);
		append_number(builder, elements.values[i]);
		append_space(builder);
	}
	append_string(builder, "]");
}

static void
append_sparse(TextBuilder *builder, FuzzElements elements)
{
	bool is_first = true;
	int offset = (int) fuzz_below((uint32) elements.dimensions);

	append_string(builder, "{");
	append_space(builder);
	for (int i = 0; i < elements.dimensions; i++)
	{
		int index = (i + offset) % elements.dimensions; /* in any order */

		if (elements.values[index] == 0 && !fuzz_chance(10))
			continue;
		if (!is_first)
			append_string(builder, ",");
		is_first = false;
		append_space(builder);
		append_integer(builder, index + 1);
		append_space(builder);
		append_string(builder, ":");
		append_space(builder);
		append_number(builder, elements.values[index]);
		append_space(builder);
	}
	append_string(builder, "}");
	append_space(builder);
	append_string(builder, "/");
	append_space(builder);
	append_integer(builder, elements.dimensions);
}

static void
mutate_text(TextBuilder *builder)
{
	static const char *const tokens[] = {"nan",	  "inf",	 "-Infinity",
										 "1e400", "-1e-400", "4e38",
										 "70000", "1e-46",	 "99999999999999999999",
										 "0x1p",  "1e",		 "--1",
										 "{",	  "}",		 "[",
										 "]",	  ",",		 ":",
										 "/",	  "1:1,",	 "{}/3",
										 "[1]",	  " ",		 "+",
										 "-",	  ".",		 "\xc3\xa4"};
	int at = (int) fuzz_below((uint32) builder->length + 1);
	int length = (int) fuzz_below((uint32) Min(builder->length - at, 8) + 1);
	const char *token = tokens[fuzz_below(lengthof(tokens))];
	TextBuilder changed = {.text = palloc(16), .capacity = 16};
	char byte = (char) (1 + fuzz_below(255));

	append(&changed, builder->text, at);
	switch (fuzz_below(6))
	{
		case 0: /* leave out */
			append(&changed, builder->text + at + length, builder->length - at - length);
			break;
		case 1: /* insert a token */
			append_string(&changed, token);
			append(&changed, builder->text + at, builder->length - at);
			break;
		case 2: /* replace by a token */
			append_string(&changed, token);
			append(&changed, builder->text + at + length, builder->length - at - length);
			break;
		case 3: /* insert a byte */
			append(&changed, &byte, 1);
			append(&changed, builder->text + at, builder->length - at);
			break;
		case 4: /* twice */
			append(&changed, builder->text + at, length);
			append(&changed, builder->text + at, builder->length - at);
			break;
		default: /* cut */
			break;
	}
	*builder = changed;
}

Datum
fuzz_make_text(FuzzCall *call, int dimensions)
{
	TextBuilder builder = {.text = palloc(64), .capacity = 64};
	FuzzElements elements = fuzz_make_elements(call->type, dimensions);

	if (fuzz_chance(50))
	{
		/* Noise of characters that mean something */
		for (uint32 length = fuzz_below(30); length > 0; length--)
			append(&builder, &"{}[]:/,.0123456789 -+eEnaif\t"[fuzz_below(28)], 1);
	}
	else if (fuzz_chance(5000))
	{
		/* As many elements as a value can have, or one or two more */
		for (uint32 length = SPARSEVEC_MAX_NNZ - 1 + fuzz_below(4); length > 0; length--)
			append_string(&builder, length == 1 ? "1" : "1,");
	}
	else
	{
		append_space(&builder);
		if (call->type == FUZZ_SPARSEVEC)
			append_sparse(&builder, elements);
		else
			append_dense(&builder, elements);
		append_space(&builder);
		if (fuzz_chance(2))
		{
			do
				mutate_text(&builder);
			while (fuzz_chance(2));
		}
		else
			call->expected = elements;
	}

	/* Nothing behind the end. */
	append(&builder, "", 1);
	return PointerGetDatum(repalloc(builder.text, builder.length));
}

/* Messages */

static void
append_network(TextBuilder *builder, uint32 value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
	{
		char byte = (char) (value >> (8 * i));

		append(builder, &byte, 1);
	}
}

static uint32
float_bits(float4 value)
{
	uint32 bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void
append_dense_message(TextBuilder *builder, FuzzKind type, FuzzElements elements)
{
	append_network(builder, (uint32) elements.dimensions, 2);
	append_network(builder, 0, 2);
	for (int i = 0; i < elements.dimensions; i++)
	{
		if (type == FUZZ_HALFVEC)
			append_network(builder, half_from_float(elements.values[i]), 2);
		else
			append_network(builder, float_bits(elements.values[i]), 4);
	}
}

static void
append_sparse_message(TextBuilder *builder, const Sparsevec *value)
{
	append_network(builder, (uint32) value->dim, 4);
	append_network(builder, (uint32) value->nnz, 4);
	append_network(builder, 0, 4);
	for (int i = 0; i < value->nnz; i++)
		append_network(builder, (uint32) value->indices[i], 4);
	for (int i = 0; i < value->nnz; i++)
		append_network(builder, float_bits(sparsevec_values(value)[i]), 4);
}

static void
mutate_message(TextBuilder *builder)
{
	static const uint32 words[] = {0,		   1,		   0xffffffff, 0x7fffffff,
								   0x80000000, 0x7f800000, 0x7fc00000, 16001};
	uint32 word = words[fuzz_below(lengthof(words))];
	int at = (int) fuzz_below((uint32) builder->length + 1);

	if (at == builder->length || fuzz_chance(5))
	{
		if (fuzz_chance(2))
			builder->length = at;
		else
			append_network(builder, word, 1 + (int) fuzz_below(4));
		return;
	}
	if (fuzz_chance(2))
		builder->text[at] = (char) (fuzz_next() >> 56);
	else
	{
		/* A word in its place */
		TextBuilder bytes = {.text = palloc(8), .capacity = 8};

		at -= at % 4;
		append_network(&bytes, word, 4);
		memcpy(builder->text + at, bytes.text, Min(4, builder->length - at));
	}
}

Datum
fuzz_make_message(FuzzCall *call, int dimensions)
{
	TextBuilder builder = {.text = palloc(64), .capacity = 64};
	FuzzElements elements = fuzz_make_elements(call->type, dimensions);
	StringInfo message = palloc(sizeof(StringInfoData));

	if (call->type == FUZZ_SPARSEVEC)
		append_sparse_message(&builder, fuzz_make_sparse(elements));
	else
		append_dense_message(&builder, call->type, elements);
	if (fuzz_chance(2))
	{
		do
			mutate_message(&builder);
		while (fuzz_chance(2));
	}
	else
		call->expected = elements;

	/* Nothing behind the end. */
	message->data = repalloc(builder.text, Max(builder.length, 1));
	message->len = builder.length;
	message->maxlen = builder.length;
	message->cursor = 0;
	return PointerGetDatum(message);
}
