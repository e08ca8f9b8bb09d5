/*
 * kernels_neon.c
 *		The kernels for NEON: 4 floats a register; every arm64 processor has it.
 *
 * The vocabulary of kernels_simd.h. A tail of floats has one to three elements, which are loaded one
 * by one; one of 16-bit words is taken from the 16 bytes that end with it (the header stands in
 * front of the values) and moved to the first lanes.
 */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#define SIMD_NAME	 "neon"
#define SIMD_KERNELS distance_kernels_neon
#define SIMD_TARGET
#define SIMD_LANES			4
#define SIMD_TILE_ROWS		6
#define SIMD_TILE_REGISTERS 4
#define VOCABULARY			static inline __attribute__((always_inline))

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
simd_load_values(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return floats_of_bytes(word);
}

VOCABULARY Simd
simd_load_values_tail(const uint8_t *p, uint32_t n)
{
	uint32_t word = p[0];

	if (n > 1)
		word |= (uint32_t) p[1] << 8;
	if (n > 2)
		word |= (uint32_t) p[2] << 16;
	return floats_of_bytes(word);
}

VOCABULARY Simd
simd_load_halfs(const Half *p)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

VOCABULARY Simd
simd_load_halfs_tail(const Half *p, uint32_t n)
{
	return vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(load_halfs_below_four(p, n))));
}

VOCABULARY void
simd_store(float *p, Simd v)
{
	vst1q_f32(p, v);
}

VOCABULARY void
simd_store_halfs(Half *p, Simd v)
{
	vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

VOCABULARY Simd
simd_keep(Simd v, uint32_t n)
{
	static const uint32_t lanes[4] = {0, 1, 2, 3};
	uint32x4_t kept = vcltq_u32(vld1q_u32(lanes), vdupq_n_u32(n));

	return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), kept));
}

VOCABULARY bool
simd_any_less(Simd a, Simd b)
{
	return vmaxvq_u32(vcltq_f32(a, b)) != 0;
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

#define SIMD_WORDS 16

typedef int16x8x2_t SimdWords;
typedef int32x4x2_t SimdDot;

VOCABULARY SimdWords
simd_words_load(const int16_t *p)
{
	SimdWords words = {{vld1q_s16(p), vld1q_s16(p + 8)}};

	return words;
}

VOCABULARY SimdWords
words_of_bytes(uint8x16_t bytes)
{
	SimdWords words = {{vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))),
						vreinterpretq_s16_u16(vmovl_high_u8(bytes))}};

	return words;
}

VOCABULARY SimdWords
simd_words_values(const uint8_t *p)
{
	return words_of_bytes(vld1q_u8(p));
}

VOCABULARY SimdWords
simd_words_values_tail(const uint8_t *p, uint32_t n)
{
	static const uint8_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	/* Lane i takes byte 16 - n + i; a number above 15 gives zero. */
	uint8x16_t from = vaddq_u8(vld1q_u8(lanes), vdupq_n_u8((uint8_t) (16 - n)));

	return words_of_bytes(vqtbl1q_u8(vld1q_u8(p + n - 16), from));
}

VOCABULARY SimdDot
simd_dot_zero(void)
{
	SimdDot zero = {{vdupq_n_s32(0), vdupq_n_s32(0)}};

	return zero;
}

VOCABULARY SimdDot
simd_dot_add(SimdDot sum, SimdWords a, SimdWords b)
{
	sum.val[0] = vmlal_s16(sum.val[0], vget_low_s16(a.val[0]), vget_low_s16(b.val[0]));
	sum.val[1] = vmlal_high_s16(sum.val[1], a.val[0], b.val[0]);
	sum.val[0] = vmlal_s16(sum.val[0], vget_low_s16(a.val[1]), vget_low_s16(b.val[1]));
	sum.val[1] = vmlal_high_s16(sum.val[1], a.val[1], b.val[1]);
	return sum;
}

VOCABULARY int32_t
simd_dot_sum(SimdDot v)
{
	return vaddvq_s32(vaddq_s32(v.val[0], v.val[1]));
}

VOCABULARY void
simd_dot_sum4(const SimdDot v[4], int32_t *sums)
{
	int32x4_t pairs01 =
		vpaddq_s32(vaddq_s32(v[0].val[0], v[0].val[1]), vaddq_s32(v[1].val[0], v[1].val[1]));
	int32x4_t pairs23 =
		vpaddq_s32(vaddq_s32(v[2].val[0], v[2].val[1]), vaddq_s32(v[3].val[0], v[3].val[1]));

	vst1q_s32(sums, vpaddq_s32(pairs01, pairs23));
}

#include "kernels_simd.h"

#else
typedef int kernels_neon_not_for_this_architecture;
#endif
