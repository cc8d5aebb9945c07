#include "request.h"

#include <string.h>

#include <libfmt/fmt.h>

#include "archivist.h"
#include "creation.h"
#include "pool.h"
#include "program.h"
#include "rows.h"
#include "view.h"

#define REFUSE(reason_, ...)                                                                       \
	do {                                                                                       \
		fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__);                                    \
		return (reason_);                                                                  \
	} while (0)

/* For the session alone: it is there at once. */
static enum mett_reason install(struct session *session, struct pool *pool)
{
	struct action *action = namespace_find(&session->namespace, pool->name);

	if (!action)
		action = namespace_add(&session->namespace, pool->name);
	if (!action)
		return METT_NO_MEMORY;
	if (action->pool)
		pool_retire(action->pool);
	action->pool = pool;
	pool->version->number = ++action->version;
	return METT_OK;
}

/* For all of the space: when the archivist has it. Who serves it is another pool, or others. */
static enum mett_reason order_deploy(struct session *session, struct pool *pool,
                                     enum message_type type, uint32_t tag)
{
	struct job *job = job_new(session, type, pool->name, session->space, pool->version);

	if (!job)
		return METT_NO_MEMORY;
	job->tag = tag;
	job_submit(job);
	pool_retire(pool);
	return METT_OK;
}

enum mett_reason request_provide(struct session *session, struct pool *pool, enum message_type type,
                                 uint32_t tag)
{
	if (session->space)
		return order_deploy(session, pool, type, tag);
	enum mett_reason reason = install(session, pool);
	if (!reason)
		session_status(session, tag, METT_OK, (int32_t)pool->version->number, "");
	return reason;
}

/* What the server cannot judge by itself, a zygote shows. */
static enum mett_reason provide(struct session *session, const char *name, struct version *version,
                                const struct message_header *header)
{
	bool judged = version->options.language == METT_LANGUAGE_BINARY && !version->options.grants;
	enum mett_reason reason = METT_OK;
	struct pool *pool = pool_new(session, name, version, NULL);

	if (!pool)
		return METT_NO_MEMORY;
	if (judged)
		reason = request_provide(session, pool, header->type, header->tag);
	else if (creation_begin(session, pool, header->type, header->tag))
		reason = METT_NO_MEMORY;
	if (reason)
		pool_free(pool);
	return reason;
}

/* A program that is not of our making cannot be forked: as fresh is to start it each time. */
static enum mett_policy policy_of(const struct mett_action_options *options)
{
	if (options->policy == METT_POLICY_REUSE || options->policy == METT_POLICY_SPAWN)
		return options->policy;
	if (options->language == METT_LANGUAGE_EXEC ||
	    options->language == METT_LANGUAGE_ACTIONLOOP)
		return METT_POLICY_SPAWN;
	return METT_POLICY_FORK;
}

static enum mett_reason check_create(const struct message_create *message, size_t environment_size,
                                     char *why)
{
	const char *name = message->name.text;

	if (!message_name_valid(&message->name))
		REFUSE(METT_BAD_ARGUMENT,
		       "that is no name of an action; use 1 to {} of A-Z a-z 0-9 . _ -",
		       (int)METT_NAME_MAX);
	if (message->policy > METT_POLICY_REUSE)
		REFUSE(METT_BAD_ARGUMENT, "action '{}': there is no policy {}", name,
		       message->policy);
	if (message->grants & ~(unsigned)METT_GRANT_ALL)
		REFUSE(METT_BAD_ARGUMENT, "action '{}': there is no grant {:#x}", name,
		       message->grants & ~(unsigned)METT_GRANT_ALL);
	if (!environment_valid((const char *)(message + 1), environment_size))
		REFUSE(METT_BAD_ARGUMENT,
		       "action '{}': its environment is none; give strings KEY=VALUE with keys of "
		       "A-Z a-z 0-9 _, each once",
		       name);
	return METT_OK;
}

/* Is there a place for it? Of a space's actions the archivist judges, when its turn comes. */
static enum mett_reason check_place(struct session *session, const char *name,
                                    enum message_type type, char *why)
{
	const struct action *action = namespace_find(&session->namespace, name);
	unsigned pending = creation_count(session) + session->job_count;

	if (!session->space && action && type == MESSAGE_CREATE)
		REFUSE(METT_EXISTS, "action '{}' exists; update it, or delete it first", name);
	if (!session->space && !action && type == MESSAGE_UPDATE)
		REFUSE(METT_NO_ACTION, "there is no action '{}' here; create it first", name);
	if (creation_pending(session, name))
		REFUSE(METT_BUSY, "action '{}' is being created; wait for the answer to that",
		       name);
	if (pending >= METT_IN_FLIGHT_MAX)
		REFUSE(METT_BUSY, "action '{}': {} others are being created; wait for them", name,
		       pending);
	if (!session->space && !action && session->namespace.count + pending >= METT_ACTIONS_MAX)
		REFUSE(METT_BUSY, "action '{}': there are {} actions already; delete some", name,
		       session->namespace.count);
	return METT_OK;
}

/* What goes well is answered by who provides it. */
static enum mett_reason create_action(struct session *session, const struct message_create *message,
                                      struct sys_received *got, char *why)
{
	const char *name = message->name.text;
	size_t environment_size = got->size - sizeof(*message), size = 0;
	struct mett_action_options options = {message->language,    message->policy,
	                                      message->defaults,    message->grants,
	                                      message->concurrency, NULL};
	enum mett_reason reason = check_create(message, environment_size, why);

	if (!reason)
		reason = check_place(session, name, message->header.type, why);
	if (!reason)
		reason = program_check(name, got->caps[0], &options, &size, why);
	if (reason)
		return reason;
	options.policy = policy_of(&options);
	got->cap_count = 0;
	struct version *version = NULL;
	reason = METT_NO_MEMORY;
	if (!server_keep(session->server, got->caps[0])) {
		version = version_new(&options, (const char *)(message + 1), environment_size,
		                      got->caps[0], size);
		if (!version)
			server_drop(session->server, got->caps[0]);
	}
	if (version)
		reason = provide(session, name, version, &message->header);
	version_unref(session->server, version);
	if (reason)
		REFUSE(reason, "action '{}': the server has no memory; try later", name);
	return METT_OK;
}

/* Have the archivist do it; it is answered when that is done. */
static enum mett_reason order(struct session *session, const struct message_header *header,
                              const char *name, struct job **ret, char *why)
{
	struct space *space = *name ? session->space : NULL;

	if (session->job_count >= METT_IN_FLIGHT_MAX)
		REFUSE(METT_BUSY, "{} changes are under way; wait for them", session->job_count);
	*ret = job_new(session, header->type, name, space, NULL);
	if (!*ret)
		REFUSE(METT_NO_MEMORY, "'{}': the server has no memory; try later", name);
	(*ret)->tag = header->tag;
	return METT_OK;
}

static enum mett_reason delete_action(struct session *session, const struct message_delete *message,
                                      char *why)
{
	bool lawful = message_name_valid(&message->name);
	struct action *action = NULL;
	struct job *job;

	if (lawful && session->space) {
		enum mett_reason reason =
			order(session, &message->header, message->name.text, &job, why);

		if (!reason)
			job_submit(job);
		return reason;
	}
	if (lawful)
		action = namespace_find(&session->namespace, message->name.text);
	if (!action)
		REFUSE(METT_NO_ACTION, "there is no action '{}' here",
		       lawful ? message->name.text : "");
	pool_retire(action->pool);
	namespace_remove(&session->namespace, action);
	session_status(session, message->header.tag, METT_OK, 0, "");
	return METT_OK;
}

static enum mett_reason roll_back(struct session *session, const struct message_version_of *message,
                                  char *why)
{
	const struct action *action;
	struct job *job;

	if (!message_name_valid(&message->name))
		REFUSE(METT_BAD_ARGUMENT,
		       "that is no name of an action; use 1 to {} of A-Z a-z 0-9 . _ -",
		       (int)METT_NAME_MAX);
	if (session->space) {
		enum mett_reason reason =
			order(session, &message->header, message->name.text, &job, why);

		if (reason)
			return reason;
		job->number = message->version;
		job_submit(job);
		return METT_OK;
	}
	action = namespace_find(&session->namespace, message->name.text);
	if (!action)
		REFUSE(METT_NO_ACTION, "there is no action '{}' here", message->name.text);
	if (message->version != action->version)
		REFUSE(METT_NO_VERSION,
		       "action '{}': a private namespace keeps the present version only, {}",
		       message->name.text, action->version);
	session_status(session, message->header.tag, METT_OK, (int32_t)action->version, "");
	return METT_OK;
}

static enum mett_reason alter_space(struct session *session, const struct message_space *message,
                                    char *why)
{
	const struct server_config *config = &session->server->config;
	struct job *job;

	if (!message_name_valid(&message->name))
		REFUSE(METT_BAD_ARGUMENT,
		       "that is no name of a namespace; use 1 to {} of A-Z a-z 0-9 . _ -",
		       (int)METT_NAME_MAX);
	if (!config->store && *config->no_store)
		REFUSE(METT_NO_STATE, "namespace '{}': {}", message->name.text, config->no_store);
	enum mett_reason reason = order(session, &message->header, "", &job, why);
	if (reason)
		return reason;
	strcpy(job->name, message->name.text);
	job->request = *message;
	job_submit(job);
	return METT_OK;
}

static enum mett_reason take(struct session *session, const void *message, struct sys_received *got,
                             char *why)
{
	switch (((const struct message_header *)message)->type) {
	case MESSAGE_CREATE:
	case MESSAGE_UPDATE:
	case MESSAGE_DEPLOY:
		return create_action(session, message, got, why);
	case MESSAGE_DELETE:
		return delete_action(session, message, why);
	case MESSAGE_ROLLBACK:
		return roll_back(session, message, why);
	case MESSAGE_VERSIONS:
		return rows_version(session, message, why);
	case MESSAGE_LIST:
		rows_actions(session, message);
		return METT_OK;
	case MESSAGE_STATS:
		rows_stats(session, message);
		return METT_OK;
	case MESSAGE_SPACES:
		rows_spaces(session, message);
		return METT_OK;
	default:
		return alter_space(session, message, why);
	}
}

void request_take(struct session *session, const void *message, struct sys_received *got)
{
	const struct message_header *header = message;
	char why[METT_MESSAGE_MAX] = "";
	enum mett_reason reason = take(session, message, got, why);

	if (reason)
		session_status(session, header->tag, reason, 0, why);
}

void request_done(struct session *session, const struct job *job)
{
	if (job->type == MESSAGE_NONE)
		view_fetched(session, job);
	else
		session_status(session, job->tag, job->reason,
		               job->reason ? job->detail : (int32_t)job->number, job->text);
}
