/*
 * ivf/ivf_search.h
 *		Search of one query: lists ranked by their centroids, scanned, and their
 *		rows given out nearest first.
 *
 * Lists hold codes (raw vectors with quantizer none).  With codes, candidates are
 * taken in the order of their codes' distances and given out in the order of exact
 * ones, a few ahead of need: a row is given out when no candidate behind it in the
 * order of codes can be nearer, by the largest error that codes had so far in this
 * search.  Codes in blocks give lower bounds of distances, and candidates are taken in
 * the order of these: a row is given out when its distance is not above the bounds of
 * all that are left, which is the least number of raw vectors that can be read (Seidl
 * and Kriegel, "Optimal multi-step k-nearest neighbor search", SIGMOD 1998).
 *
 * So the number of raw vectors read follows from how good the codes are; only where
 * half of the memory is full of rows that wait is the nearest of them given out without
 * that.
 */
#ifndef IVF_IVF_SEARCH_H
#define IVF_IVF_SEARCH_H

#include "index/candidate_pool.h"
#include "index/index_query.h"
#include "ivf/ivf_codes.h"
#include "ivf/ivf_list.h"

typedef struct IvfSearch
{
	StorageReader *reader;
	IndexQuery query;
	bool has_blocks;	  /* lists hold blocks of codes */
	IvfBlockQuery blocks; /* then */

	CandidateOrder lists;	  /* all of them, by their centroids */
	const Candidate *scanned; /* the lists of the current batch */
	uint32 scanned_count;
	uint32 lists_left;
	CandidatePool pool;

	Candidate *chunk; /* those taken out of the pool last, in order */
	uint32 chunk_count;
	uint32 chunk_given; /* without codes */
	bool exhausted;		/* the pool is empty */

	/* With codes: candidates with exact distances that wait to be given out */
	float code_limit; /* none of those left in the pool is nearer, by its code or its bound */
	Candidate *exact; /* heap, nearest first; NULL = lists hold raw vectors */
	uint32 exact_count;
	uint32 exact_capacity;
	uint32 exact_max;	 /* that may wait */
	bool any_given;		 /* of the lists scanned now */
	float largest_error; /* of a code's distance so far; 0 with bounds */
} IvfSearch;

/*
 * Prepare and rank the lists; memory in the current context.  `vector` (a stored vector) and `type`
 * must outlive the search; `memory` bounds the candidates (bytes).
 */
extern void ivf_search_begin(IvfSearch *search, StorageReader *reader, const IndexType *type,
							 const void *vector, Size memory);

/* Scan the next `probes` lists; false where there are none left.  What earlier lists held must have
 * been given out. */
extern bool ivf_search_probe(IvfSearch *search, uint32 probes);

/* The next nearest candidate of the lists scanned; false where there are no more. */
extern bool ivf_search_next(IvfSearch *search, uint32 *ordinal);

#endif
