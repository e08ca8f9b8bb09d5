/*
 * rabitq_kernels.c
 *		The choice among the sets of RaBitQ kernels, at load time.
 */
#include "rabitq_sets.h"

const RabitqKernels *rabitq_kernels = &rabitq_kernels_scalar;

#define MAX_SETS 3

const RabitqKernels *const *
rabitq_kernels_available(uint32_t *count)
{
	static const RabitqKernels *sets[MAX_SETS];
	uint32_t found = 0;

	sets[found++] = &rabitq_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		sets[found++] = &rabitq_kernels_avx2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
		sets[found++] = &rabitq_kernels_avx512;
#elif defined(__aarch64__)
	sets[found++] = &rabitq_kernels_neon;
#endif
	*count = found;
	return sets;
}

void
rabitq_kernels_choose(void)
{
	uint32_t count;
	const RabitqKernels *const *sets = rabitq_kernels_available(&count);

	rabitq_kernels = sets[count - 1];
}
