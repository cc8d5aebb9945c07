#include "view.h"

#include <errno.h>
#include <string.h>

#include "archivist.h"
#include "lane.h"
#include "pool.h"

/* The version that calls get, and what it is of; both held. */
static bool look_up(struct space *space, const char *name, struct deployed **ret,
                    struct version **ret_version)
{
	struct version *version = NULL;

	space_lock(space);
	struct deployed *deployed = table_find(&space->actions, name);
	if (deployed && (version = deployed_current(deployed))) {
		*ret = deployed_ref(deployed);
		*ret_version = version_ref(version);
	}
	space_unlock(space);
	return version;
}

static struct action *adopt(struct session *session, const char *name, enum mett_reason *ret_reason)
{
	struct deployed *deployed;
	struct version *version;

	*ret_reason = METT_NO_ACTION;
	if (!look_up(session->space, name, &deployed, &version))
		return NULL;
	*ret_reason = METT_NO_MEMORY;
	struct action *action = namespace_add(&session->namespace, name);
	struct pool *pool = action ? pool_new(session, name, version, deployed) : NULL;
	version_unref(session->server, version);
	deployed_unref(deployed);
	if (!pool && action)
		namespace_remove(&session->namespace, action);
	if (!pool)
		return NULL;
	action->pool = pool;
	return action;
}

struct action *view_find(struct session *session, const char *name, enum mett_reason *ret_reason)
{
	struct action *action = namespace_find(&session->namespace, name);

	if (action)
		return action;
	*ret_reason = METT_NO_ACTION;
	return session->space ? adopt(session, name, ret_reason) : NULL;
}

/* With the lock; another version, or none, or now each call must pass the server. */
static bool is_outdated(const struct pool *pool)
{
	return deployed_current(pool->deployed) != pool->version ||
	       pool->limited != pool_is_limited(pool);
}

static struct action *find_outdated(struct session *session)
{
	for (unsigned i = 0; i < NAMESPACE_BUCKETS; i++)
		for (struct action *action = session->namespace.bucket[i]; action;
		     action = action->next)
			if (is_outdated(action->pool))
				return action;
	return NULL;
}

void view_refresh(struct session *session)
{
	struct space *space = session->space;
	struct action *action;
	uint64_t generation;
	bool gone;

	lanes_count(session);
	if (!space_admits(space, session->user))
		session->closed = true;
	for (;;) {
		space_lock(space);
		generation = space->generation;
		gone = space->gone;
		action = session->seen == generation ? NULL : find_outdated(session);
		if (!action)
			session->seen = generation;
		space_unlock(space);
		if (!action)
			break;
		pool_retire(action->pool);
		namespace_remove(&session->namespace, action);
	}
	if (gone)
		ring_end(session);
	space_settle(space);
}

int view_fetch(struct pool *pool)
{
	struct session *session = pool->session;
	struct job *job = job_new(session, MESSAGE_NONE, pool->name, session->space, pool->version);

	if (!job)
		return -ENOMEM;
	job_submit(job);
	return 0;
}

void view_fetched(struct session *session, const struct job *job)
{
	const struct action *action = namespace_find(&session->namespace, job->name);

	if (action && action->pool->version == job->version)
		pool_fetched(action->pool, job->reason ? job->text : NULL);
	list_for_each(link, &session->retired) {
		struct pool *pool = LIST_ENTRY(link, struct pool, link);

		if (pool->version == job->version)
			pool_fetched(pool, job->reason ? job->text : NULL);
	}
}
