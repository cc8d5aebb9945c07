#include "creation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "pool.h"

static void drop(struct creation *creation)
{
	list_remove(&creation->link);
	creation->pool->creation = NULL;
	free(creation);
}

int creation_begin(struct session *session, struct pool *pool, uint32_t tag, size_t size)
{
	struct creation *creation = malloc(sizeof(*creation));

	if (!creation)
		return -ENOMEM;
	*creation = (struct creation){.pool = pool, .tag = tag, .size = size};
	list_init(&creation->link);
	list_append(&session->creations, &creation->link);
	pool->creation = creation;
	int error = pool_start(pool);
	if (error)
		drop(creation);
	return error;
}

bool creation_pending(const struct session *session, const char *name)
{
	list_for_each(link, &session->creations)
		if (!strcmp(LIST_ENTRY(link, struct creation, link)->pool->name, name))
			return true;
	return false;
}

unsigned creation_count(const struct session *session)
{
	unsigned count = 0;

	list_for_each(link, &session->creations)
		count++;
	return count;
}

void creation_end(struct creation *creation, const char *why)
{
	struct pool *pool = creation->pool;
	struct session *session = pool->session;
	uint32_t tag = creation->tag;
	size_t size = creation->size;
	char text[METT_MESSAGE_MAX] = "";
	enum mett_reason reason = METT_OK;

	if (why) {
		reason = METT_BAD_PROGRAM;
		fmt_format(text, sizeof(text), "action '{}' cannot be served: {}", pool->name, why);
	}
	drop(creation);
	if (!why && (reason = session_install(session, pool, size)))
		fmt_format(text, sizeof(text), "action '{}': the server has no memory; try later",
		           pool->name);
	if (reason)
		pool_retire(pool);
	session_status(session, tag, reason, text);
}

void creation_drop_all(struct session *session)
{
	list_for_each(link, &session->creations) {
		struct pool *pool = LIST_ENTRY(link, struct creation, link)->pool;

		drop(LIST_ENTRY(link, struct creation, link));
		pool_free(pool);
	}
}
