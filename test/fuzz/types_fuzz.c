/*
 * types_fuzz.c
 *		Every SQL function of our types on inputs by chance, outside of the server:
 *
 *			types_fuzz INSTALL_SCRIPT INPUTS [SEED [FIRST]]
 *
 * The functions are those of the install script that are written in C and deal with types that are
 * known here, so that a new one is tried without anything to do.  Each input must end in a value
 * that is what its type promises and survives a round trip through text and through a message, or
 * in an error of a kind that is for users; AddressSanitizer and UndefinedBehaviorSanitizer see to
 * the rest.
 *
 * Prints a TAP line for each function, which passes if it returned values and reported errors, and
 * for each SQLSTATE that there may be, which passes if there was one.  What must not be ends the
 * test at once; the same SEED with FIRST = that input's number and INPUTS = 1 repeats that one alone.
 */
#include "postgres.h"
#include "compat.h"

#include <dlfcn.h>
#include <signal.h>

#include "distance/bit_distance.h"
#include "fuzz.h"

#define FUNCTIONS_MAX 200

/* Text and messages come from outside: each of their functions gets the share of so many others. */
#define INPUT_WEIGHT 20
#define CAST_WEIGHT	 5

typedef struct FunctionCount
{
	uint64 values;
	uint64 nulls;
	uint64 errors;
} FunctionCount;

static FuzzFunction functions[FUNCTIONS_MAX];
static FunctionCount counts[FUNCTIONS_MAX];
static int function_count;
static uint32 total_weight;

static uint64 seed = 1;
static uint64 current_input;
static const FuzzFunction *current_function;

FuzzType fuzz_types[FUZZ_SPARSEVEC + 1] = {
	[FUZZ_VECTOR] = {.name = "vector", .max_dimensions = VECTOR_MAX_DIM},
	[FUZZ_HALFVEC] = {.name = "halfvec", .max_dimensions = HALFVEC_MAX_DIM},
	[FUZZ_SPARSEVEC] = {.name = "sparsevec", .max_dimensions = SPARSEVEC_MAX_DIM},
};

static void
tell_input(void)
{
	printf("# %s, seed " UINT64_FORMAT ", input " UINT64_FORMAT "\n",
		   current_function != NULL ? current_function->name : "start", seed, current_input);
	fflush(stdout);
}

static void
end_of_abort(int signal_number)
{
	tell_input();
	_exit(1);
}

void
fuzz_fail(const char *format, ...)
{
	va_list arguments;

	printf("not ok - ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	tell_input();
	_exit(1);
}

/* Functions out of the install script */

typedef struct SqlType
{
	const char *name;
	FuzzKind kind; /* of an argument */
	FuzzKind result;
} SqlType;

static const SqlType sql_types[] = {
	{"vector", FUZZ_VECTOR, FUZZ_VECTOR},
	{"halfvec", FUZZ_HALFVEC, FUZZ_HALFVEC},
	{"sparsevec", FUZZ_SPARSEVEC, FUZZ_SPARSEVEC},
	{"bit", FUZZ_BIT, FUZZ_BIT},
	{"cstring", FUZZ_TEXT, FUZZ_NONE},
	{"bytea", FUZZ_NONE, FUZZ_NONE},
	{"internal", FUZZ_MESSAGE, FUZZ_NONE},
	{"oid", FUZZ_OID, FUZZ_NONE},
	{"integer", FUZZ_INT, FUZZ_INT},
	{"boolean", FUZZ_BOOL, FUZZ_BOOL},
	{"float8", FUZZ_FLOAT8, FUZZ_FLOAT8},
	{"integer[]", FUZZ_INT_ARRAY, FUZZ_NONE},
	{"real[]", FUZZ_FLOAT4_ARRAY, FUZZ_FLOAT4_ARRAY},
	{"float8[]", FUZZ_STATE, FUZZ_STATE},
	{"numeric[]", FUZZ_NUMERIC_ARRAY, FUZZ_NONE},
	{"cstring[]", FUZZ_MODIFIERS, FUZZ_NONE},
};

static const SqlType *
find_sql_type(const char *name)
{
	for (size_t i = 0; i < lengthof(sql_types); i++)
	{
		if (strcmp(sql_types[i].name, name) == 0)
			return &sql_types[i];
	}
	return NULL;
}

/* What is known of the results of functions with such names. */
static const struct
{
	const char *suffix;
	void (*check)(const FuzzCall *call);
} known_checks[] = {
	{"_typmod_in", fuzz_check_modifier},
	{"_in", fuzz_check_input},
	{"_recv", fuzz_check_input},
	{"_cmp", fuzz_check_frees},
	{"_lt", fuzz_check_frees},
	{"_le", fuzz_check_frees},
	{"_eq", fuzz_check_frees},
	{"_ne", fuzz_check_frees},
	{"_ge", fuzz_check_frees},
	{"_gt", fuzz_check_frees},
	{"hamming_distance", fuzz_check_hamming},
	{"jaccard_distance", fuzz_check_jaccard},
	{"_distance", fuzz_check_distance},
	{"inner_product", fuzz_check_symmetric},
	{"_norm", fuzz_check_norm},
	{"l2_normalize", fuzz_check_normalized},
	{"_add", fuzz_check_arithmetic},
	{"_sub", fuzz_check_arithmetic},
	{"_mul", fuzz_check_arithmetic},
	{"_concat", fuzz_check_concatenation},
	{"subvector", fuzz_check_part},
	{"binary_quantize", fuzz_check_signs},
	{"array_to_vector", fuzz_check_from_array},
	{"array_to_halfvec", fuzz_check_from_array},
	{"array_to_sparsevec", fuzz_check_from_array},
	{"_to_vector", fuzz_check_same_elements},
	{"_to_halfvec", fuzz_check_same_elements},
	{"_to_sparsevec", fuzz_check_same_elements},
	{"_to_float4", fuzz_check_same_elements},
};

static bool
ends_with(const char *string, const char *suffix)
{
	size_t length = strlen(string);
	size_t suffix_length = strlen(suffix);

	return length >= suffix_length && strcmp(string + length - suffix_length, suffix) == 0;
}

/* The input and output functions of a type, for round trips. */
static void
note_type_function(const FuzzFunction *function)
{
	FuzzKind result = function->result;
	FuzzKind argument = function->arguments[0];

	if (argument == FUZZ_TEXT)
		fuzz_types[result].input = function->function;
	else if (argument == FUZZ_MESSAGE)
		fuzz_types[result].receive = function->function;
	else if (ends_with(function->name, "_out"))
		fuzz_types[argument].output = function->function;
	else if (ends_with(function->name, "_send"))
		fuzz_types[argument].send = function->function;
}

/*
 * The arguments of a function as the script lists them.  False if one is of a type that is unknown
 * here.
 */
static bool
parse_arguments(char *list, FuzzKind *arguments)
{
	int count = 0;
	char *state = NULL;

	for (char *name = strtok_r(list, ", ", &state); name != NULL;
		 name = strtok_r(NULL, ", ", &state))
	{
		const SqlType *type = find_sql_type(name);
		FuzzKind kind;

		if (type == NULL || count == FUZZ_ARGUMENTS_MAX)
			return false;
		kind = type->kind;

		/* (cstring, oid, integer) and (TYPE, integer, boolean): a type modifier. */
		if (kind == FUZZ_INT && count > 0 && arguments[count - 1] == FUZZ_OID)
			kind = FUZZ_TYPMOD;
		if (kind == FUZZ_BOOL && count > 0 && arguments[count - 1] == FUZZ_INT)
		{
			arguments[count - 1] = FUZZ_TYPMOD;
			if (arguments[0] == FUZZ_STATE)
				arguments[0] = FUZZ_FLOAT8_ARRAY; /* a cast, not an aggregate */
		}
		arguments[count++] = kind;
	}
	return count > 0;
}

static void
add_function(const char *name, char *argument_list, const char *result)
{
	FuzzFunction *function = &functions[function_count];
	const SqlType *result_type = find_sql_type(result);

	if (function_count == FUNCTIONS_MAX)
		fuzz_fail("more than %d functions", FUNCTIONS_MAX);
	if (result_type == NULL || !parse_arguments(argument_list, function->arguments))
	{
		memset(function, 0, sizeof(*function));
		return;
	}

	*(void **) &function->function = dlsym(RTLD_DEFAULT, name);
	if (function->function == NULL)
		fuzz_fail("%s is not in the library", name);
	function->name = strdup(name);
	function->result = result_type->result;
	function->weight = function->arguments[1] == FUZZ_TYPMOD ? CAST_WEIGHT : 1;
	if (function->arguments[0] == FUZZ_TEXT || function->arguments[0] == FUZZ_MESSAGE)
		function->weight = INPUT_WEIGHT;
	for (size_t i = 0; i < lengthof(known_checks) && function->check == NULL; i++)
	{
		if (ends_with(name, known_checks[i].suffix))
			function->check = known_checks[i].check;
	}
	if (function->arguments[0] == function->result && function->arguments[1] == FUZZ_TYPMOD)
		function->check = fuzz_check_same_elements;

	note_type_function(function);
	total_weight += function->weight;
	function_count++;
}

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (file == NULL || text == NULL || fread(text, 1, (1 << 20) - 1, file) == 0)
		fuzz_fail("can't read %s", path);
	fclose(file);
	return text;
}

static void
read_functions(const char *path)
{
	char *text = read_file(path);

	for (char *cursor = strstr(text, "CREATE FUNCTION "); cursor != NULL;
		 cursor = strstr(cursor + 1, "CREATE FUNCTION "))
	{
		char name[64];
		char arguments[128];
		char result[64];
		char symbol[64];

		if (sscanf(cursor, "CREATE FUNCTION %63[a-z0-9_](%127[^)]) RETURNS %63[^ \n]", name,
				   arguments, result) != 3)
			continue;
		if (sscanf(cursor, "CREATE FUNCTION %*[^'] 'MODULE_PATHNAME', '%63[a-z0-9_]'", symbol) == 1)
			add_function(symbol, arguments, result);
		else
			add_function(name, arguments, result);
	}
	free(text);

	for (int type = FUZZ_VECTOR; type <= FUZZ_SPARSEVEC; type++)
	{
		const FuzzType *functions_of = &fuzz_types[type];

		if (functions_of->input == NULL || functions_of->output == NULL ||
			functions_of->receive == NULL || functions_of->send == NULL)
			fuzz_fail("%s has no functions in %s", functions_of->name, path);
	}
}

/* Inputs */

/* Errors that say what is wrong with the input, and none of the program itself. */
static struct
{
	const char *state;
	bool damaged_only;
	uint64 count;
} expected_errors[] = {
	{"22000", false, 0}, {"22003", false, 0}, {"22004", false, 0}, {"22023", false, 0},
	{"22P02", false, 0}, {"08P01", false, 0}, {"54000", false, 0}, {"XX001", true, 0},
};

static void
check_error(const FuzzCall *call)
{
	const char *state = shim_error_state();
	size_t i = 0;

	if (shim_error_message()[0] == '\0')
		fuzz_fail("error %s without a message", state);
	while (i < lengthof(expected_errors) && (strcmp(state, expected_errors[i].state) != 0 ||
											 (expected_errors[i].damaged_only && !call->damaged)))
		i++;
	if (i == lengthof(expected_errors))
		fuzz_fail("error %s: %s", state, shim_error_message());
	expected_errors[i].count++;
	if (call->expected.dimensions > 0 && DatumGetInt32(call->arguments[2]) == -1)
		fuzz_fail("error %s for a proper value: %s", state, shim_error_message());
}

static int
random_function(void)
{
	int64 place = fuzz_below(total_weight);
	int i = 0;

	while ((place -= functions[i].weight) >= 0)
		i++;
	return i;
}

static void
choose_kernels(void)
{
	uint32 count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);
	const BitKernels *const *bit_sets;

	distance_kernels = sets[fuzz_below(count)];
	bit_sets = bit_kernels_available(&count);
	bit_kernels = bit_sets[fuzz_below(count)];
}

static void
run_input(uint64 number)
{
	FuzzCall call = {0};
	int i;
	int argument_count = 0;

	/* splitmix64 of seed and number; xorshift must not start at 0 */
	uint64 state = seed * UINT64CONST(0x9e3779b97f4a7c15) + number;

	state = (state ^ state >> 30) * UINT64CONST(0xbf58476d1ce4e5b9);
	state = (state ^ state >> 27) * UINT64CONST(0x94d049bb133111eb);
	fuzz_random_state = (state ^ state >> 31) | 1;
	(void) fuzz_next();

	i = random_function();
	current_input = number;
	current_function = call.function = &functions[i];
	choose_kernels();
	shim_in_aggregate = fuzz_chance(2);
	fuzz_make_arguments(&call);
	while (argument_count < FUZZ_ARGUMENTS_MAX &&
		   call.function->arguments[argument_count] != FUZZ_NONE)
		argument_count++;

	switch (shim_call(call.function->function, argument_count, call.arguments, &call.result))
	{
		case SHIM_VALUE:
			counts[i].values++;
			if (!call.damaged)
				fuzz_check_result(&call);
			break;
		case SHIM_NULL:
			counts[i].nulls++;
			break;
		case SHIM_ERROR:
			counts[i].errors++;
			check_error(&call);
			break;
	}
	shim_reset();
}

/* A line for each function; whether all of them passed. */
static bool
report(uint64 inputs)
{
	FunctionCount total = {0};
	bool passed = true;

	for (int i = 0; i < function_count; i++)
	{
		bool tried = counts[i].values > 0 && counts[i].errors > 0;

		printf("%s %d - %s: " UINT64_FORMAT " values, " UINT64_FORMAT " nulls, " UINT64_FORMAT
			   " errors\n",
			   tried ? "ok" : "not ok", i + 1, functions[i].name, counts[i].values, counts[i].nulls,
			   counts[i].errors);
		passed &= tried;
		total.values += counts[i].values;
		total.nulls += counts[i].nulls;
		total.errors += counts[i].errors;
	}
	for (size_t i = 0; i < lengthof(expected_errors); i++)
	{
		bool seen = expected_errors[i].count > 0;

		printf("%s %d - SQLSTATE %s: " UINT64_FORMAT " errors\n", seen ? "ok" : "not ok",
			   function_count + (int) i + 1, expected_errors[i].state, expected_errors[i].count);
		passed &= seen;
	}
	printf("1..%d\n", function_count + (int) lengthof(expected_errors));
	printf("# " UINT64_FORMAT " inputs of seed " UINT64_FORMAT ": " UINT64_FORMAT
		   " values, " UINT64_FORMAT " nulls, " UINT64_FORMAT " errors\n",
		   inputs, seed, total.values, total.nulls, total.errors);
	return passed;
}

/* Of the sanitizers' runtime, if they are there. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

int
main(int argc, char **argv)
{
	uint64 inputs;
	uint64 first = 0;

	if (argc < 3)
	{
		fprintf(stderr, "usage: %s INSTALL_SCRIPT INPUTS [SEED [FIRST]]\n", argv[0]);
		return 2;
	}
	inputs = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		seed = strtoull(argv[3], NULL, 10);
	if (argc > 4)
		first = strtoull(argv[4], NULL, 10);

	signal(SIGABRT, end_of_abort);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(tell_input);
	read_functions(argv[1]);
	for (uint64 i = first; i < first + inputs; i++)
		run_input(i);
	current_function = NULL;
	if (argc > 4)
		return 0; /* single inputs can't have tried everything */
	return report(inputs) ? 0 : 1;
}
