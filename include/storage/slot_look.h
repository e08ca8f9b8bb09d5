/*
 * storage/slot_look.h
 *		Reading slots where they lie, for what may be wrong now and then: codes, and
 *		lists of neighbors whose ids are checked.
 *
 * A slot of a settled group is in the map, any other one in shared buffers, where it
 * is looked at without a pin (storage/pin_cache.h): a pin, or a copy, costs several
 * times what the distance does that is computed with it.  Not in recovery, and for a
 * reader without a snapshot only where what it reads is advice
 * (storage_reader_set_advisory).
 *
 * Addresses are read inside storage_reader_run().  What was read counts if
 * slot_looks_held() afterwards; it may be a mixture of two versions of the slot then.
 */
#ifndef STORAGE_SLOT_LOOK_H
#define STORAGE_SLOT_LOOK_H

#include "storage/pin_cache.h"
#include "storage/vector_store.h"

/* The looks at shared buffers of one batch */
typedef struct SlotLooks
{
	uint32 count;
	PageLook looks[STORAGE_MAX_BATCH];
} SlotLooks;

/* Whether slots of the array may be read so: they must stand whole on their pages. */
extern bool slot_look_is_allowed(const StorageReader *reader, PageArrayId array);

/* Addresses of at most STORAGE_MAX_BATCH slots, valid until the reader reads the next batch. */
extern void slot_look_batch(StorageReader *reader, PageArrayId array, const uint32 *ordinals,
							uint32 count, const void **slots, SlotLooks *looks);

static inline bool
slot_looks_held(StorageReader *reader, const SlotLooks *looks)
{
	return looks->count == 0 || pin_cache_looks_held(reader->pins, looks->looks, looks->count);
}

/*
 * storage_read_batch() by looks, where they are allowed.  The section may run twice: what it leaves the
 * second time counts.
 */
extern void
slot_look_read(StorageReader *reader, PageArrayId array, const uint32 *ordinals, uint32 count,
			   const void **slots, MappedReadSection section, void *argument);

/* Copy the first bytes of a slot; false where that has to be done otherwise. */
extern bool
slot_look_copy(StorageReader *reader, PageArrayId array, uint32 ordinal, uint32 bytes, void *copy);

/* Ask for the first bytes of a slot that is read soon, where its address takes no more than a look-up. */
extern void slot_look_touch(StorageReader *reader, PageArrayId array, uint32 ordinal, uint32 bytes);

#endif
