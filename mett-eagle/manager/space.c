#include "space.h"

#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include <protocol/latency.h>

#include "amount.h"
#include "archivist.h"
#include "session.h"

struct space *space_new(struct server *server, const char *name, uint32_t owner)
{
	struct space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	strcpy(space->name, name); /* a lawful one fits */
	space->server = server;
	space->owner = owner;
	quota_set(&space->quota, &server->config.quota);
	pthread_mutex_init(&space->mutex, NULL);
	list_init(&space->sessions);
	list_init(&space->unseen);
	return space;
}

void space_free(struct space *space)
{
	for (unsigned i = 0; i < space->actions.count; i++)
		deployed_unref(space->actions.row[i]);
	table_deinit(&space->actions);
	pthread_mutex_destroy(&space->mutex);
	free(space);
}

void space_lock(struct space *space)
{
	pthread_mutex_lock(&space->mutex);
}

void space_unlock(struct space *space)
{
	pthread_mutex_unlock(&space->mutex);
}

bool space_admits(struct space *space, uint32_t user)
{
	bool admits = !user || user == space->owner;

	space_lock(space);
	for (unsigned i = 0; i < space->member_count && !admits; i++)
		admits = space->members[i] == user;
	space_unlock(space);
	return admits;
}

void space_join(struct space *space, struct session *session)
{
	session->space = space;
	space_lock(space);
	session->seen = space->generation;
	session->ring.over = space->gone;
	list_append(&space->sessions, &session->fellows);
	space_unlock(space);
}

/* Where the store has it too. */
static void drop_program(struct space *space, struct version *version)
{
	if (*version->digest)
		server_drop(space->server, atomic_exchange(&version->program, SYS_NO_CAP));
}

/* The next session will have to wait for its first calls anyway. */
static void drop_programs(struct space *space)
{
	for (unsigned i = 0; i < space->actions.count; i++) {
		const struct lineup *lineup = &((struct deployed *)space->actions.row[i])->lineup;

		for (unsigned k = 0; k < lineup->count; k++)
			drop_program(space, lineup->versions[k]);
	}
}

void space_trim(struct space *space, const struct deployed *deployed, const struct version *recent)
{
	const struct lineup *lineup = &deployed->lineup;

	/* Who else holds one may have it in use; nobody begins to without the lock. */
	for (unsigned i = 0; i < lineup->count; i++)
		if (i != lineup->current && lineup->versions[i] != recent &&
		    lineup->versions[i]->holders == 1)
			drop_program(space, lineup->versions[i]);
}

void space_leave(struct session *session)
{
	struct space *space = session->space;

	space_lock(space);
	list_remove(&session->fellows);
	if (list_empty(&space->sessions))
		drop_programs(space);
	space_unlock(space);
	space_settle(space);
}

static void wake_all(struct space *space)
{
	list_for_each(link, &space->sessions)
		session_attend(LIST_ENTRY(link, struct session, fellows));
}

void space_wake(struct space *space)
{
	space_lock(space);
	wake_all(space);
	space_unlock(space);
}

void space_changed(struct space *space, struct job *job)
{
	job->generation = ++space->generation;
	list_append(&space->unseen, &job->link);
	wake_all(space);
}

void space_settle(struct space *space)
{
	struct list seen;
	uint64_t least;

	list_init(&seen);
	space_lock(space);
	least = space->generation;
	list_for_each(link, &space->sessions) {
		const struct session *session = LIST_ENTRY(link, struct session, fellows);

		least = session->seen < least ? session->seen : least;
	}
	list_for_each(link, &space->unseen)
		if (LIST_ENTRY(link, struct job, link)->generation <= least) {
			list_remove(link);
			list_append(&seen, link);
		}
	space_unlock(space);
	list_for_each(link, &seen)
		job_end(LIST_ENTRY(link, struct job, link));
}

struct deployed *deployed_new(struct space *space, const char *name)
{
	struct deployed *deployed = calloc(1, sizeof(*deployed));

	if (!deployed)
		return NULL;
	strcpy(deployed->name, name); /* a lawful one fits */
	deployed->holders = 1;
	deployed->space = space;
	return deployed;
}

struct deployed *deployed_ref(struct deployed *deployed)
{
	atomic_fetch_add_explicit(&deployed->holders, 1, memory_order_relaxed);
	return deployed;
}

void deployed_unref(struct deployed *deployed)
{
	if (!deployed || atomic_fetch_sub(&deployed->holders, 1) > 1)
		return;
	for (unsigned i = 0; i < deployed->lineup.count; i++)
		version_unref(deployed->space->server, deployed->lineup.versions[i]);
	free(deployed);
}

struct version *deployed_current(const struct deployed *deployed)
{
	const struct lineup *lineup = &deployed->lineup;

	return lineup->count ? lineup->versions[lineup->current] : NULL;
}

/* What has no name is like nothing else. */
static bool has(const struct version *const *versions, unsigned count, const char *digest)
{
	for (unsigned i = 0; i < count; i++)
		if (*digest && !strcmp(versions[i]->digest, digest))
			return true;
	return false;
}

bool space_has(const struct space *space, const char *digest, const struct deployed *except)
{
	for (unsigned i = 0; i < space->actions.count; i++) {
		const struct deployed *deployed = space->actions.row[i];
		const struct lineup *lineup = &deployed->lineup;

		if (deployed != except &&
		    has((const struct version *const *)lineup->versions, lineup->count, digest))
			return true;
	}
	return false;
}

const struct version *space_at_hand(const struct space *space, const char *digest)
{
	for (unsigned i = 0; i < space->actions.count; i++) {
		const struct lineup *lineup = &((struct deployed *)space->actions.row[i])->lineup;

		for (unsigned k = 0; k < lineup->count && *digest; k++)
			if (lineup->versions[k]->program != SYS_NO_CAP &&
			    !strcmp(lineup->versions[k]->digest, digest))
				return lineup->versions[k];
	}
	return NULL;
}

uint64_t space_bytes(const struct space *space, const struct deployed *deployed,
                     const struct lineup *lineup)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < lineup->count; i++) {
		const struct version *version = lineup->versions[i];

		if (!has((const struct version *const *)lineup->versions, i, version->digest) &&
		    !space_has(space, version->digest, deployed))
			bytes += version->size;
	}
	return bytes;
}

#define REFUSE(limit_, ...)                                                                        \
	do {                                                                                       \
		*ret_detail = (limit_) < INT32_MAX ? (int32_t)(limit_) : INT32_MAX;                \
		fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__);                                    \
		return METT_QUOTA;                                                                 \
	} while (0)

/* Against what the namespace may use; takes nothing on failure. */
static enum mett_reason enter_space(struct deployed *deployed, uint64_t memory, int32_t *ret_detail,
                                    char *why)
{
	struct space *space = deployed->space;
	struct quota *quota = &space->quota;
	uint64_t limit = quota_limit(quota, QUOTA_MEMORY);
	char amount[AMOUNT_MAX], whole[AMOUNT_MAX];

	if (limit && !memory)
		REFUSE(limit,
		       "action '{}' has no memory limit, and namespace '{}' a quota of {}; deploy "
		       "it with one",
		       deployed->name, space->name, amount_of_memory(limit, amount));
	if (!quota_take(quota, QUOTA_CONCURRENT, 1)) {
		limit = quota_limit(quota, QUOTA_CONCURRENT);
		REFUSE(limit,
		       "action '{}': {} activations of namespace '{}' are under way, as many as its "
		       "quota allows; wait for one to end",
		       deployed->name, limit, space->name);
	}
	if (!quota_take(quota, QUOTA_MEMORY, memory)) {
		quota_give(quota, QUOTA_CONCURRENT, 1);
		REFUSE(limit,
		       "action '{}': its {} of memory are not free in the {} of namespace '{}'; "
		       "wait for activations to end, or give it less",
		       deployed->name, amount_of_memory(memory, amount),
		       amount_of_memory(limit, whole), space->name);
	}
	if (!quota_pace(quota, sys_clock_ns())) {
		quota_give(quota, QUOTA_CONCURRENT, 1);
		quota_give(quota, QUOTA_MEMORY, memory);
		limit = quota_limit(quota, QUOTA_RATE);
		REFUSE(limit,
		       "action '{}': namespace '{}' may begin {} activations a second; call less "
		       "often",
		       deployed->name, space->name, limit);
	}
	return METT_OK;
}

enum mett_reason tally_enter(struct deployed *deployed, const struct mett_action_options *options,
                             uint64_t memory, int32_t *ret_detail, char *why)
{
	struct tally *tally = &deployed->tally;
	uint32_t running = atomic_fetch_add_explicit(&tally->running, 1, memory_order_relaxed);
	enum mett_reason reason;

	if (options->concurrency && running >= options->concurrency) {
		atomic_fetch_sub_explicit(&tally->running, 1, memory_order_relaxed);
		REFUSE(options->concurrency,
		       "action '{}' is deployed to run {} at a time; wait for one to end, or deploy "
		       "it with more concurrency",
		       deployed->name, options->concurrency);
	}
	reason = enter_space(deployed, memory, ret_detail, why);
	if (reason)
		atomic_fetch_sub_explicit(&tally->running, 1, memory_order_relaxed);
	return reason;
}

#undef REFUSE

void tally_adopt(struct deployed *deployed, uint64_t memory)
{
	atomic_fetch_add_explicit(&deployed->tally.running, 1, memory_order_relaxed);
	quota_add(&deployed->space->quota, QUOTA_CONCURRENT, 1);
	quota_add(&deployed->space->quota, QUOTA_MEMORY, memory);
}

void tally_leave(struct deployed *deployed, uint64_t memory)
{
	atomic_fetch_sub_explicit(&deployed->tally.running, 1, memory_order_relaxed);
	quota_give(&deployed->space->quota, QUOTA_CONCURRENT, 1);
	quota_give(&deployed->space->quota, QUOTA_MEMORY, memory);
}

void tally_note(struct deployed *deployed, bool failed, uint64_t duration_ns)
{
	struct tally *tally = &deployed->tally;

	atomic_fetch_add_explicit(&tally->calls, 1, memory_order_relaxed);
	if (failed)
		atomic_fetch_add_explicit(&tally->errors, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&tally->latency[latency_bucket(duration_ns)], 1,
	                          memory_order_relaxed);
}

void tally_memory(struct deployed *deployed, uint64_t peak)
{
	uint64_t known = atomic_load_explicit(&deployed->tally.memory, memory_order_relaxed);

	while (known < peak && !atomic_compare_exchange_weak(&deployed->tally.memory, &known, peak))
		;
}

/* It comes from who made the calls: no number that is out of all reason may do harm. */
void tally_count(struct deployed *deployed, uint64_t calls)
{
	atomic_fetch_add_explicit(&deployed->tally.calls, calls, memory_order_relaxed);
}

bool tally_park(struct deployed *deployed)
{
	if (!quota_take(&deployed->space->quota, QUOTA_PARKED, 1))
		return false;
	atomic_fetch_add_explicit(&deployed->tally.parked, 1, memory_order_relaxed);
	return true;
}

void tally_unpark(struct deployed *deployed)
{
	atomic_fetch_sub_explicit(&deployed->tally.parked, 1, memory_order_relaxed);
	quota_give(&deployed->space->quota, QUOTA_PARKED, 1);
}
