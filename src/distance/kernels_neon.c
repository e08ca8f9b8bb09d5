/*
 * kernels_neon.c
 *		The kernels for NEON: 4 floats a register; every arm64 processor has it.
 *
 * The vocabulary of kernels_simd.h. A tail has one to three elements, which are loaded one by one.
 */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define SIMD_NAME	 "neon"
#define SIMD_KERNELS distance_kernels_neon
#define SIMD_TARGET
#define SIMD_LANES 4
#define VOCABULARY static inline __attribute__((always_inline))

typedef float32x4_t Simd;

VOCABULARY Simd
simd_zero(void)
{
	return vdupq_n_f32(0.0f);
}

VOCABULARY Simd
simd_broadcast(float x)
{
	return vdupq_n_f32(x);
}

VOCABULARY Simd
simd_load(const float *p)
{
	return vld1q_f32(p);
}

VOCABULARY Simd
simd_load_tail(const float *p, uint32_t n)
{
	Simd v = vld1q_lane_f32(p, simd_zero(), 0);

	if (n > 1)
		v = vld1q_lane_f32(p + 1, v, 1);
	if (n > 2)
		v = vld1q_lane_f32(p + 2, v, 2);
	return v;
}

/* The four bytes of a word, as floats. */
VOCABULARY Simd
floats_of_bytes(uint32_t word)
{
	uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(word));

	return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

VOCABULARY Simd
simd_load_codes(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return floats_of_bytes(word);
}

VOCABULARY Simd
simd_load_codes_tail(const uint8_t *p, uint32_t n)
{
	uint32_t word = p[0];

	if (n > 1)
		word |= (uint32_t) p[1] << 8;
	if (n > 2)
		word |= (uint32_t) p[2] << 16;
	return floats_of_bytes(word);
}

VOCABULARY Simd
simd_keep(Simd v, uint32_t n)
{
	static const uint32_t lanes[4] = {0, 1, 2, 3};
	uint32x4_t kept = vcltq_u32(vld1q_u32(lanes), vdupq_n_u32(n));

	return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), kept));
}

VOCABULARY Simd
simd_add(Simd a, Simd b)
{
	return vaddq_f32(a, b);
}

VOCABULARY Simd
simd_subtract(Simd a, Simd b)
{
	return vsubq_f32(a, b);
}

VOCABULARY Simd
simd_absolute(Simd v)
{
	return vabsq_f32(v);
}

VOCABULARY Simd
simd_multiply_add(Simd a, Simd b, Simd c)
{
	return vfmaq_f32(c, a, b);
}

VOCABULARY float
simd_sum(Simd v)
{
	return vaddvq_f32(v);
}

VOCABULARY void
simd_sum4(const Simd v[4], float *sums)
{
	vst1q_f32(sums, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
}

#include "kernels_simd.h"

#else
typedef int kernels_neon_not_for_this_architecture;
#endif
