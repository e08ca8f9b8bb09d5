/*
 * index/build_team.c
 *		Jobs in chunks, posted by the leader of an index build.
 *
 * Chunks are some tenths of a millisecond of work or more, so a spinlock around
 * the counters is no bottleneck.  The leader does not post a job before the one before
 * it is done, so a chunk that was taken belongs to the job that stands there.
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"

#include "index/build_team.h"

#define WAIT_EVENT_NAME "VectorstoreBuildTeam"

void
build_team_init(BuildTeamShared *shared)
{
	memset(shared, 0, sizeof(BuildTeamShared));
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->posted);
	ConditionVariableInit(&shared->finished);
}

/* Take the next chunk of the present job; false where there is none. */
static bool
take_chunk(BuildTeamShared *shared, int *job, uint32 *chunk)
{
	bool taken = false;

	SpinLockAcquire(&shared->mutex);
	if (shared->next_chunk < shared->chunk_count)
	{
		*job = shared->job;
		*chunk = shared->next_chunk++;
		taken = true;
	}
	SpinLockRelease(&shared->mutex);
	return taken;
}

static void
run_chunks(const BuildTeam *team)
{
	BuildTeamShared *shared = team->shared;
	uint32 chunk;
	int job;

	while (take_chunk(shared, &job, &chunk))
	{
		bool finished;

		CHECK_FOR_INTERRUPTS();
		team->run(team->argument, job, chunk);
		SpinLockAcquire(&shared->mutex);
		finished = ++shared->done_chunks == shared->chunk_count;
		SpinLockRelease(&shared->mutex);
		if (finished)
			ConditionVariableBroadcast(&shared->finished);
	}
}

static bool
is_finished(BuildTeamShared *shared)
{
	bool finished;

	SpinLockAcquire(&shared->mutex);
	finished = shared->done_chunks == shared->chunk_count;
	SpinLockRelease(&shared->mutex);
	return finished;
}

void
build_team_do(const BuildTeam *team, int job, uint32 chunk_count)
{
	BuildTeamShared *shared = team->shared;

	SpinLockAcquire(&shared->mutex);
	Assert(shared->done_chunks == shared->chunk_count);
	shared->job = job;
	shared->chunk_count = chunk_count;
	shared->next_chunk = 0;
	shared->done_chunks = 0;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->posted);

	run_chunks(team);
	while (!is_finished(shared))
		ConditionVariableSleep(&shared->finished, vs_wait_event_new(WAIT_EVENT_NAME));
	ConditionVariableCancelSleep();
}

void
build_team_dismiss(const BuildTeam *team)
{
	SpinLockAcquire(&team->shared->mutex);
	team->shared->dismissed = true;
	SpinLockRelease(&team->shared->mutex);
	ConditionVariableBroadcast(&team->shared->posted);
}

/* Whether there is something to do, or nothing ever again. */
static bool
is_called(BuildTeamShared *shared, bool *dismissed)
{
	bool called;

	SpinLockAcquire(&shared->mutex);
	*dismissed = shared->dismissed;
	called = shared->dismissed || shared->next_chunk < shared->chunk_count;
	SpinLockRelease(&shared->mutex);
	return called;
}

void
build_team_serve(const BuildTeam *team)
{
	uint32 wait_event = vs_wait_event_new(WAIT_EVENT_NAME);
	bool dismissed = false;

	while (!dismissed)
	{
		run_chunks(team);
		while (!is_called(team->shared, &dismissed))
			ConditionVariableSleep(&team->shared->posted, wait_event);
		ConditionVariableCancelSleep();
	}
}
