#include "change.h"

#include <errno.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "amount.h"
#include "session.h"
#include "state.h"

/* What has to be seen by all before it is done; anything else is a refusal. */
#define REFUSE(job_, reason_, ...)                                                                 \
	do {                                                                                       \
		(job_)->reason = (reason_);                                                        \
		fmt_format((job_)->text, sizeof((job_)->text), __VA_ARGS__);                       \
		return false;                                                                      \
	} while (0)

#define REFUSE_QUOTA(job_, limit_, ...)                                                            \
	do {                                                                                       \
		(job_)->detail = (limit_) < INT32_MAX ? (int32_t)(limit_) : INT32_MAX;             \
		REFUSE(job_, METT_QUOTA, __VA_ARGS__);                                             \
	} while (0)

/* Nothing that could fail comes behind it. */
static bool keep(struct server *server, struct job *job, const char *space, const char *key,
                 const void *data, size_t size)
{
	struct sys_store *store = server->config.store;
	int error = 0;

	if (store)
		error = data ? sys_store_put(store, space, key, data, size)
		             : sys_store_remove(store, space, key);
	if (error)
		REFUSE(job, METT_NO_STATE,
		       "{} '{}': the server cannot keep the change: {}; see its --state folder",
		       *key ? "action" : "namespace", *key ? key : space, strerror(-error));
	return true;
}

static bool keep_action(struct server *server, const struct job *asked, struct job *job,
                        const struct lineup *lineup)
{
	unsigned char *room = server->archivist->room;
	size_t size = lineup->count ? state_write_action(lineup, room) : 0;

	return keep(server, job, asked->space->name, asked->name, size ? room : NULL, size);
}

/* Its last session may leave at any time, and the program with it. */
static sys_cap hold_program(struct space *space, const struct version *version)
{
	space_lock(space);
	sys_cap program = version->program;
	if (program != SYS_NO_CAP && cap_take(space->server->caps, program))
		program = SYS_NO_CAP;
	space_unlock(space);
	return program;
}

/* What is in memory already need not be there twice. */
static void share_program(struct space *space, struct version *version)
{
	const struct version *same = space_at_hand(space, version->digest);
	sys_cap program = same ? hold_program(space, same) : SYS_NO_CAP;

	if (program != SYS_NO_CAP)
		server_drop(space->server, atomic_exchange(&version->program, program));
}

/* Returns 0, with the program at hand, or a negative errno. */
static int fetch(struct server *server, struct space *space, struct version *version)
{
	sys_cap program;

	if (version->program == SYS_NO_CAP)
		share_program(space, version);
	if (version->program != SYS_NO_CAP)
		return 0;
	int error = sys_store_get_code(server->config.store, version->digest, &program);
	if (!error)
		error = server_keep(server, program);
	if (!error)
		version->program = program;
	return error;
}

/* Programs that were in a lineup and are in none any more. Calls may have come for them. */
static void forget_programs(struct server *server, struct space *space, const struct lineup *lineup)
{
	struct sys_store *store = server->config.store;

	for (unsigned i = 0; i < lineup->count; i++) {
		struct version *version = lineup->versions[i];

		if (!store || !*version->digest || spaces_need(server, version->digest))
			continue;
		if (version->holders > 1)
			fetch(server, space, version);
		sys_store_drop_code(store, version->digest);
	}
}

/* What calls get from now on; the versions that are in it are its. The job may end any time. */
static void publish(struct deployed *deployed, const struct lineup *next, struct job *job)
{
	struct space *space = deployed->space;
	const struct version *recent = deployed_current(deployed);
	uint64_t before = space_bytes(space, deployed, &deployed->lineup);
	uint64_t after = space_bytes(space, deployed, next);

	quota_add(&space->quota, QUOTA_CODE, after);
	quota_give(&space->quota, QUOTA_CODE, before);
	if (!next->count)
		quota_give(&space->quota, QUOTA_ACTIONS, 1);
	space_lock(space);
	deployed->lineup = *next;
	if (!next->count)
		table_remove(&space->actions, deployed);
	/* What calls got up to now is what one goes back to. */
	space_trim(space, deployed, recent);
	space_changed(space, job);
	space_unlock(space);
}

/* The next lineup, with the new version; @ret_dropped: it holds what had to make room. */
static void line_up(const struct lineup *lineup, struct version *version, struct lineup *ret,
                    struct lineup *ret_dropped)
{
	*ret = *lineup;
	*ret_dropped = (struct lineup){0};
	if (ret->count == METT_VERSIONS_MAX) {
		unsigned oldest = ret->current == 0; /* never the one that is in use */

		ret_dropped->versions[ret_dropped->count++] = ret->versions[oldest];
		ret->count--;
		memmove(&ret->versions[oldest], &ret->versions[oldest + 1],
		        (ret->count - oldest) * sizeof(*ret->versions));
	}
	ret->highest++;
	ret->current = ret->count;
	ret->versions[ret->count++] = version;
}

static bool check_deploy(struct job *job, const struct deployed *deployed)
{
	const struct quota *quota = &job->space->quota;
	const struct mett_action_options *options = &job->version->options;
	char amount[AMOUNT_MAX];
	uint64_t limit;

	if (job->space->gone)
		REFUSE(job, METT_NO_NAMESPACE, "namespace '{}' was deleted", job->space->name);
	if (deployed && job->type == MESSAGE_CREATE)
		REFUSE(job, METT_EXISTS, "action '{}' exists; update it, or delete it first",
		       job->name);
	if (!deployed && job->type == MESSAGE_UPDATE)
		REFUSE(job, METT_NO_ACTION, "there is no action '{}' here; create it first",
		       job->name);
	limit = quota_limit(quota, QUOTA_MEMORY);
	if (limit && (!options->defaults.memory_limit || options->defaults.memory_limit > limit))
		REFUSE_QUOTA(job, limit,
		             "action '{}': namespace '{}' has a quota of {} of memory; give the "
		             "action a memory limit within it",
		             job->name, job->space->name, amount_of_memory(limit, amount));
	limit = quota_limit(quota, QUOTA_ACTIONS);
	if (!limit || limit > METT_ACTIONS_MAX)
		limit = METT_ACTIONS_MAX;
	if (!deployed && job->space->actions.count >= limit)
		REFUSE_QUOTA(
			job, limit,
			"action '{}': namespace '{}' has {} actions, and may have {}; delete some",
			job->name, job->space->name, job->space->actions.count, limit);
	return true;
}

static bool keep_program(struct server *server, struct job *job)
{
	struct sys_store *store = server->config.store;
	int error = 0;

	if (store)
		error = sys_store_put_code(store, job->version->program, job->version->digest);
	if (error)
		REFUSE(job, METT_NO_STATE,
		       "action '{}': the server cannot keep its program: {}; see its --state "
		       "folder",
		       job->name, strerror(-error));
	share_program(job->space, job->version);
	return true;
}

static bool fits(const struct job *job, const struct deployed *deployed, const struct lineup *next)
{
	const struct quota *quota = &job->space->quota;
	uint64_t limit = quota_limit(quota, QUOTA_CODE), used = quota->used[QUOTA_CODE];
	uint64_t before = space_bytes(job->space, deployed, &deployed->lineup);
	uint64_t after = space_bytes(job->space, deployed, next);

	return !limit || after <= before || used - before + after <= limit;
}

/* Before anything is written. What seems too much may be there already: its name tells. */
static bool check_code(struct server *server, struct job *job, const struct deployed *deployed,
                       const struct lineup *next)
{
	const struct quota *quota = &job->space->quota;
	uint64_t limit = quota_limit(quota, QUOTA_CODE), used = quota->used[QUOTA_CODE];
	char amount[AMOUNT_MAX], used_amount[AMOUNT_MAX];

	if (fits(job, deployed, next))
		return true;
	if (server->config.store &&
	    !sys_store_name_code(job->version->program, job->version->digest) &&
	    fits(job, deployed, next))
		return true;
	REFUSE_QUOTA(job, limit,
	             "action '{}': namespace '{}' has a quota of {} of code, of which {} are used; "
	             "delete something",
	             job->name, job->space->name, amount_of_memory(limit, amount),
	             amount_of_memory(used, used_amount));
}

/* The action's next version, in the store and then for all to see. */
static bool add_version(struct server *server, struct job *job, struct deployed *deployed)
{
	struct lineup next, dropped;

	line_up(&deployed->lineup, job->version, &next, &dropped);
	job->version->number = next.highest;
	if (!check_code(server, job, deployed, &next) || !keep_program(server, job))
		return false;
	/* Perhaps it is there in spite of that, see sys_store_put(), and then names the program. */
	if (!keep_action(server, job, job, &next))
		return false;
	version_ref(job->version);
	job->number = next.highest;
	publish(deployed, &next, job);
	forget_programs(server, deployed->space, &dropped);
	for (unsigned i = 0; i < dropped.count; i++)
		version_unref(server, dropped.versions[i]);
	return true;
}

static bool deploy(struct server *server, struct job *job)
{
	struct space *space = job->space;
	struct deployed *deployed = table_find(&space->actions, job->name), *made = NULL;

	if (!check_deploy(job, deployed))
		return false;
	if (deployed)
		return add_version(server, job, deployed);
	/* Empty, it is not yet there for who looks. */
	space_lock(space);
	if (!table_reserve(&space->actions) && (made = deployed_new(space, job->name)))
		table_add(&space->actions, made);
	space_unlock(space);
	if (!made)
		REFUSE(job, METT_NO_MEMORY, "action '{}': the server has no memory; try later",
		       job->name);
	quota_add(&space->quota, QUOTA_ACTIONS, 1);
	if (add_version(server, job, made))
		return true;
	space_lock(space);
	table_remove(&space->actions, made);
	space_unlock(space);
	quota_give(&space->quota, QUOTA_ACTIONS, 1);
	deployed_unref(made);
	return false;
}

static bool delete (struct server *server, struct job *job)
{
	const struct lineup none = {0};
	struct space *space = job->space;
	struct deployed *deployed = table_find(&space->actions, job->name);

	if (!deployed)
		REFUSE(job, METT_NO_ACTION, "there is no action '{}' here", job->name);
	struct lineup had = deployed->lineup;
	if (!keep_action(server, job, job, &none))
		return false;
	publish(deployed, &none, job);
	forget_programs(server, space, &had);
	for (unsigned i = 0; i < had.count; i++)
		version_unref(server, had.versions[i]);
	deployed_unref(deployed);
	return true;
}

static bool lost(struct job *job, const struct version *version, int error)
{
	if (error == -EBADMSG || error == -ENOENT)
		REFUSE(job, METT_NO_STATE,
		       "action '{}': the program of version {} was damaged, and is no more; deploy "
		       "it again, or go back to another version",
		       job->name, version->number);
	REFUSE(job, METT_NO_STATE,
	       "action '{}': the program of version {} cannot be read: {}; try later", job->name,
	       version->number, strerror(-error));
}

/* What is damaged on disk and whole in memory is written anew. */
static int verify(struct space *space, const struct version *version)
{
	struct server *server = space->server;
	struct sys_store *store = server->config.store;
	char digest[SYS_STORE_DIGEST_SIZE];
	sys_cap program;

	if (!store)
		return 0;
	int error = sys_store_get_code(store, version->digest, &program);
	if (!error)
		sys_cap_close(program);
	if (error != -EBADMSG && error != -ENOENT)
		return error;
	program = hold_program(space, version);
	if (program != SYS_NO_CAP)
		error = sys_store_put_code(store, program, digest);
	server_drop(server, program);
	return error;
}

static bool find_version(struct job *job, const struct lineup *lineup, unsigned *ret)
{
	if (!job->number && !lineup->current)
		REFUSE(job, METT_NO_VERSION,
		       "action '{}': version {} is the oldest that is kept; there is none to go "
		       "back to",
		       job->name, lineup->versions[lineup->current]->number);
	*ret = lineup->current - !job->number;
	for (unsigned i = 0; i < lineup->count && job->number; i++)
		if (lineup->versions[i]->number == job->number) {
			*ret = i;
			return true;
		}
	if (job->number)
		REFUSE(job, METT_NO_VERSION,
		       "action '{}': there is no version {}; {} to {} are kept", job->name,
		       job->number, lineup->versions[0]->number,
		       lineup->versions[lineup->count - 1]->number);
	return true;
}

static bool roll_back(struct server *server, struct job *job)
{
	struct deployed *deployed = table_find(&job->space->actions, job->name);

	if (!deployed)
		REFUSE(job, METT_NO_ACTION, "there is no action '{}' here", job->name);
	struct lineup next = deployed->lineup;
	if (!find_version(job, &deployed->lineup, &next.current))
		return false;
	const struct version *version = next.versions[next.current];
	int error = verify(job->space, version);
	if (error)
		return lost(job, version, error);
	if (!keep_action(server, job, job, &next))
		return false;
	job->number = version->number;
	publish(deployed, &next, job);
	return true;
}

/* Of a space's own record. */
static bool may_change(struct server *server, const struct space *space, struct job *job)
{
	bool owner = !job->user || job->user == space->owner;

	if (job->type == MESSAGE_SPACE_LIMIT)
		owner = !job->user || job->user == sys_user();
	if (!owner)
		REFUSE(job, METT_DENIED, "namespace '{}' is user {}'s; {} may do that", space->name,
		       space->owner,
		       job->type == MESSAGE_SPACE_LIMIT ? "only root and the server's user"
		                                        : "only that user and root");
	return true;
}

static bool check_creation(struct server *server, struct job *job)
{
	uint32_t user;

	if (spaces_home(job->name, &user))
		REFUSE(job, user == job->user ? METT_EXISTS : METT_DENIED,
		       "namespace '{}' is the home of user {}, and comes to be by itself",
		       job->name, user);
	if (*job->name == 'u' && job->name[1] &&
	    !job->name[1 + strspn(job->name + 1, "0123456789")])
		REFUSE(job, METT_DENIED,
		       "namespace '{}' would look like a user's home; choose another name",
		       job->name);
	if (spaces_made(server, NULL) >= METT_SPACES_MAX)
		REFUSE_QUOTA(job, METT_SPACES_MAX,
		             "namespace '{}': there are {} already, as many as the server takes; "
		             "delete some",
		             job->name, (int)METT_SPACES_MAX);
	if (job->user && spaces_made(server, &job->user) >= METT_SPACES_OWNED_MAX)
		REFUSE_QUOTA(job, METT_SPACES_OWNED_MAX,
		             "namespace '{}': user {} has {} already, as many as one may have; "
		             "delete some",
		             job->name, job->user, (int)METT_SPACES_OWNED_MAX);
	return true;
}

static bool create_space(struct server *server, struct job *job)
{
	struct space_record record;

	if (!check_creation(server, job))
		return false;
	struct space *space = space_new(server, job->name, job->user);
	if (space) {
		state_of_space(space, &record);
		state_to_space(&record, space);
	}
	if (!space || !spaces_add(space)) {
		if (space)
			space_free(space);
		REFUSE(job, METT_NO_MEMORY, "namespace '{}': the server has no memory; try later",
		       job->name);
	}
	/* Who is in it already can change nothing before this is done. */
	job->space = space;
	if (!keep(server, job, job->name, "", &record, sizeof(record)))
		spaces_remove(space);
	return false;
}

static bool delete_space(struct server *server, struct space *space, struct job *job)
{
	uint32_t user;

	if (spaces_home(space->name, &user))
		REFUSE(job, METT_DENIED, "namespace '{}' is a user's home, and stays", space->name);
	if (space->actions.count)
		REFUSE(job, METT_EXISTS, "namespace '{}' has {} actions; delete them first",
		       space->name, space->actions.count);
	if (!keep(server, job, space->name, "", NULL, 0))
		return false;
	spaces_remove(space);
	/* Who is in it still leaves no records under a name that is free for others. */
	space_lock(space);
	space_changed(space, job);
	space_unlock(space);
	return true;
}

static bool change_members(struct job *job, struct space_record *record)
{
	uint32_t user = job->request.uid;
	unsigned place = 0;

	while (place < record->member_count && record->members[place] != user)
		place++;
	if (job->type == MESSAGE_SPACE_FORBID) {
		if (place < record->member_count)
			record->members[place] = record->members[--record->member_count];
		return true;
	}
	if (place < record->member_count)
		return true;
	if (place == METT_MEMBERS_MAX)
		REFUSE_QUOTA(job, METT_MEMBERS_MAX,
		             "namespace '{}' is open to {} users, as many as can be; take another "
		             "out first",
		             job->name, (int)METT_MEMBERS_MAX);
	record->members[record->member_count++] = user;
	return true;
}

static bool change_space(struct server *server, struct space *space, struct job *job)
{
	struct space_record record;

	state_of_space(space, &record);
	if (job->type == MESSAGE_SPACE_LIMIT) {
		record.alone = true;
		record.quota = job->request.quota;
	} else if (!change_members(job, &record)) {
		return false;
	}
	if (!keep(server, job, space->name, "", &record, sizeof(record)))
		return false;
	space_lock(space);
	state_to_space(&record, space);
	space_changed(space, job);
	space_unlock(space);
	return true;
}

static bool alter_space(struct server *server, struct job *job)
{
	struct space *space = job->space;

	if (job->type == MESSAGE_SPACE_CREATE && space)
		REFUSE(job, METT_EXISTS, "namespace '{}' exists; choose another name", job->name);
	if (job->type == MESSAGE_SPACE_CREATE)
		return create_space(server, job);
	if (!space)
		REFUSE(job, METT_NO_NAMESPACE, "there is no namespace '{}'", job->name);
	if (!may_change(server, space, job))
		return false;
	return job->type == MESSAGE_SPACE_DELETE ? delete_space(server, space, job)
	                                         : change_space(server, space, job);
}

/* Who was let in when it asked may be shown out by now. */
static bool is_admitted(struct job *job)
{
	if (!space_admits(job->space, job->user))
		REFUSE(job, METT_DENIED, "namespace '{}' is not open to user {} any more",
		       job->space->name, job->user);
	return true;
}

/* True: it is among its space's unseen ones now. */
static bool perform(struct server *server, struct job *job)
{
	int error;

	switch (job->type) {
	case MESSAGE_CREATE:
	case MESSAGE_UPDATE:
	case MESSAGE_DEPLOY:
		return is_admitted(job) && deploy(server, job);
	case MESSAGE_DELETE:
		return is_admitted(job) && delete (server, job);
	case MESSAGE_ROLLBACK:
		return is_admitted(job) && roll_back(server, job);
	case MESSAGE_NONE:
		error = fetch(server, job->space, job->version);
		return error ? lost(job, job->version, error) : false;
	default:
		return alter_space(server, job);
	}
}

/* Held, or NULL. Whoever looks after homes need not wait for their users to come first. */
static struct space *find_space(struct server *server, const struct job *job)
{
	bool makes = job->type == MESSAGE_SPACE_LIMIT || job->type == MESSAGE_SPACE_ALLOW;
	struct space *space = spaces_find(server, job->name);
	char why[METT_MESSAGE_MAX];
	uint32_t owner;

	if (!space && makes && spaces_home(job->name, &owner) &&
	    spaces_enter(server, job->name, owner, &space, why))
		return NULL;
	return space;
}

void change_perform(struct server *server, struct job *job)
{
	/* What a job is about is held as long as it is; of these it was not known. */
	if (job->type >= MESSAGE_SPACE_CREATE && job->type <= MESSAGE_SPACE_LIMIT)
		job->space = find_space(server, job);
	struct space *space = job->space ? spaces_hold(job->space) : NULL;

	if (!perform(server, job)) {
		if (job->reason)
			log_debug("{}", job->text);
		job_end(job);
	} else {
		space_settle(space); /* there may be nobody in it to wait for */
	}
	if (space)
		spaces_release(space);
}
