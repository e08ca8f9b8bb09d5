/*
 * fuzz.h
 *		What the parts of the fuzz test share.
 *
 * An input is one call of a function with arguments that were made by chance (fuzz_input.c and what it
 * calls), whose result is looked at (fuzz_check.c).  Input number i of a seed is the same in every run, whatever
 * was run before it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "server_shim.h"
#include "types/halfvec.h"
#include "types/sparsevec.h"
#include "types/vector.h"
#include "utils/array.h"
#include "utils/varbit.h"

/* What an argument or a result is. */
typedef enum FuzzKind
{
	FUZZ_NONE,
	FUZZ_VECTOR, /* the three types first, as indexes of fuzz_types */
	FUZZ_HALFVEC,
	FUZZ_SPARSEVEC,
	FUZZ_BIT,
	FUZZ_TEXT, /* of the type that the function returns or takes */
	FUZZ_MESSAGE,
	FUZZ_OID,
	FUZZ_TYPMOD,
	FUZZ_BOOL,
	FUZZ_INT,
	FUZZ_FLOAT8,
	FUZZ_INT_ARRAY,
	FUZZ_FLOAT4_ARRAY,
	FUZZ_FLOAT8_ARRAY,
	FUZZ_NUMERIC_ARRAY,
	FUZZ_STATE,		/* of an average: float8[] */
	FUZZ_MODIFIERS, /* of "type(n)" */
} FuzzKind;

#define FUZZ_ARGUMENTS_MAX 3

typedef struct FuzzCall FuzzCall;

typedef struct FuzzFunction
{
	const char *name;
	PGFunction function;
	FuzzKind result;
	FuzzKind arguments[FUZZ_ARGUMENTS_MAX];

	/* What else must be true of a value that it returned; may be NULL. */
	void (*check)(const FuzzCall *call);

	uint32 weight; /* share of the inputs */
} FuzzFunction;

/* The functions through which values of a type come and go, and what a type can hold. */
typedef struct FuzzType
{
	const char *name;
	PGFunction input;
	PGFunction output;
	PGFunction receive;
	PGFunction send;
	int max_dimensions;
} FuzzType;

extern FuzzType fuzz_types[FUZZ_SPARSEVEC + 1];

/* Elements that are known beside the value or the text of a value that was made from them. */
typedef struct FuzzElements
{
	int dimensions;
	const float4 *values;
} FuzzElements;

struct FuzzCall
{
	const FuzzFunction *function;
	Datum arguments[FUZZ_ARGUMENTS_MAX];
	Datum result;

	bool damaged; /* an argument is no proper value of its type: anything but a crash is right */

	/* For text and messages: the type, and what must come out, if it is known (dimensions > 0). */
	FuzzKind type;
	FuzzElements expected;
};

/* Numbers by chance */

extern uint64 fuzz_random_state;

static inline uint64
fuzz_next(void)
{
	/* xorshift64* */
	fuzz_random_state ^= fuzz_random_state >> 12;
	fuzz_random_state ^= fuzz_random_state << 25;
	fuzz_random_state ^= fuzz_random_state >> 27;
	return fuzz_random_state * UINT64CONST(2685821657736338717);
}

static inline uint32
fuzz_below(uint32 bound)
{
	return (uint32) ((fuzz_next() >> 32) * bound >> 32);
}

static inline bool
fuzz_chance(uint32 one_in)
{
	return fuzz_below(one_in) == 0;
}

/* End the test: this input had a result that it must not have. */
extern void fuzz_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Make the arguments of a call. */
extern void fuzz_make_arguments(FuzzCall *call);

/* Parts of it */

typedef enum FuzzStyle
{
	FUZZ_STYLE_SMALL_INTEGERS,
	FUZZ_STYLE_UNIFORM,
	FUZZ_STYLE_ANY_BITS,
	FUZZ_STYLE_LIMITS,
	FUZZ_STYLE_ZEROS,
	FUZZ_STYLE_COUNT
} FuzzStyle;

extern int fuzz_dimensions(void);
extern int32 fuzz_int32(void);
extern float4 fuzz_element(FuzzStyle style);
extern FuzzElements fuzz_make_elements(FuzzKind type, int dimensions);
extern void *fuzz_make_sparse(FuzzElements elements);
extern Datum fuzz_make_value(FuzzKind type, int dimensions);
extern Datum fuzz_make_bits(int length);
extern Datum fuzz_damage(Datum value);
extern Datum fuzz_make_text(FuzzCall *call, int dimensions);
extern Datum fuzz_make_message(FuzzCall *call, int dimensions);
extern Datum fuzz_make_array(FuzzKind kind, int dimensions);
extern Datum fuzz_make_state(int dimensions);
extern Datum fuzz_make_modifiers(void);

/* Look at the result of a call that returned one. */
extern void fuzz_check_result(FuzzCall *call);

/* A value of a type must be what its header promises. */
extern void fuzz_check_value(FuzzKind type, const void *value);

/* The elements of a value, zeros included, palloc'd; not of one with millions of dimensions. */
extern FuzzElements fuzz_elements(FuzzKind type, const void *value);

/* Further checks, for FuzzFunction.check */
extern void fuzz_check_input(const FuzzCall *call);
extern void fuzz_check_modifier(const FuzzCall *call);
extern void fuzz_check_same_elements(const FuzzCall *call);
extern void fuzz_check_compare(const FuzzCall *call);
extern void fuzz_check_distance(const FuzzCall *call);
extern void fuzz_check_symmetric(const FuzzCall *call);
extern void fuzz_check_norm(const FuzzCall *call);
extern void fuzz_check_normalized(const FuzzCall *call);
extern void fuzz_check_hamming(const FuzzCall *call);
extern void fuzz_check_jaccard(const FuzzCall *call);
extern void fuzz_check_signs(const FuzzCall *call);
extern void fuzz_check_arithmetic(const FuzzCall *call);
extern void fuzz_check_from_array(const FuzzCall *call);
extern void fuzz_check_part(const FuzzCall *call);
extern void fuzz_check_concatenation(const FuzzCall *call);
extern void fuzz_check_frees(const FuzzCall *call);

#endif /* FUZZ_H */
