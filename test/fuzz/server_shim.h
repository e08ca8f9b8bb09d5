/*
 * server_shim.h
 *		What stands for the server when the code of the types runs without it.
 *
 * The shim defines the functions of the server that src/types calls, with their contracts: memory
 * contexts, error reports, messages, arrays.  Each allocation is one of malloc's, so that
 * AddressSanitizer sees an access outside of it.
 *
 * A call of the code under test goes through shim_call, which catches its errors.  All memory that
 * was palloc'd since the last shim_reset is freed by the next one.
 */
#ifndef SERVER_SHIM_H
#define SERVER_SHIM_H

#include "fmgr.h"

typedef enum ShimOutcome
{
	SHIM_VALUE,
	SHIM_NULL,
	SHIM_ERROR
} ShimOutcome;

/* Call a function with arguments that are not null. */
extern ShimOutcome
shim_call(PGFunction function, int argument_count, const Datum *arguments, Datum *result);

/* The last error: its SQLSTATE as five characters, and its message. */
extern const char *shim_error_state(void);
extern const char *shim_error_message(void);

/* Number of allocations that are not freed. */
extern int shim_allocation_count(void);

extern void shim_reset(void);

/* What AggCheckCallContext answers: is the function called by an aggregate? */
extern bool shim_in_aggregate;

/* A value of type numeric is, for the shim, a varlena with its digits; so is "NaN". */
extern Datum shim_numeric(const char *digits);

#endif /* SERVER_SHIM_H */
