/* What comes in pages of rows, sorted by name, and without an end that is known before. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

/* A kind of list: what is asked, and what a row is here and on the way. */
struct kind {
	enum message_type ask;
	size_t sent_size; /* begins with struct message_name */
	size_t row_size;  /* begins with char name[METT_NAME_MAX + 1] */
	size_t rows_max;
	bool (*convert)(void *row, const void *sent);
};

struct rows {
	char *row;
	size_t count;
};

static bool rows_are_lawful(const struct kind *kind, const struct message_rows *page, size_t size,
                            const char *after)
{
	const char *row = (const char *)(page + 1);

	if (size != sizeof(*page) + (uint64_t)page->count * kind->sent_size)
		return false;
	/* In order, and so without end only if names are. */
	for (uint32_t i = 0; i < page->count; i++, row += kind->sent_size) {
		const struct message_name *name = (const void *)row;

		if (!message_name_valid(name) || strcmp(name->text, after) <= 0)
			return false;
		after = name->text;
	}
	return page->count || !page->more;
}

/* Returns 1 when there is more to ask for, 0 when not, or a negative errno. */
static int take_page(struct mett_client *client, const struct kind *kind, struct rows *rows,
                     struct mett_error *error)
{
	struct message_list message = {.header.type = kind->ask};
	const struct message_rows *page = (const void *)client->message;

	if (rows->count)
		message_name_set(&message.after, rows->row + (rows->count - 1) * kind->row_size);
	int failure =
		mett_client_ask(client, &message, sizeof(message), SYS_NO_CAP, MESSAGE_ROWS, error);
	if (failure)
		return failure;
	if (!rows_are_lawful(kind, page, client->message_size, message.after.text))
		return mett_client_broke(client, error);
	/* There may have been more by and by than there can be at a time. */
	size_t room = kind->rows_max - rows->count;
	size_t count = page->count < room ? page->count : room;
	char *grown = realloc(rows->row, (rows->count + count + 1) * kind->row_size);
	if (!grown)
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for %zu rows",
		                      rows->count + count);
	rows->row = grown;
	for (size_t i = 0; i < count; i++) {
		char *row = grown + rows->count++ * kind->row_size;
		const char *sent = (const char *)(page + 1) + i * kind->sent_size;

		memset(row, 0, kind->row_size);
		memcpy(row, sent, METT_NAME_MAX + 1);
		if (!kind->convert(row, sent))
			return mett_client_broke(client, error);
	}
	return page->more && rows->count < kind->rows_max;
}

static int take_rows(struct mett_client *client, const struct kind *kind, void *ret, size_t *count,
                     struct mett_error *error)
{
	struct rows rows = {0};
	int more;

	if (!client || !ret || !count)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0, "%s is NULL",
		                      !client ? "client"
		                      : !ret  ? "ret"
		                              : "count");
	do
		more = take_page(client, kind, &rows, error);
	while (more > 0);
	mett_client_settle(client);
	if (more < 0) {
		free(rows.row);
		return more;
	}
	memcpy(ret, &rows.row, sizeof(rows.row));
	*count = rows.count;
	return mett_error_clear(error);
}

static bool convert_action(void *row, const void *sent)
{
	const struct message_action *from = sent;
	struct mett_action_info *to = row;

	to->options =
		(struct mett_action_options){from->language, from->policy,      from->defaults,
	                                     from->grants,   from->concurrency, NULL};
	to->size = from->size;
	to->activations = from->activations;
	to->version = from->version;
	return true;
}

int mett_action_list(struct mett_client *client, struct mett_action_info **ret, size_t *count,
                     struct mett_error *error)
{
	static const struct kind kind = {
		MESSAGE_LIST,
		sizeof(struct message_action),
		sizeof(struct mett_action_info),
		METT_ACTIONS_MAX,
		convert_action,
	};

	return take_rows(client, &kind, ret, count, error);
}

static bool convert_stats(void *row, const void *sent)
{
	const struct message_stats *from = sent;
	struct mett_action_stats *to = row;

	to->calls = from->calls;
	to->errors = from->errors;
	to->running = from->running;
	to->parked = from->parked;
	to->memory = from->memory;
	memcpy(to->latency, from->latency, sizeof(to->latency));
	return true;
}

int mett_action_stats(struct mett_client *client, struct mett_action_stats **ret, size_t *count,
                      struct mett_error *error)
{
	static const struct kind kind = {
		MESSAGE_STATS,
		sizeof(struct message_stats),
		sizeof(struct mett_action_stats),
		METT_ACTIONS_MAX,
		convert_stats,
	};

	return take_rows(client, &kind, ret, count, error);
}

static bool convert_space(void *row, const void *sent)
{
	const struct message_space_row *from = sent;
	struct mett_namespace_info *to = row;

	to->owner = from->owner;
	to->member_count = from->member_count;
	memcpy(to->members, from->members, sizeof(to->members));
	to->quota = from->quota;
	to->used = from->used;
	return from->member_count <= METT_MEMBERS_MAX;
}

int mett_namespace_list(struct mett_client *client, struct mett_namespace_info **ret, size_t *count,
                        struct mett_error *error)
{
	static const struct kind kind = {
		MESSAGE_SPACES,
		sizeof(struct message_space_row),
		sizeof(struct mett_namespace_info),
		16 * METT_SPACES_MAX, /* homes too, as many as there are users */
		convert_space,
	};

	return take_rows(client, &kind, ret, count, error);
}
