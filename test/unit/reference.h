/*
 * reference.h
 *		Distances in long double, and how far float32 sums may be off.
 *
 * A kernel keeps at least eight partial sums (the scalar one eight, the others more), so an addend
 * goes through at most n / 8 additions, then at most three to join the partial sums of a register,
 * three more to join registers, some for elements left over, and has at most three roundings of its
 * own: (n / 8 + 16) * 2^-24 * sum of |terms|. A product that underflows loses half of the smallest
 * denormal more.
 */
#ifndef VECTORSTORE_TEST_REFERENCE_H
#define VECTORSTORE_TEST_REFERENCE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* A sum, and the sum of the absolute values of its terms. */
typedef struct Reference
{
	long double sum;
	long double magnitude;
	uint32_t n;
} Reference;

typedef struct References
{
	Reference l2;
	Reference product;
	Reference l1;
	Reference square_a;
	Reference square_b;
} References;

static inline void
reference_add(Reference *reference, long double term)
{
	reference->sum += term;
	reference->magnitude += fabsl(term);
	reference->n++;
}

static inline References
references_of(const float *a, const float *b, uint32_t n)
{
	References all = {0};

	for (uint32_t i = 0; i < n; i++)
	{
		long double x = a[i];
		long double y = b[i];

		reference_add(&all.l2, (x - y) * (x - y));
		reference_add(&all.product, x * y);
		reference_add(&all.l1, fabsl(x - y));
		reference_add(&all.square_a, x * x);
		reference_add(&all.square_b, y * y);
	}
	return all;
}

static inline long double
reference_relative_bound(uint32_t n)
{
	return (n / 8 + 16) * 0x1p-24L;
}

/* exact: no sum is rounded, whatever its order. */
static inline bool
reference_agrees(bool exact, float got, const Reference *reference)
{
	long double bound =
		reference_relative_bound(reference->n) * reference->magnitude + reference->n * 0x1p-149L;

	if (exact)
		return got == (float) reference->sum;
	if (reference->magnitude + bound < FLT_MAX)
		return fabsl((long double) got - reference->sum) <= bound;
	/* Terms of one sign overflow to infinity; of two, sums of infinities may give a NaN too. */
	if (reference->sum == reference->magnitude && reference->sum - bound > FLT_MAX)
		return isinf(got) && got > 0;
	return !isfinite(got) || fabsl((long double) got - reference->sum) <= bound;
}

static inline bool
reference_cosine_agrees(double got, const References *all)
{
	long double norms = sqrtl(all->square_a.sum * all->square_b.sum);
	long double bound = 2.5L * reference_relative_bound(all->product.n) + 0x1p-50L;

	if (norms == 0)
		return isnan(got);
	/* Where norms overflow or underflow in float32, anything that clamping makes a cosine. */
	if (all->square_a.sum > FLT_MAX / 2 || all->square_b.sum > FLT_MAX / 2 ||
		all->square_a.sum < 1e-30L || all->square_b.sum < 1e-30L)
		return true;
	return fabsl((long double) got - all->product.sum / norms) <= bound;
}

#endif /* VECTORSTORE_TEST_REFERENCE_H */
