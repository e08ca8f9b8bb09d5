/*
 * index/build_team.h
 *		Work of an index build divided among the leader and its workers.
 *
 * The leader posts a job of so many chunks; whoever is there takes one chunk after the
 * other, and the job is over when all are done.  A worker that comes late, or never,
 * changes nothing but the time.  What a chunk is, the job's owner knows: a function that
 * leader and workers call with the same numbers.  A result that must not depend on the
 * number of workers is had when a chunk's result does not depend on who computes it.
 */
#ifndef INDEX_BUILD_TEAM_H
#define INDEX_BUILD_TEAM_H

#include "storage/condition_variable.h"
#include "storage/spin.h"

/* In memory shared by the team */
typedef struct BuildTeamShared
{
	slock_t mutex;
	int job;
	uint32 chunk_count;
	uint32 next_chunk;
	uint32 done_chunks;
	bool dismissed;
	ConditionVariable posted;	/* workers wait for chunks */
	ConditionVariable finished; /* the leader waits for chunks that others have */
} BuildTeamShared;

/* One member's view of it */
typedef struct BuildTeam
{
	BuildTeamShared *shared;
	void (*run)(void *argument, int job, uint32 chunk);
	void *argument;
} BuildTeam;

extern void build_team_init(BuildTeamShared *shared);

/* The leader, alone or with workers: do a job.  Returns when all chunks are done. */
extern void build_team_do(const BuildTeam *team, int job, uint32 chunk_count);
/* No more jobs: workers return from build_team_serve(). */
extern void build_team_dismiss(const BuildTeam *team);

/* A worker: take part in jobs until dismissed. */
extern void build_team_serve(const BuildTeam *team);

#endif
