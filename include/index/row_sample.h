/*
 * index/row_sample.h
 *		A sample of the vectors that an index build will find, and how many there
 *		are.
 *
 * A first look estimates the number of rows; the caller then says how many vectors it
 * wants, and where they go.
 */
#ifndef INDEX_ROW_SAMPLE_H
#define INDEX_ROW_SAMPLE_H

#include "common/pg_prng.h"
#include "nodes/execnodes.h"

#include "index/build_memory.h"
#include "index/index_type.h"

typedef struct RowSample
{
	double row_estimate; /* rows with a vector that can be indexed */
	uint32 count;
	const float *vectors; /* count * dimensions */

	/* for row_sample.c */
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	const IndexType *type;
	BlockNumber blocks;
	double rows_per_block;
	BuildMemory *memory;
	uint32 capacity;
	uint64 expected; /* rows with a vector */
	uint64 seen;
	void *vector;
	float *floats; /* the vector's, where it is something else */
	pg_prng_state random;
} RowSample;

/* Estimate the rows.  Partial indexes and expressions are heeded. */
extern void row_sample_begin(RowSample *sample, Relation heap, Relation index,
							 IndexInfo *index_info, const IndexType *type);

/*
 * Take at most `capacity` vectors from blocks of the heap drawn at random; all blocks where there are
 * few.  They are written to `memory`, of which this is the whole writing; one that is zero where there is
 * no row.  The element type must have a float32 form.
 */
extern void row_sample_take(RowSample *sample, uint32 capacity, BuildMemory *memory);

#endif
