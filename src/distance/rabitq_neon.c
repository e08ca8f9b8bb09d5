/*
 * rabitq_neon.c
 *		The RaBitQ kernels for NEON: a group of a block, 16 bytes, a register; every arm64 processor
 *		has it.
 *
 * The vocabulary of rabitq_simd.h, rabitq_look_up.h and rabitq_dots.h.
 */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "rabitq_sets.h"

#define SIMD_TARGET
#define SIMD_LANES	4
#define SIMD_GROUPS 1
#define SIMD_BYTES	16
#define VOCABULARY	static inline __attribute__((always_inline))

typedef float32x4_t Floats;
typedef uint8x16_t Bytes;
typedef int32x4_t Dot;

VOCABULARY Floats
floats_load(const float *p)
{
	return vld1q_f32(p);
}

VOCABULARY void
floats_store(float *p, Floats v)
{
	vst1q_f32(p, v);
}

VOCABULARY Floats
floats_add(Floats a, Floats b)
{
	return vaddq_f32(a, b);
}

VOCABULARY Floats
floats_subtract(Floats a, Floats b)
{
	return vsubq_f32(a, b);
}

VOCABULARY Floats
floats_transform(Floats v)
{
	static const uint32_t odd[4] = {0, UINT32_MAX, 0, UINT32_MAX};
	static const uint32_t upper[4] = {0, 0, UINT32_MAX, UINT32_MAX};
	Floats other = vrev64q_f32(v);

	v = vbslq_f32(vld1q_u32(odd), vsubq_f32(other, v), vaddq_f32(v, other));
	other = vextq_f32(v, v, 2);
	return vbslq_f32(vld1q_u32(upper), vsubq_f32(other, v), vaddq_f32(v, other));
}

VOCABULARY Bytes
bytes_load(const void *p)
{
	return vld1q_u8((const uint8_t *) p);
}

VOCABULARY Bytes
bytes_zero(void)
{
	return vdupq_n_u8(0);
}

VOCABULARY Bytes
bytes_part(Bytes v, uint32_t bits, uint32_t shift)
{
	return vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t) - (int32_t) shift)),
					vdupq_n_u8((uint8_t) ((1u << bits) - 1)));
}

VOCABULARY Bytes
bytes_low(Bytes v)
{
	return vandq_u8(v, vdupq_n_u8(0x0f));
}

VOCABULARY Bytes
bytes_high(Bytes v)
{
	return vshrq_n_u8(v, 4);
}

VOCABULARY Bytes
bytes_look_up(Bytes table, Bytes v)
{
	return vqtbl1q_u8(table, v);
}

VOCABULARY Bytes
words_add(Bytes a, Bytes b)
{
	return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
}

VOCABULARY Bytes
words_odd(Bytes v)
{
	return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(v), 8));
}

VOCABULARY Bytes
words_subtract_odd(Bytes v, Bytes odd)
{
	uint16x8_t upper = vshlq_n_u16(vreinterpretq_u16_u8(odd), 8);

	return vreinterpretq_u8_u16(vsubq_u16(vreinterpretq_u16_u8(v), upper));
}

VOCABULARY void
words_store(uint16_t *p, Bytes v)
{
	vst1q_u16(p, vreinterpretq_u16_u8(v));
}

VOCABULARY Bytes
bytes_mask(const uint8_t *p)
{
	static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};

	return vtstq_u8(vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1])), vld1q_u8(bits));
}

VOCABULARY Bytes
bytes_and(Bytes a, Bytes b)
{
	return vandq_u8(a, b);
}

VOCABULARY Dot
dot_zero(void)
{
	return vdupq_n_s32(0);
}

/* Elements are below 16, so they are the same as signed bytes. */
VOCABULARY Dot
dot_add(Dot sum, Bytes elements, Bytes query)
{
	int8x16_t a = vreinterpretq_s8_u8(elements);
	int8x16_t b = vreinterpretq_s8_u8(query);

	sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
	return vpadalq_s16(sum, vmull_high_s8(a, b));
}

VOCABULARY Dot
dot_add_signed(Dot sum, Bytes query)
{
	return vpadalq_s16(sum, vpaddlq_s8(vreinterpretq_s8_u8(query)));
}

VOCABULARY int32_t
dot_sum(Dot v)
{
	return vaddvq_s32(v);
}

#include "rabitq_simd.h"

#include "rabitq_coding_simd.h"
#include "rabitq_dots.h"
#include "rabitq_look_up.h"

SIMD_FUNCTION void
scale_with_signs(float *values, uint32_t count, uint64_t signs, float factor)
{
	static const uint32_t bits[4] = {1, 2, 4, 8};

	for (uint32_t i = 0; i < count; i += SIMD_LANES, signs >>= SIMD_LANES)
	{
		uint32x4_t set = vtstq_u32(vdupq_n_u32((uint32_t) signs), vld1q_u32(bits));
		Floats scale = vbslq_f32(set, vdupq_n_f32(-factor), vdupq_n_f32(factor));

		vst1q_f32(values + i, vmulq_f32(vld1q_f32(values + i), scale));
	}
}

const RabitqKernels rabitq_kernels_neon = {
	.name = "neon",
	.block_sums = block_sums,
	.block_distances = block_distances,
	.dots_1 = dots_1,
	.dots_2 = dots_2,
	.dots_4 = dots_4,
	.code_moments = code_moments,
	.code_trials = code_trials,
	.code_elements = code_elements,
	.fill_look_ups = fill_look_ups,
	.hadamard = hadamard,
	.scale_with_signs = scale_with_signs,
};

#else
typedef int rabitq_neon_not_for_this_architecture;
#endif
