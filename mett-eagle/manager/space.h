#pragma once

/*
 * Space: a named namespace, which outlives its sessions. Only the archivist changes it,
 * see archivist.h; sessions look, under its mutex, and only when an action is new to them
 * or something has changed. Each keeps a view of its own, see namespace.h.
 */
#include "list.h"
#include "quota.h"
#include "table.h"
#include "version.h"

struct job;
struct session;

/**
 * struct tally - what the workers of one action do, in all sessions
 *
 * See struct mett_action_stats.
 */
struct tally {
	_Atomic uint64_t calls;
	_Atomic uint64_t errors;
	_Atomic uint64_t memory;
	_Atomic uint32_t running;
	_Atomic uint32_t parked;
	_Atomic uint64_t latency[METT_LATENCY_BUCKETS];
};

/**
 * struct lineup - the versions of an action
 * @versions: that are kept, oldest first
 * @current:  index of the one that calls get
 * @highest:  number of the newest there ever was
 */
struct lineup {
	struct version *versions[METT_VERSIONS_MAX];
	unsigned count;
	unsigned current;
	uint32_t highest;
};

/** struct deployed - an action of a space; lives until the last pool that serves it is gone */
struct deployed {
	char name[METT_NAME_MAX + 1]; /* first: it is in a table */
	_Atomic unsigned holders;
	struct space *space;  /* held by each session with a pool of it */
	struct lineup lineup; /* no version: it is no longer in the space */
	struct tally tally;
};

struct space {
	char name[METT_NAME_MAX + 1]; /* first: it is in a table */
	struct server *server;
	unsigned holders; /* see spaces.h; the table itself is none */
	uint32_t owner;
	bool kept;  /* there is a record of it */
	bool alone; /* it has a quota of its own, not the server's default */
	struct quota quota;
	pthread_mutex_t mutex; /* for what is below */
	bool gone;             /* it was deleted */
	uint32_t members[METT_MEMBERS_MAX];
	unsigned member_count;
	struct table actions; /* of struct deployed */
	struct list sessions; /* those in it */
	struct list unseen;   /* jobs whose change not all of them have seen */
	uint64_t generation;  /* counts the changes */
};

/** space_new() - with nothing in it; NULL: no memory */
struct space *space_new(struct server *server, const char *name, uint32_t owner);

/** space_free() - nobody uses it any more */
void space_free(struct space *space);

/** space_admits() - may this user use it? */
bool space_admits(struct space *space, uint32_t user);

/** space_lock() - and space_unlock() around what is said to need it */
void space_lock(struct space *space);
void space_unlock(struct space *space);

/** space_join() - a session is in it from now on */
void space_join(struct space *space, struct session *session);

/** space_leave() - or no longer */
void space_leave(struct session *session);

/** space_changed() - with the lock: @job has changed it, and is done when all sessions have seen */
void space_changed(struct space *space, struct job *job);

/** space_settle() - end the jobs whose change all have seen */
void space_settle(struct space *space);

/** space_wake() - have its sessions look up: what they count is wanted, or something changed */
void space_wake(struct space *space);

/** deployed_new() - without a version, held once; NULL: no memory */
struct deployed *deployed_new(struct space *space, const char *name);

/** deployed_ref() - one more holder; returns it */
struct deployed *deployed_ref(struct deployed *deployed);

/** deployed_unref() - one less; NULL is fine */
void deployed_unref(struct deployed *deployed);

/** deployed_current() - with the lock: the version that calls get; NULL: none any more */
struct version *deployed_current(const struct deployed *deployed);

/** space_has() - for the archivist: does any of its actions, but @except, have that program? */
bool space_has(const struct space *space, const char *digest, const struct deployed *except);

/** space_at_hand() - for the archivist: a version whose program is that, and in memory; or NULL */
const struct version *space_at_hand(const struct space *space, const char *digest);

/** space_trim() - with the lock: no program in memory that only the store need have; but @recent */
void space_trim(struct space *space, const struct deployed *deployed, const struct version *recent);

/** space_bytes() - for the archivist: of programs that @deployed alone would have with @lineup */
uint64_t space_bytes(const struct space *space, const struct deployed *deployed,
                     const struct lineup *lineup);

/**
 * tally_enter() - an activation of it wants to begin
 * @memory: its limit; 0: none
 * @why:    METT_MESSAGE_MAX bytes, filled in on failure
 *
 * Return: METT_OK, then tally_leave() follows; or METT_QUOTA, with @ret_detail.
 */
enum mett_reason tally_enter(struct deployed *deployed, const struct mett_action_options *options,
                             uint64_t memory, int32_t *ret_detail, char *why);

/** tally_adopt() - one has begun past us */
void tally_adopt(struct deployed *deployed, uint64_t memory);

/** tally_leave() - it has ended, or never began */
void tally_leave(struct deployed *deployed, uint64_t memory);

/** tally_note() - how it ended */
void tally_note(struct deployed *deployed, bool failed, uint64_t duration_ns);

/** tally_memory() - a worker has used so much at most */
void tally_memory(struct deployed *deployed, uint64_t peak);

/** tally_count() - so many calls were made of which no more is known */
void tally_count(struct deployed *deployed, uint64_t calls);

/** tally_park() - may one more worker wait? Then tally_unpark() follows. */
bool tally_park(struct deployed *deployed);
void tally_unpark(struct deployed *deployed);
