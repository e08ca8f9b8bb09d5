/*
 * bit_distance.c
 *		The choice among the sets of bit kernels, at load time.
 */
#include "bit_kernels.h"

const BitKernels *bit_kernels = &bit_kernels_scalar;

#define MAX_SETS 4

const BitKernels *const *
bit_kernels_available(uint32_t *count)
{
	static const BitKernels *sets[MAX_SETS];
	uint32_t found = 0;

	sets[found++] = &bit_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("popcnt"))
		sets[found++] = &bit_kernels_popcnt;
	if (__builtin_cpu_supports("avx2"))
		sets[found++] = &bit_kernels_avx2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vpopcntdq"))
		sets[found++] = &bit_kernels_avx512;
#elif defined(__aarch64__)
	sets[found++] = &bit_kernels_neon;
#endif
	*count = found;
	return sets;
}

void
bit_kernels_choose(void)
{
	uint32_t count;
	const BitKernels *const *sets = bit_kernels_available(&count);

	bit_kernels = sets[count - 1];
}
