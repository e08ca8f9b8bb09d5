/*
 * ivf/ivf_page.h
 *		What an ivf index keeps in its page arrays and in the metapage.
 *
 *		PAGE_ARRAY_VECTORS    raw vectors (normalized for cosine)
 *		PAGE_ARRAY_CODES      their codes, unless quantizer = none; with rabitq a slot is the
 *							  block of codes of IVF_BLOCK ordinals (ivf/ivf_codes.h)
 *		IVF_ENTRIES           an entry for each ordinal: state and heap TID
 *		IVF_EXTENTS           which ordinals belong to which list
 *		IVF_CENTROIDS         float32 centroid of each list; written by the build, never changed
 *
 * A list is a chain of extents; an extent is a range of consecutive ordinals, a
 * multiple of IVF_BLOCK, so that a list is scanned in runs of consecutive slots.  Slot
 * l of IVF_EXTENTS, for l below the number of lists, is the first extent of list l:
 * what the build gave it (capacity 0 where it had no row for the list).  Further
 * extents are added by inserts.  TIDs stand apart from the codes: a scan reads them
 * for the rows that it returns alone.
 *
 * An entry never moves.  Entry states: EMPTY (never written) -> LIVE -> FREE (vacuum
 * found its row dead) -> RESERVED (taken by an insert, not yet written) -> LIVE.  The
 * state is the truth; an extent's `used` is an upper bound of what was handed out, and
 * its free_count and free_from are hints.
 *
 *		insert, new slot:    used goes up; vector, code; entry LIVE
 *		insert, freed slot:  entry RESERVED; hints; vector, code; entry LIVE
 *		vacuum:              entries FREE (one record a page); hints
 *
 * A crash between two of these records leaves entries EMPTY or RESERVED, which scans
 * skip; vacuum, after it has waited out the inserts in flight, makes them FREE.  An
 * extent is handed out (ordinals, slot of IVF_EXTENTS) and written in one record, then
 * linked to the chain's end in another; vacuum links those that a crash left alone.
 * Scans read every slot that was handed out, written or not: the pages of an extent's
 * slots, in all arrays, are initialised before the extent is handed out.
 *
 * Inserts look for a slot from the extent on that the `tail` of the first one names;
 * vacuum sets it back to the first extent where it has freed entries.
 */
#ifndef IVF_IVF_PAGE_H
#define IVF_IVF_PAGE_H

#include "storage/itemptr.h"
#include "storage/metapage.h"

#define IVF_ENTRIES	  PAGE_ARRAY_METHOD_0
#define IVF_EXTENTS	  PAGE_ARRAY_METHOD_1
#define IVF_CENTROIDS PAGE_ARRAY_METHOD_2

/* Extents begin and end at multiples of so many ordinals */
#define IVF_BLOCK 32

typedef enum IvfEntryState
{
	IVF_ENTRY_EMPTY = 0,
	IVF_ENTRY_LIVE = 1,
	IVF_ENTRY_FREE = 2,
	IVF_ENTRY_RESERVED = 3
} IvfEntryState;

typedef struct IvfEntry
{
	ItemPointerData tid; /* of a LIVE entry */
	uint8 state;		 /* IvfEntryState */
	uint8 unused;
} IvfEntry;

StaticAssertDecl(sizeof(IvfEntry) == 8, "the layout of entries is part of the disk format");

typedef struct IvfExtent
{
	uint32 list;
	uint32 first;	   /* ordinal, a multiple of IVF_BLOCK */
	uint32 capacity;   /* ordinals, a multiple of IVF_BLOCK */
	uint32 used;	   /* handed out, from the first on */
	uint32 next;	   /* slot of the list's next extent, INVALID_ORDINAL = none */
	uint32 free_count; /* hint: FREE entries among the used ones */
	uint32 free_from;  /* hint: no FREE entry before this ordinal */
	uint32 tail;	   /* of a list's first extent, hint: none before this one has a slot left */
} IvfExtent;

StaticAssertDecl(sizeof(IvfExtent) == 32, "the layout of extents is part of the disk format");

/* In IndexMeta.method_meta */
typedef struct IvfMeta
{
	uint32 lists;		 /* at least 1 */
	uint32 extent_count; /* slots of IVF_EXTENTS handed out, at least `lists` */
	uint32 trained_on;	 /* sample vectors */
	uint32 unused;
} IvfMeta;

static inline IvfMeta *
ivf_meta(const IndexMeta *meta)
{
	return (IvfMeta *) meta->method_meta;
}

#endif
