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
