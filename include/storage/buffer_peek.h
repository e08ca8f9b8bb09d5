/*
 * storage/buffer_peek.h
 *		Copying slots out of shared buffers without a pin and without a lock.
 *
 * For readers to whom what they read is advice (storage_reader_set_advisory): an insert looks
 * at a thousand slots and changes twenty, and a pin costs several times what the
 * distance does that is computed with it.  A copy is of the right page and may be a
 * mixture of two versions of the slot, as one made through the map may be.
 */
#ifndef STORAGE_BUFFER_PEEK_H
#define STORAGE_BUFFER_PEEK_H

#include "storage/vector_store.h"

/* May this reader peek? */
extern bool buffer_peek_is_allowed(const StorageReader *reader);

/* Copy `length` bytes that lie whole on a page; false where that is to be done with a pin. */
extern bool buffer_peek_copy(StorageReader *reader, PageArrayId array, uint32 data_block,
							 uint32 offset, uint32 length, char *to);

/* Bring what buffer_peek_copy would read into the processor's cache: first the one, then the other. */
extern void buffer_peek_prefetch_descriptor(StorageReader *reader, uint32 data_block);
extern void
buffer_peek_prefetch_slot(StorageReader *reader, uint32 data_block, uint32 offset, uint32 length);

#endif
