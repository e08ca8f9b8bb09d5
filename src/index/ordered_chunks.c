/*
 * index/ordered_chunks.c
 *		Chunks made by all processes of an index build, and taken in order.
 *
 * Chunk n's place is the n-th modulo their number; it is free once the chunk that had it before
 * is taken.  So the counters say who may write to a place: only who claimed the chunk, until
 * it is made; then only the leader reads it, until it is taken.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "index/ordered_chunks.h"

#define WAIT_EVENT_NAME "VectorstoreOrderedChunks"

/* Places of each process: one that it writes, and some that wait for the leader */
#define PLACES_PER_PROCESS 3

typedef enum ClaimResult
{
	CLAIM_CHUNK,
	CLAIM_NO_ROOM,
	CLAIM_NOTHING_LEFT
} ClaimResult;

uint32
ordered_chunks_places(int processes)
{
	/* Alone, there is no need to run ahead */
	if (processes <= 1)
		return 1;
	return Min((uint32) processes * PLACES_PER_PROCESS, ORDERED_CHUNKS_PLACES_MAX);
}

void
ordered_chunks_init(OrderedChunksShared *shared, uint32 chunk_count, uint32 place_count,
					Size place_size)
{
	Assert(place_count > 0 && place_count <= ORDERED_CHUNKS_PLACES_MAX);
	memset(shared, 0, sizeof(OrderedChunksShared));
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->room);
	ConditionVariableInit(&shared->made);
	shared->chunk_count = chunk_count;
	shared->place_count = place_count;
	shared->place_size = place_size;
}

static ClaimResult
claim(OrderedChunksShared *shared, uint32 *chunk)
{
	ClaimResult result = CLAIM_CHUNK;

	SpinLockAcquire(&shared->mutex);
	if (shared->next == shared->chunk_count)
		result = CLAIM_NOTHING_LEFT;
	else if (shared->next - shared->taken >= shared->place_count)
		result = CLAIM_NO_ROOM;
	else
		*chunk = shared->next++;
	SpinLockRelease(&shared->mutex);
	return result;
}

static inline char *
place_of(const OrderedChunks *chunks, uint32 chunk)
{
	const OrderedChunksShared *shared = chunks->shared;

	return chunks->places + (Size) (chunk % shared->place_count) * shared->place_size;
}

static void
make(const OrderedChunks *chunks, uint32 chunk)
{
	OrderedChunksShared *shared = chunks->shared;

	CHECK_FOR_INTERRUPTS();
	chunks->make(chunks->argument, chunk, place_of(chunks, chunk));
	SpinLockAcquire(&shared->mutex);
	shared->is_made[chunk % shared->place_count] = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->made);
}

static bool
is_made(OrderedChunksShared *shared, uint32 chunk)
{
	bool made;

	SpinLockAcquire(&shared->mutex);
	made = shared->is_made[chunk % shared->place_count];
	SpinLockRelease(&shared->mutex);
	return made;
}

static void
free_place(OrderedChunksShared *shared, uint32 chunk)
{
	SpinLockAcquire(&shared->mutex);
	shared->is_made[chunk % shared->place_count] = false;
	shared->taken = chunk + 1;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->room);
}

void
ordered_chunks_do(const OrderedChunks *chunks,
				  void (*take)(void *argument, uint32 chunk, const void *place))
{
	OrderedChunksShared *shared = chunks->shared;
	uint32 wait_event = vs_wait_event_new(WAIT_EVENT_NAME);

	for (uint32 chunk = 0; chunk < shared->chunk_count; chunk++)
	{
		while (!is_made(shared, chunk))
		{
			uint32 own;

			if (claim(shared, &own) == CLAIM_CHUNK)
				make(chunks, own);
			else
				ConditionVariableSleep(&shared->made, wait_event);
		}
		ConditionVariableCancelSleep();
		CHECK_FOR_INTERRUPTS();
		take(chunks->argument, chunk, place_of(chunks, chunk));
		free_place(shared, chunk);
	}
}

void
ordered_chunks_help(const OrderedChunks *chunks)
{
	OrderedChunksShared *shared = chunks->shared;
	uint32 wait_event = vs_wait_event_new(WAIT_EVENT_NAME);
	ClaimResult result;
	uint32 chunk;

	while ((result = claim(shared, &chunk)) != CLAIM_NOTHING_LEFT)
	{
		if (result == CLAIM_NO_ROOM)
		{
			ConditionVariableSleep(&shared->room, wait_event);
			continue;
		}
		ConditionVariableCancelSleep();
		make(chunks, chunk);
	}
	ConditionVariableCancelSleep();
}
