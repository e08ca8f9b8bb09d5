/*
 * hnsw/hnsw_build_order.c
 *		In which order nodes are inserted into the graph under construction, and
 *		by whom.
 *
 * A graph of good quality needs nodes to be inserted in random order; caches
 * want near nodes one after the other, as ordinals number them.  Both are had by
 * a biased randomized insertion order (Amenta, Choi and Rote, "Incremental
 * constructions con BRIO", SoCG 2003): each node draws a round, each round has
 * about twice the nodes of the one before, and within a round they are inserted
 * piece by piece in order of ordinals.  Against random order this saved a third
 * of the time on sift and lost no recall.
 *
 * What all processes must agree on, levels and rounds, is drawn from a node's
 * ordinal.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "hnsw/hnsw_build.h"

/*
 * A process claims this many ordinals of a round at once (a power of two): its caches keep what is
 * near their nodes.  Among them it goes by large strides, since to insert the very nearest one after
 * the other costs recall (0.004 on sift).  Claims go round in stripes of all ordinals, so that
 * processes are at work far from one another: nodes that are inserted at the same time don't see
 * one another.
 */
#define CLAIM_ORDINALS 4096
#define CLAIM_STRIDE   1597 /* odd; about 4096 by the golden ratio squared */
#define CLAIM_STRIPES  16

/* Nodes of the first round, at most about twice this */
#define FIRST_ROUND_NODES 1000

/* The search for a node's neighbors begins with nodes whose ordinals are at most so far from its own */
#define START_REACH 64

int
hnsw_build_level(uint32 ordinal, uint16 m)
{
	uint64 hash = ((uint64) ordinal + 1) * UINT64CONST(0x9E3779B97F4A7C15);

	/* splitmix64 */
	hash = (hash ^ (hash >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	hash = (hash ^ (hash >> 27)) * UINT64CONST(0x94D049BB133111EB);
	hash ^= hash >> 31;
	return hnsw_draw_level(((double) (hash >> 11) + 0.5) * 0x1.0p-53, m);
}

int
hnsw_build_rounds(uint32 node_count)
{
	int rounds = 1;

	while (node_count >> rounds >= FIRST_ROUND_NODES)
		rounds++;
	return rounds;
}

/* The round that a node is inserted in: the last one has half of them, the one before a quarter. */
static inline int
round_of_ordinal(uint32 ordinal, int rounds)
{
	uint32 hash = (ordinal + 1) * 0x9E3779B9;
	int leading;

	hash = (hash ^ (hash >> 15)) * 0x85EBCA6B;
	hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
	hash ^= hash >> 16;
	leading = 31 - pg_leftmost_one_pos32(hash | 1);
	return Max(rounds - 1 - leading, 0);
}

/* Claims of a stripe: enough that all stripes cover all ordinals. */
static inline uint32
claims_per_stripe(uint32 node_count)
{
	return node_count / (CLAIM_STRIPES * CLAIM_ORDINALS) + 1;
}

/* The first ordinal of a claim of a round; may lie behind the last node. */
static inline uint32
first_of_claim(uint32 claim, uint32 claims_per_round)
{
	uint32 stripe = claim % CLAIM_STRIPES;
	uint32 in_stripe = claim / CLAIM_STRIPES;
	uint64 block = (uint64) stripe * (claims_per_round / CLAIM_STRIPES) + in_stripe;

	return (uint32) Min(block * CLAIM_ORDINALS, (uint64) INVALID_ORDINAL);
}

void
hnsw_build_shared_init(HnswBuildShared *shared, int tranche)
{
	pg_atomic_init_u64(&shared->entry, PG_UINT64_MAX);
	pg_atomic_init_u64(&shared->next_claim, 0);
	pg_atomic_init_u64(&shared->done, 0);
	shared->tranche = tranche;
	LWLockInitialize(&shared->entry_lock.lock, tranche);
	for (int i = 0; i < HNSW_BUILD_LOCKS; i++)
		LWLockInitialize(&shared->locks[i].lock, tranche);
}

/* Whether the node was inserted in an earlier round, also by another process. */
static inline bool
is_inserted(const HnswEdges *edges, uint32 ordinal, int round, int rounds)
{
	return round_of_ordinal(ordinal, rounds) < round &&
		   ((volatile uint32 *) hnsw_edges_list(edges, ordinal, 0))[0] != INVALID_ORDINAL;
}

/* Nodes in the graph that are near by their ordinals, the nearest first. */
static uint32
find_starts(const HnswEdges *edges, uint32 ordinal, int round, int rounds, uint32 *starts)
{
	uint32 count = 0;

	for (uint32 apart = 1; apart <= START_REACH && count + 2 <= HNSW_BUILD_STARTS; apart++)
	{
		if (apart <= ordinal && is_inserted(edges, ordinal - apart, round, rounds))
			starts[count++] = ordinal - apart;
		if (apart < edges->node_count - ordinal &&
			is_inserted(edges, ordinal + apart, round, rounds))
			starts[count++] = ordinal + apart;
	}
	return count;
}

void
hnsw_build_insert_rounds(HnswInserter *inserter, const HnswEdges *edges, HnswBuildShared *shared,
						 int end_round, void (*progress)(HnswBuildShared *shared))
{
	uint32 count = edges->node_count;
	int rounds = hnsw_build_rounds(count);
	uint32 claims_per_round = CLAIM_STRIPES * claims_per_stripe(count);
	uint32 starts[HNSW_BUILD_STARTS];

	end_round = Min(end_round, rounds);
	for (;;)
	{
		uint64 claim = pg_atomic_fetch_add_u64(&shared->next_claim, 1);
		int round = (int) (claim / claims_per_round);
		uint32 first;
		uint64 done = 0;

		if (round >= end_round)
			break;
		first = first_of_claim((uint32) (claim % claims_per_round), claims_per_round);
		for (uint32 i = 0; i < CLAIM_ORDINALS && first < count; i++)
		{
			uint32 in_claim = i * CLAIM_STRIDE % CLAIM_ORDINALS;
			uint32 ordinal = first + in_claim;

			if (in_claim >= count - first || round_of_ordinal(ordinal, rounds) != round)
				continue;
			CHECK_FOR_INTERRUPTS();
			if (edges->uppers[ordinal] != HNSW_UPPER_CONTINUATION)
				hnsw_inserter_insert(inserter, ordinal, starts,
									 find_starts(edges, ordinal, round, rounds, starts));
			done++;
		}
		pg_atomic_fetch_add_u64(&shared->done, (int64) done);
		if (progress != NULL)
			progress(shared);
	}

	/* The claim that found the end was of the next round; who stops early is alone */
	if (end_round < rounds)
		pg_atomic_write_u64(&shared->next_claim, (uint64) end_round * claims_per_round);
}
