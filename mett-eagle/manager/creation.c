#include "creation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "pool.h"
#include "request.h"

static void drop(struct creation *creation)
{
	list_remove(&creation->link);
	creation->pool->creation = NULL;
	free(creation);
}

int creation_begin(struct session *session, struct pool *pool, enum message_type type, uint32_t tag)
{
	struct creation *creation = malloc(sizeof(*creation));

	if (!creation)
		return -ENOMEM;
	*creation = (struct creation){.pool = pool, .type = type, .tag = tag};
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
	enum message_type type = creation->type;
	uint32_t tag = creation->tag;
	char text[METT_MESSAGE_MAX] = "";
	enum mett_reason reason = METT_OK;

	if (why) {
		reason = METT_BAD_PROGRAM;
		fmt_format(text, sizeof(text), "action '{}' cannot be served: {}", pool->name, why);
	}
	drop(creation);
	if (!why && (reason = request_provide(session, pool, type, tag)))
		fmt_format(text, sizeof(text), "action '{}': the server has no memory; try later",
		           pool->name);
	if (!reason)
		return;
	pool_retire(pool);
	session_status(session, tag, reason, 0, text);
}

void creation_drop_all(struct session *session)
{
	list_for_each(link, &session->creations) {
		struct pool *pool = LIST_ENTRY(link, struct creation, link)->pool;

		drop(LIST_ENTRY(link, struct creation, link));
		pool_free(pool);
	}
}
