/*
 * index/candidate_order.c
 *		Incremental sorting of candidates; see index/candidate_order.h.
 */
#include "postgres.h"
#include "compat.h"

#include "index/candidate_order.h"

StaticAssertDecl(sizeof(Candidate) == sizeof(uint64), "a candidate is moved as one word");

/* A range as short as this is sorted by insertion */
#define SMALL_RANGE 16
/* Candidates that a pivot is chosen from */
#define SAMPLE 9
/* Where less than this share of a range is wanted, the pivot is chosen low */
#define LOW_SHARE 0.2f

static void
sort_by_insertion(Candidate *candidates, uint32 count)
{
	for (uint32 i = 1; i < count; i++)
	{
		Candidate candidate = candidates[i];
		uint32 at = i;

		while (at > 0 && candidate_is_nearer(candidate, candidates[at - 1]))
		{
			candidates[at] = candidates[at - 1];
			at--;
		}
		candidates[at] = candidate;
	}
}

static Candidate
choose_pivot(const Candidate *candidates, uint32 count, float share)
{
	Candidate sample[SAMPLE];

	for (uint32 i = 0; i < SAMPLE; i++)
		sample[i] = candidates[(uint64) i * (count - 1) / (SAMPLE - 1)];
	sort_by_insertion(sample, SAMPLE);
	return sample[(uint32) (share * SAMPLE)];
}

uint32
candidates_partition(Candidate *candidates, uint32 count, float share, Candidate *pivot)
{
	Candidate limit = choose_pivot(candidates, count, share);
	uint32 nearer = 0;

	/*
	 * Always swapped: a branch would be guessed wrong every other time.  And each as one word, since
	 * what was stored in halves can't be loaded whole at once.
	 */
	for (uint32 i = 0; i < count; i++)
	{
		Candidate candidate = candidates[i];
		bool is_nearer =
			(candidate.distance < limit.distance) |
			((candidate.distance == limit.distance) & (candidate.ordinal > limit.ordinal));
		uint64 word;
		uint64 other;

		memcpy(&word, &candidates[i], sizeof(word));
		memcpy(&other, &candidates[nearer], sizeof(other));
		memcpy(&candidates[i], &other, sizeof(other));
		memcpy(&candidates[nearer], &word, sizeof(word));
		nearer += is_nearer;
	}
	*pivot = limit;
	return nearer;
}

void
candidate_order_begin(CandidateOrder *order, Candidate *candidates, uint32 count)
{
	order->candidates = candidates;
	order->count = count;
	order->sorted = 0;
	order->depth = 1;
	order->ends[0] = count;
}

void
candidate_order_extend(CandidateOrder *order, uint32 wanted)
{
	Assert(wanted <= order->count);
	while (order->sorted < wanted)
	{
		Candidate *range = order->candidates + order->sorted;
		uint32 count = order->ends[order->depth - 1] - order->sorted;
		uint32 missing = wanted - order->sorted;
		uint32 nearer = 0;
		Candidate pivot;

		if (count > SMALL_RANGE && order->depth < CANDIDATE_ORDER_DEPTH)
		{
			nearer = candidates_partition(range, count, missing < LOW_SHARE * count ? 0.12f : 0.5f,
										  &pivot);
			/* None is nearer than the nearest of them: it is somewhere behind, and goes first. */
			if (nearer == 0)
			{
				uint32 at = 0;

				while (candidate_is_nearer(pivot, range[at]))
					at++;
				range[at] = range[0];
				range[0] = pivot;
				order->sorted++;
				continue;
			}
			order->ends[order->depth++] = order->sorted + nearer;
			continue;
		}
		if (count <= SMALL_RANGE)
			sort_by_insertion(range, count);
		else
			candidates_sort(range, count);
		order->sorted += count;
		order->depth--;
	}
}
