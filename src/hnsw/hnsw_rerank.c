/*
 * hnsw/hnsw_rerank.c
 *		Results measured exactly as they are asked for.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "hnsw/hnsw_rerank.h"
#include "miscadmin.h"

/* Results that are measured at a time: at first what a common LIMIT needs, and a few more */
#define FIRST_CHUNK 16
#define CHUNK_SIZE	8

/* Without bounds: errors to come are taken to be at most so many times the largest so far */
#define ERROR_MARGIN 1.75f

/*
 * With bounds: half-widths of those that quantizers give (1.9 standard deviations) below the estimate.
 * One row in some hundred is further off than one, and one in some hundred thousand than two.
 */
#define BOUND_WIDTHS 1.5f

StaticAssertDecl(FIRST_CHUNK <= STORAGE_MAX_BATCH, "a chunk is read in one batch");

/* Put lower bounds in place of the results' estimates, and sort by them. */
static void
take_bounds(HnswSearch *search)
{
	uint32 count = search->result_count;
	uint32 *ordinals = palloc(Max(count, 1) * sizeof(uint32));
	float *distances = palloc(Max(count, 1) * sizeof(float));
	float *lower_bounds = palloc(Max(count, 1) * sizeof(float));

	for (uint32 i = 0; i < count; i++)
		ordinals[i] = search->results[i].ordinal;
	index_query_bound(&search->query, search->reader, ordinals, count, distances, lower_bounds);
	for (uint32 i = 0; i < count; i++)
	{
		float bound = distances[i] - BOUND_WIDTHS * (distances[i] - lower_bounds[i]);

		/* Infinity less infinity: it is looked at first */
		search->results[i].distance = isnan(bound) ? -INFINITY : bound;
	}
	candidates_sort(search->results, count);
	pfree(ordinals);
	pfree(distances);
	pfree(lower_bounds);
}

void
hnsw_rerank_begin(HnswRerank *rerank, HnswSearch *search)
{
	Assert(rerank->exact_count == 0);
	rerank->search = search;
	rerank->next = 0;
	rerank->needed = search->estimated;
	if (!rerank->needed || search->result_count == 0)
		return;

	if (rerank->exact_capacity < search->result_count)
	{
		if (rerank->exact != NULL)
			pfree(rerank->exact);
		rerank->exact_capacity = search->result_count;
		rerank->exact = palloc(rerank->exact_capacity * sizeof(Candidate));
	}
	rerank->has_bounds = search->query.prepared != NULL && search->edges == NULL &&
						 search->query.quantizer->distances_with_bounds != NULL;
	if (rerank->has_bounds)
		take_bounds(search);
}

static void
measure_chunk(HnswRerank *rerank)
{
	HnswSearch *search = rerank->search;
	const Candidate *results = search->results + rerank->next;
	uint32 most = rerank->next == 0 ? FIRST_CHUNK : CHUNK_SIZE;
	uint32 count = Min(search->result_count - rerank->next, most);
	uint32 ordinals[FIRST_CHUNK];
	float distances[FIRST_CHUNK];

	for (uint32 i = 0; i < count; i++)
		ordinals[i] = results[i].ordinal;
	index_query_measure(&search->query, search->reader, PAGE_ARRAY_VECTORS, ordinals, count,
						distances);
	for (uint32 i = 0; i < count; i++)
	{
		Candidate exact = {.distance = distances[i], .ordinal = ordinals[i]};
		float error = fabsf(exact.distance - results[i].distance);

		if (isnan(exact.distance))
			exact.distance = INFINITY;
		else if (isfinite(error) && error > rerank->largest_error)
			rerank->largest_error = error;
		nearest_heap_push(rerank->exact, &rerank->exact_count, exact);
	}
	rerank->next += count;
}

/* What the results that are not measured yet can be at best */
static float
best_left(const HnswRerank *rerank)
{
	float distance = rerank->search->results[rerank->next].distance;

	return rerank->has_bounds ? distance : distance - ERROR_MARGIN * rerank->largest_error;
}

bool
hnsw_rerank_next(HnswRerank *rerank, Candidate *next)
{
	HnswSearch *search = rerank->search;

	if (!rerank->needed)
	{
		if (rerank->next >= search->result_count)
			return false;
		*next = search->results[rerank->next++];
		return true;
	}
	while (rerank->next < search->result_count &&
		   (rerank->exact_count == 0 || !(rerank->exact[0].distance <= best_left(rerank))))
	{
		CHECK_FOR_INTERRUPTS();
		measure_chunk(rerank);
	}
	storage_reader_release_pins(search->reader);
	if (rerank->exact_count == 0)
		return false;
	*next = nearest_heap_pop(rerank->exact, &rerank->exact_count);
	return true;
}
