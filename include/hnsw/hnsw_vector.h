/*
 * hnsw/hnsw_vector.h
 *		The stored vectors of nodes, where they may be longer than their slots.
 *
 * Slots of PAGE_ARRAY_VECTORS have one size.  Of an element type whose vectors vary in size
 * (index/vector_type.h), a build chooses the size of the largest vector that it finds; one that
 * comes later and is longer has a slot of HNSW_LONG for itself, and its own slot holds the header
 * alone, which says where.  Such a long slot stays with the ordinal for good: after vacuum the row
 * that takes the ordinal has it, whether it needs it or not.
 *
 * It is written before the header that leads to it.  A crash in between loses the room of one long
 * slot until the next REINDEX, nothing else.
 */
#ifndef HNSW_HNSW_VECTOR_H
#define HNSW_HNSW_VECTOR_H

#include "hnsw/hnsw.h"
#include "storage/vector_store.h"

/* Bytes of a slot that holds vectors of up to `largest` bytes; 0 = none are known yet. */
extern uint32 hnsw_vector_slot_size(const IndexType *type, uint32 largest);

/* Copy the stored vectors of `count` ordinals to `vectors`, type->vector_size bytes each; ERROR
 * (ERRCODE_INDEX_CORRUPTED) where one is not to be had.  The nodes are not freed meanwhile. */
extern void hnsw_read_vectors(StorageReader *reader, const IndexType *type, const uint32 *ordinals,
							  uint32 count, void *vectors);

/* Copy one from shared buffers: what is on the pages now. */
extern void hnsw_read_vector_current(StorageReader *reader, const IndexType *type, uint32 ordinal,
									 void *vector);

/*
 * Copy one that does not fit its slot; false where it has become another node's meanwhile (or is not
 * that long).
 */
extern bool
hnsw_read_long_vector(StorageReader *reader, const IndexType *type, uint32 ordinal, void *vector);

/* Write vector and code of an ordinal that nobody reads yet; may refresh the reader. */
extern void
hnsw_write_vector(StorageReader *reader, const IndexType *type, uint32 ordinal, const void *vector);

#endif
