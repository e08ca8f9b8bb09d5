/*
 * index/build_codes.h
 *		Codes of the vectors that a build has written: the quantizer trained,
 *		PAGE_ARRAY_PARAMETERS and PAGE_ARRAY_CODES written, codes made for the build alone.
 *
 * All codes of a vector are made in one pass over the vectors, by all processes of the
 * build; the leader writes them in order.
 */
#ifndef INDEX_BUILD_CODES_H
#define INDEX_BUILD_CODES_H

#include "index/build_memory.h"
#include "index/built_array.h"
#include "index/bulk_write.h"
#include "index/index_type.h"
#include "index/ordered_chunks.h"
#include "quantizer/quantizer.h"

/* The index's and the build's own */
#define BUILD_CODES_MAX 2

/* What all processes must know, without pointers */
typedef struct BuildCodesPlan
{
	uint32 count;		/* vectors */
	uint32 chunk_count; /* of which each is of `chunk` vectors, but for the last */
	uint32 chunk;
	uint32 kinds; /* of codes */
	QuantizerKind quantizers[BUILD_CODES_MAX];
	uint32 code_sizes[BUILD_CODES_MAX]; /* bytes of a slot */
} BuildCodesPlan;

/* Where the leader puts the codes of a kind; all may be NULL */
typedef struct BuildCodesTarget
{
	BulkWriter *writer; /* whose array has begun */
	BuildMemory *memory;
} BuildCodesTarget;

/*
 * Train the quantizer on vectors of the array, which are in the file (bulk_write_flush), and write
 * PAGE_ARRAY_PARAMETERS.  Returns the parameters, in the current context, or NULL if the index has none.
 */
extern void *build_codes_train(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
							   const BuiltArray *vectors, uint32 count);

/* A plan of no codes, then with codes of a quantizer in slots of so many bytes; returns their number. */
extern void build_codes_plan_init(BuildCodesPlan *plan, uint32 count);
extern uint32 build_codes_plan_add(BuildCodesPlan *plan, QuantizerKind quantizer, uint32 slot_size);

/* Bytes of a place in which the codes of a chunk wait (index/ordered_chunks.h); zeroed at first. */
extern Size build_codes_place_size(const BuildCodesPlan *plan);

/*
 * The leader: make all codes of the plan, alone or with workers, and put them where the targets (one
 * for each kind) say.  Reports PROGRESS_CREATEIDX_TUPLES_DONE.  `parameters` are those of the quantizer
 * that has any.
 */
extern void
build_codes_make(const BuildCodesPlan *plan, const IndexType *type, const BuiltArray *vectors,
				 const void *parameters, OrderedChunksShared *shared, char *places,
				 const BuildCodesTarget *targets);
/* A worker */
extern void
build_codes_help(const BuildCodesPlan *plan, const IndexType *type, const BuiltArray *vectors,
				 const void *parameters, OrderedChunksShared *shared, char *places);

/*
 * All of it for the index's codes alone, by this process alone, as far as meta says that the index has
 * codes.  The codes are in the file on return.
 */
extern void build_codes_write(const IndexType *type, const IndexMeta *meta, BulkWriter *writer,
							  const BuiltArray *vectors, uint32 count);

#endif
