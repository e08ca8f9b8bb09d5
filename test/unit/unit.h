/*
 * unit.h
 *		What the unit tests share: TAP output, random numbers, and memory with guard pages.
 *
 * A test is a program of its own. check() prints one TAP line; what is compared a million times is
 * gathered by expect(), which tells the first failures of the current check, and check_done().
 */
#ifndef VECTORSTORE_TEST_UNIT_H
#define VECTORSTORE_TEST_UNIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int checks = 0;
static int checks_failed = 0;
static long expectations = 0;
static long expectations_failed = 0;

/* One of many conditions of a check; the message says what was compared. */
static inline __attribute__((format(printf, 2, 3))) void
expect(bool condition, const char *format, ...)
{
	va_list arguments;

	expectations++;
	if (condition)
		return;
	if (++expectations_failed > 5)
		return;
	printf("# ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

/* End of a check: it passed if it had conditions and all of them held. */
static inline __attribute__((format(printf, 1, 2))) void
check_done(const char *format, ...)
{
	bool passed = expectations > 0 && expectations_failed == 0;
	va_list arguments;

	if (expectations_failed > 5)
		printf("# %ld of %ld conditions failed\n", expectations_failed, expectations);
	if (expectations == 0)
		printf("# nothing was compared\n");
	checks++;
	if (!passed)
		checks_failed++;
	printf("%s %d - ", passed ? "ok" : "not ok", checks);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
	expectations = 0;
	expectations_failed = 0;
}

/* The plan; to be returned from main(). */
static inline int
checks_end(void)
{
	printf("1..%d\n", checks);
	if (checks_failed > 0)
		printf("# %d of %d failed\n", checks_failed, checks);
	return checks_failed > 0 || checks == 0 ? 1 : 0;
}

/* xorshift64*: the same numbers in every run. */
static uint64_t random_state = 0x9E3779B97F4A7C15ULL;

static inline uint64_t
random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545F4914F6CDD1DULL;
}

static inline uint32_t
random_below(uint32_t bound)
{
	return (uint32_t) ((random_next() >> 32) * bound >> 32);
}

/* Uniform in [-1, 1). */
static inline float
random_float(void)
{
	return (float) (int32_t) (random_next() >> 32) * 0x1p-31f;
}

/*
 * A piece of memory between two pages that can't be touched: what reads or writes a byte in front
 * of start or at end dies of a signal, which fails the test.
 */
typedef struct Guarded
{
	void *start;
	void *end;
} Guarded;

static inline Guarded
guarded_create(size_t bytes)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t body = (bytes + page - 1) / page * page;
	char *memory =
		mmap(NULL, body + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	Guarded guarded;

	if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0 ||
		mprotect(memory + page + body, page, PROT_NONE) != 0)
	{
		printf("Bail out! no memory with guard pages\n");
		exit(1);
	}
	guarded.start = memory + page;
	guarded.end = memory + page + body;
	return guarded;
}

static inline size_t
guarded_size(Guarded guarded)
{
	return (size_t) ((char *) guarded.end - (char *) guarded.start);
}

#endif /* VECTORSTORE_TEST_UNIT_H */
