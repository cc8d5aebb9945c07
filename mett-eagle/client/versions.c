/* Versions of an action: which there are, and back to one of them. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

/* As the server sent it. */
struct sent {
	struct message_version fixed;
	char environment[METT_ENVIRONMENT_MAX];
	size_t environment_size;
};

struct versions {
	struct sent sent[METT_VERSIONS_MAX];
	unsigned count;
	unsigned seen; /* those that had to make room included */
};

/* What is deployed meanwhile becomes a row too; who deploys without pause shall not keep us. */
enum { SEEN_MAX = 2 * METT_VERSIONS_MAX };

/* As the server does it: room is made by the oldest that is not current. */
static struct sent *add(struct versions *versions, bool current)
{
	struct sent *sent = versions->sent;

	for (unsigned i = 0; i < versions->count && current; i++)
		sent[i].fixed.current = 0;
	if (versions->count == METT_VERSIONS_MAX) {
		unsigned oldest = sent[0].fixed.current != 0;

		versions->count--;
		memmove(&sent[oldest], &sent[oldest + 1],
		        (versions->count - oldest) * sizeof(*sent));
	}
	versions->seen++;
	return &sent[versions->count++];
}

/* Returns 1 when there may be more, 0 when not, or a negative errno. */
static int take_version(struct mett_client *client, const char *name, struct versions *versions,
                        struct mett_error *error)
{
	struct message_version_of message = {.header.type = MESSAGE_VERSIONS};
	const struct message_version *got = (const void *)client->message;

	if (versions->count)
		message.version = versions->sent[versions->count - 1].fixed.version;
	message_name_set(&message.name, name);
	int failure = mett_client_ask(client, &message, sizeof(message), SYS_NO_CAP,
	                              MESSAGE_VERSION, error);
	if (failure || !got->version)
		return failure;
	size_t size = client->message_size - sizeof(*got);
	const char *environment = (const char *)(got + 1);
	if (got->version <= message.version || !environment_valid(environment, size) ||
	    !memchr(got->digest, 0, 65))
		return mett_client_broke(client, error);
	struct sent *sent = add(versions, got->current);
	sent->fixed = *got;
	sent->environment_size = size;
	memcpy(sent->environment, environment, size);
	return versions->seen < SEEN_MAX;
}

static unsigned strings_in(const char *text, size_t size)
{
	unsigned count = 0;

	for (size_t i = 0; i < size; i++)
		count += !text[i];
	return count;
}

static void convert(struct mett_version *to, const struct sent *sent, const char ***strings,
                    char **text)
{
	const struct message_version *from = &sent->fixed;
	char *end = *text + sent->environment_size;

	*to = (struct mett_version){
		.version = from->version,
		.current = from->current != 0,
		.size = from->size,
		.deployed_us = from->deployed_us,
		.options = {from->language, from->policy, from->defaults, from->grants,
	                    from->concurrency, NULL},
	};
	strcpy(to->digest, from->digest);
	if (!sent->environment_size)
		return;
	to->options.environment = *strings;
	memcpy(*text, sent->environment, sent->environment_size);
	for (; *text < end; *text += strlen(*text) + 1)
		*(*strings)++ = *text;
	*(*strings)++ = NULL;
}

/* Rows, then pointers to strings, then these. NULL: no memory. */
static struct mett_version *pack(const struct versions *versions)
{
	size_t strings = 0, bytes = 0;

	for (unsigned i = 0; i < versions->count; i++) {
		const struct sent *sent = &versions->sent[i];

		strings += strings_in(sent->environment, sent->environment_size) + 1;
		bytes += sent->environment_size;
	}
	struct mett_version *rows =
		malloc(versions->count * sizeof(*rows) + strings * sizeof(char *) + bytes + 1);
	if (!rows)
		return NULL;
	const char **string = (const char **)(rows + versions->count);
	char *text = (char *)(string + strings);
	for (unsigned i = 0; i < versions->count; i++)
		convert(&rows[i], &versions->sent[i], &string, &text);
	return rows;
}

int mett_action_versions(struct mett_client *client, const char *name, struct mett_version **ret,
                         size_t *count, struct mett_error *error)
{
	int more = mett_client_check(client, name, error);

	if (more)
		return more;
	if (!ret || !count)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0, "%s is NULL",
		                      ret ? "count" : "ret");
	struct versions *versions = calloc(1, sizeof(*versions));
	if (!versions)
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for versions");
	do
		more = take_version(client, name, versions, error);
	while (more > 0);
	mett_client_settle(client);
	struct mett_version *rows = more ? NULL : pack(versions);
	if (!more && !rows)
		more = mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for versions");
	if (!more) {
		*ret = rows;
		*count = versions->count;
	}
	free(versions);
	return more;
}

int mett_action_rollback(struct mett_client *client, const char *name, uint32_t version,
                         uint32_t *ret_version, struct mett_error *error)
{
	struct message_version_of message = {.header.type = MESSAGE_ROLLBACK, .version = version};
	int failure = mett_client_check(client, name, error);

	if (failure)
		return failure;
	message_name_set(&message.name, name);
	failure = mett_client_ask(client, &message, sizeof(message), SYS_NO_CAP, MESSAGE_STATUS,
	                          error);
	if (!failure && ret_version)
		*ret_version = mett_client_detail(client);
	mett_client_settle(client);
	return failure;
}
