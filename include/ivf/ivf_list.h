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

/*
 * For those who walk a chain: ERROR (ERRCODE_INDEX_CORRUPTED) when they have met more extents of
 * the list than there are, so that a chain that goes round ends.
 */
extern void ivf_check_chain_length(StorageReader *reader, uint32 list, uint32 length);

#endif
