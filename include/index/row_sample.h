/*
 * index/row_sample.h
 *		A sample of the vectors that an index build will find, and how many there
 *		are.
 */
#ifndef INDEX_ROW_SAMPLE_H
#define INDEX_ROW_SAMPLE_H

#include "nodes/execnodes.h"

#include "index/index_type.h"

typedef struct RowSample
{
	uint32 count;
	float *vectors;		 /* float32, count * dimensions, in the current context */
	double row_estimate; /* rows with a vector that can be indexed */
} RowSample;

/*
 * Take at most `wanted` vectors, and no more than fit `memory` bytes, from blocks of the heap drawn
 * at random; all blocks where there are few.  Partial indexes and expressions are heeded.  An element type that
 * has no float32 form gives an estimate of the rows alone.
 */
extern void row_sample_take(Relation heap, Relation index, IndexInfo *index_info,
							const IndexType *type, uint32 wanted, Size memory, RowSample *sample);
extern void row_sample_free(RowSample *sample);

#endif
