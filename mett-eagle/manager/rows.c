#include "rows.h"

#include <string.h>

#include <libfmt/fmt.h>

#include "lane.h"
#include "pool.h"
#include "spaces.h"

#define ROOM(row_) ((MESSAGE_MAX - sizeof(struct message_rows)) / sizeof(row_))

/* How an action becomes a row: one that is the session's alone, or one of its space. */
struct kind {
	size_t size;
	unsigned room;
	void (*fill_own)(void *row, const struct action *action);
	void (*fill_shared)(void *row, const struct deployed *deployed);
};

static void fill_action(struct message_action *row, const char *name, const struct version *version,
                        uint64_t activations)
{
	*row = (struct message_action){
		.defaults = version->options.defaults,
		.size = version->size,
		.activations = activations,
		.language = version->options.language,
		.policy = version->options.policy,
		.version = version->number,
		.grants = version->options.grants,
		.concurrency = version->options.concurrency,
	};
	message_name_set(&row->name, name);
}

static void own_action(void *row, const struct action *action)
{
	fill_action(row, action->name, action->pool->version, action->activations);
}

static void shared_action(void *row, const struct deployed *deployed)
{
	fill_action(row, deployed->name, deployed_current(deployed),
	            deployed->tally.calls + deployed->tally.running);
}

static void own_stats(void *to, const struct action *action)
{
	const struct pool *pool = action->pool;
	struct message_stats *row = to;
	uint64_t begun = action->activations;

	*row = (struct message_stats){.parked = pool->parked_count};
	message_name_set(&row->name, action->name);
	row->running = pool_running(pool);
	row->calls = begun > row->running ? begun - row->running : 0;
}

static void shared_stats(void *to, const struct deployed *deployed)
{
	const struct tally *tally = &deployed->tally;
	struct message_stats *row = to;

	*row = (struct message_stats){
		.calls = tally->calls,
		.errors = tally->errors,
		.memory = tally->memory,
		.running = tally->running,
		.parked = tally->parked,
	};
	message_name_set(&row->name, deployed->name);
	for (unsigned i = 0; i < METT_LATENCY_BUCKETS; i++)
		row->latency[i] = tally->latency[i];
}

struct page {
	struct message_rows fixed;
	unsigned char rows[MESSAGE_MAX - sizeof(struct message_rows)];
};

static void own_rows(struct session *session, const struct kind *kind, const char *after,
                     struct page *page)
{
	struct action *found[ROOM(struct message_stats) + ROOM(struct message_action) + 1];
	unsigned count = namespace_list(&session->namespace, after, found, kind->room + 1);

	page->fixed.more = count > kind->room;
	page->fixed.count = page->fixed.more ? kind->room : count;
	for (unsigned i = 0; i < page->fixed.count; i++)
		kind->fill_own(page->rows + i * kind->size, found[i]);
}

static void shared_rows(struct space *space, const struct kind *kind, const char *after,
                        struct page *page)
{
	const struct table *table = &space->actions;

	space_lock(space);
	for (unsigned i = table_after(table, after); i < table->count; i++) {
		const struct deployed *deployed = table->row[i];

		if (!deployed_current(deployed))
			continue;
		if (page->fixed.count == kind->room) {
			page->fixed.more = 1;
			break;
		}
		kind->fill_shared(page->rows + page->fixed.count++ * kind->size, deployed);
	}
	space_unlock(space);
}

static void send_page(struct session *session, const struct kind *kind,
                      const struct message_list *message)
{
	struct page page = {.fixed.header = {MESSAGE_ROWS, message->header.tag}};
	char after[METT_NAME_MAX + 1] = "";

	memcpy(after, message->after.text, METT_NAME_MAX);
	lanes_count(session);
	if (session->space)
		shared_rows(session->space, kind, after, &page);
	else
		own_rows(session, kind, after, &page);
	session_send(session, &page, sizeof(page.fixed) + page.fixed.count * kind->size,
	             SYS_NO_CAP);
}

void rows_actions(struct session *session, const struct message_list *message)
{
	static const struct kind kind = {sizeof(struct message_action), ROOM(struct message_action),
	                                 own_action, shared_action};

	send_page(session, &kind, message);
}

void rows_stats(struct session *session, const struct message_list *message)
{
	static const struct kind kind = {sizeof(struct message_stats), ROOM(struct message_stats),
	                                 own_stats, shared_stats};

	/* Others count what they see of calls past the server: for who asks again. */
	if (session->space)
		space_wake(session->space);
	send_page(session, &kind, message);
}

static void fill_space(struct message_space_row *row, struct space *space)
{
	*row = (struct message_space_row){.owner = space->owner};
	message_name_set(&row->name, space->name);
	quota_limits(&space->quota, &row->quota);
	quota_used(&space->quota, &row->used, sys_clock_ns());
	space_lock(space);
	row->member_count = space->member_count;
	memcpy(row->members, space->members, space->member_count * sizeof(*row->members));
	space_unlock(space);
}

void rows_spaces(struct session *session, const struct message_list *message)
{
	struct {
		struct message_rows fixed;
		struct message_space_row rows[ROOM(struct message_space_row)];
	} page = {.fixed.header = {MESSAGE_ROWS, message->header.tag}};
	char after[METT_NAME_MAX + 1] = "";
	struct space *space;

	memcpy(after, message->after.text, METT_NAME_MAX);
	while (page.fixed.count < ROOM(struct message_space_row) &&
	       (space = spaces_after(session->server, after, session->user))) {
		strcpy(after, space->name);
		fill_space(&page.rows[page.fixed.count++], space);
		spaces_release(space);
	}
	page.fixed.more = page.fixed.count == ROOM(struct message_space_row);
	session_send(session, &page, sizeof(page.fixed) + page.fixed.count * sizeof(*page.rows),
	             SYS_NO_CAP);
}

/* The oldest that is newer; held. False: there is no such action. */
static bool find_version(struct session *session, const char *name, uint32_t after,
                         struct version **ret, bool *ret_current)
{
	struct space *space = session->space;
	const struct lineup *lineup;

	*ret = NULL;
	if (!space) {
		const struct action *action = namespace_find(&session->namespace, name);

		if (action && action->pool->version->number > after)
			*ret = version_ref(action->pool->version);
		*ret_current = true;
		return action;
	}
	space_lock(space);
	const struct deployed *deployed = table_find(&space->actions, name);
	bool found = deployed && deployed->lineup.count;
	lineup = found ? &deployed->lineup : NULL;
	for (unsigned i = 0; found && i < lineup->count && !*ret; i++)
		if (lineup->versions[i]->number > after) {
			*ret = version_ref(lineup->versions[i]);
			*ret_current = i == lineup->current;
		}
	space_unlock(space);
	return found;
}

enum mett_reason rows_version(struct session *session, const struct message_version_of *message,
                              char *why)
{
	struct {
		struct message_version fixed;
		char environment[METT_ENVIRONMENT_MAX];
	} answer = {.fixed.header = {MESSAGE_VERSION, message->header.tag}};
	bool lawful = message_name_valid(&message->name), current = false;
	struct version *version = NULL;

	if (!lawful ||
	    !find_version(session, message->name.text, message->version, &version, &current)) {
		fmt_format(why, METT_MESSAGE_MAX, "there is no action '{}' here",
		           lawful ? message->name.text : "");
		return METT_NO_ACTION;
	}
	if (version) {
		answer.fixed.version = version->number;
		answer.fixed.current = current;
		answer.fixed.size = version->size;
		answer.fixed.deployed_us = version->deployed_us;
		strcpy(answer.fixed.digest, version->digest);
		answer.fixed.defaults = version->options.defaults;
		answer.fixed.language = version->options.language;
		answer.fixed.policy = version->options.policy;
		answer.fixed.grants = version->options.grants;
		answer.fixed.concurrency = version->options.concurrency;
		memcpy(answer.environment, version->environment, version->environment_size);
	}
	session_send(session, &answer,
	             sizeof(answer.fixed) + (version ? version->environment_size : 0), SYS_NO_CAP);
	version_unref(session->server, version);
	return METT_OK;
}
