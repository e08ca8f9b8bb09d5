/*
 * bit_neon.c
 *		The bit kernels for NEON: 16 bytes a register; every arm64 processor has it.
 *
 * The vocabulary of bit_kernels_simd.h. CNT counts the bits of each byte; pairwise additions widen
 * the counts, so that no number of bytes overflows them.
 */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdint.h>

#include "bit_kernels.h"

#define SIMD_NAME	 "neon"
#define SIMD_KERNELS bit_kernels_neon
#define SIMD_TARGET
#define VOCABULARY static inline __attribute__((always_inline))

#define BITS_BYTES 16

typedef uint8x16_t Bits;
typedef uint64x2_t BitCounts;

VOCABULARY Bits
bits_load(const uint8_t *p)
{
	return vld1q_u8(p);
}

VOCABULARY Bits
bits_load_tail(const uint8_t *p, size_t n)
{
	uint64x1_t low = vcreate_u64(n >= 8 ? load_word(p) : load_word_tail(p, n));
	uint64x1_t high = vcreate_u64(n > 8 ? load_word_tail(p + 8, n - 8) : 0);

	return vreinterpretq_u8_u64(vcombine_u64(low, high));
}

VOCABULARY Bits
bits_and(Bits a, Bits b)
{
	return vandq_u8(a, b);
}

VOCABULARY Bits
bits_or(Bits a, Bits b)
{
	return vorrq_u8(a, b);
}

VOCABULARY Bits
bits_xor(Bits a, Bits b)
{
	return veorq_u8(a, b);
}

VOCABULARY BitCounts
counts_zero(void)
{
	return vdupq_n_u64(0);
}

VOCABULARY BitCounts
counts_add(BitCounts counts, Bits bits)
{
	return vpadalq_u32(counts, vpaddlq_u16(vpaddlq_u8(vcntq_u8(bits))));
}

VOCABULARY BitCounts
counts_join(BitCounts a, BitCounts b)
{
	return vaddq_u64(a, b);
}

VOCABULARY uint64_t
counts_sum(BitCounts counts)
{
	return vaddvq_u64(counts);
}

#include "bit_kernels_simd.h"

#else
typedef int bit_neon_not_for_this_architecture;
#endif
