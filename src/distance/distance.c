/*
 * distance.c
 *		The choice among the sets of kernels, at load time, and what is the same in all of them.
 *
 * __builtin_cpu_supports() asks the processor for the instructions and the operating system
 * (XGETBV) whether it saves their registers; it answers no unless both are so.
 */
#include "kernels.h"
#include "distance/bit_distance.h"
#include "distance/rabitq_kernels.h"

#include <stdbool.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

const DistanceKernels *distance_kernels = &distance_kernels_scalar;

#define MAX_SETS 3

#if defined(__x86_64__)
/* Clang before 16 has no name for it in __builtin_cpu_supports(). */
static bool
cpu_has_f16c(void)
{
	unsigned int eax;
	unsigned int ebx;
	unsigned int ecx;
	unsigned int edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

static bool
cpu_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cpu_has_f16c();
}

static bool
cpu_has_avx512(void)
{
	return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
		   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		   __builtin_cpu_supports("avx512vl");
}
#endif

const DistanceKernels *const *
distance_kernels_available(uint32_t *count)
{
	static const DistanceKernels *sets[MAX_SETS];
	uint32_t found = 0;

	sets[found++] = &distance_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (cpu_has_avx2())
		sets[found++] = &distance_kernels_avx2;
	if (cpu_has_avx512())
		sets[found++] = &distance_kernels_avx512;
#elif defined(__aarch64__)
	sets[found++] = &distance_kernels_neon;
#endif
	*count = found;
	return sets;
}

void
distance_kernels_choose(void)
{
	uint32_t count;
	const DistanceKernels *const *sets = distance_kernels_available(&count);

	distance_kernels = sets[count - 1];
	bit_kernels_choose();
	rabitq_kernels_choose();
}

#define CACHE_LINE	   64
#define PREFETCH_LINES 4

void
prefetch_vectors(const void *const *vectors, uint32_t count, uint32_t first, uint32_t width,
				 size_t bytes)
{
	uint32_t end = first + width < count ? first + width : count;
	size_t last = (bytes < PREFETCH_LINES * CACHE_LINE ? bytes : PREFETCH_LINES * CACHE_LINE) - 1;

	for (uint32_t i = first; i < end; i++)
	{
		const char *vector = (const char *) vectors[i];

		for (size_t at = 0; at < last; at += CACHE_LINE)
			__builtin_prefetch(vector + at, 0, 3);
		/* A vector that starts inside of a line reaches into one line more. */
		__builtin_prefetch(vector + last, 0, 3);
	}
}

void
distance_pack(const float *const *vectors, uint32_t count, uint32_t dimensions, float *packed)
{
	for (uint32_t first = 0; first < count; first += DISTANCE_PANEL)
	{
		uint32_t there = count - first < DISTANCE_PANEL ? count - first : DISTANCE_PANEL;

		for (uint32_t i = 0; i < dimensions; i++)
		{
			for (uint32_t j = 0; j < DISTANCE_PANEL; j++)
				packed[(size_t) i * DISTANCE_PANEL + j] = j < there ? vectors[first + j][i] : 0.0f;
		}
		packed += (size_t) dimensions * DISTANCE_PANEL;
	}
}
