/*
 * ivf/ivf_list.h
 *		Finding lists by their centroids, and walking their extents: for scans,
 *		inserts, vacuum and check.
 */
#ifndef IVF_IVF_LIST_H
#define IVF_IVF_LIST_H

#include "index/candidate_heap.h"
#include "ivf/ivf.h"
#include "storage/vector_store.h"

/*
 * Distances from a vector (float32, as VectorTypeRoutine.to_floats gives it) to the centroids of all
 * lists: lists[l] = {distance, l} for l < ivf_meta(meta)->lists.  The scale is that of
 * ivf_centroid_metric().
 */
extern void ivf_rank_lists(StorageReader *reader, const float *vector, Candidate *lists);

/*
 * How vectors are compared with centroids, float32 both: squared L2, but the negative inner product
 * (with centroids of length 1) for cosine and inner product.
 */
extern DistanceMetric ivf_centroid_metric(DistanceMetric metric);

/* The list of the centroid nearest to a vector (the lowest one of equally near). */
extern uint32 ivf_nearest_list(StorageReader *reader, const float *vector);

/* Copy the centroids of all lists, lists * dimensions. */
extern void ivf_copy_centroids(StorageReader *reader, float *centroids);

/* ivf_extent.c */

/*
 * Copy an extent, whole; its ranges and `next` are below the counts of the metapage, ERROR
 * (ERRCODE_INDEX_CORRUPTED) otherwise, or where it is not an extent of `list`.
 */
extern void ivf_read_extent(StorageReader *reader, uint32 extent, uint32 list, IvfExtent *copy);

/* The same, always from shared buffers: what is on the page now. */
extern void
ivf_read_extent_current(StorageReader *reader, uint32 extent, uint32 list, IvfExtent *copy);

/*
 * Copies of all extents, as they are in shared buffers now and checked in the same way; `count` of
 * them, in the current context.
 */
extern IvfExtent *ivf_read_all_extents(StorageReader *reader, uint32 *count);

/* An extent on its page, pinned and locked exclusively */
typedef struct LockedExtent
{
	const IvfExtent *extent;
	Buffer buffer;
	uint32 data_block;
	uint32 offset;
} LockedExtent;

/* Lock an extent that was read (and checked) before. */
extern LockedExtent ivf_lock_extent(StorageReader *reader, uint32 extent);

/* Write what the extent is changed to, NULL = nothing, and release it. */
extern void
ivf_unlock_extent(StorageReader *reader, const LockedExtent *locked, const IvfExtent *changed);

/*
 * Make an extent the next of the chain's last one; false where another one follows that meanwhile.
 * Under IVF_EXTEND_LOCK_PAGE, so that whoever adds an extent knows which is the last.
 */
extern bool ivf_link_extent(StorageReader *reader, uint32 last, uint32 extent);

/*
 * For those who walk a chain: ERROR (ERRCODE_INDEX_CORRUPTED) when they have met more extents of
 * the list than there are, so that a chain that goes round ends.
 */
extern void ivf_check_chain_length(StorageReader *reader, uint32 list, uint32 length);

#endif
