/*
 * index/ordered_chunks.h
 *		Work of an index build that all processes do, and whose results the leader
 *		takes in their order.
 *
 * Whoever is there makes one chunk after the other; results wait in a ring of places in
 * shared memory until the leader has taken those before them.  The leader takes what it can,
 * and makes chunks itself when there is nothing to take.  Who would run ahead of the leader by more
 * than the ring holds, waits.  A worker that comes late, or never, changes nothing but the time.
 */
#ifndef INDEX_ORDERED_CHUNKS_H
#define INDEX_ORDERED_CHUNKS_H

#include "storage/condition_variable.h"
#include "storage/spin.h"

#define ORDERED_CHUNKS_PLACES_MAX 64

/* In memory shared by the processes */
typedef struct OrderedChunksShared
{
	slock_t mutex;
	uint32 chunk_count;
	uint32 place_count;
	Size place_size;
	uint32 next;  /* the first chunk that nobody makes */
	uint32 taken; /* chunks that the leader has taken */
	bool is_made[ORDERED_CHUNKS_PLACES_MAX];
	ConditionVariable room; /* workers wait for places */
	ConditionVariable made; /* the leader waits for chunks that others make */
} OrderedChunksShared;

/* One process's view */
typedef struct OrderedChunks
{
	OrderedChunksShared *shared;
	char *places; /* place_count * place_size bytes, aligned as places of this size are */
	void (*make)(void *argument, uint32 chunk, void *place);
	void *argument;
} OrderedChunks;

/* Places for so many processes */
extern uint32 ordered_chunks_places(int processes);
extern void ordered_chunks_init(OrderedChunksShared *shared, uint32 chunk_count, uint32 place_count,
								Size place_size);

/* The leader, alone or with workers: returns when all chunks are taken. */
extern void ordered_chunks_do(const OrderedChunks *chunks,
							  void (*take)(void *argument, uint32 chunk, const void *place));
/* A worker: returns when there is nothing left to make. */
extern void ordered_chunks_help(const OrderedChunks *chunks);

#endif
