#include "connection.h"

#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <unistd.h>

/* Without any of these the usual place is one where only root may listen. */
static bool is_place_known(const char *socket)
{
	const char *given = getenv("METT_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");

	return socket || (given && *given) || (runtime && *runtime) || geteuid() == 0;
}

static int unreachable(const char *socket, const char *space, const struct mett_error *error)
{
	int status = say_error(error);

	if (error->reason == METT_GONE)
		fprintf(stderr,
		        "Start a server with 'mett-eagle &'%s, or try a function without one: "
		        "'mett run FILE'.\n",
		        is_place_known(socket)
		                ? ""
		                : " after setting METT_SOCKET to a path in a folder of yours, or "
		                  "XDG_RUNTIME_DIR to one");
	else if (error->reason == METT_NO_NAMESPACE)
		fprintf(stderr,
		        "'mett ns' shows those you may use, 'mett ns create %s' makes it.\n",
		        space);
	return status;
}

const char *connection_space(const struct options *options, char buffer[static METT_NAME_MAX + 1])
{
	const char *space = options->space ? options->space : getenv("METT_NAMESPACE");

	if (space && *space)
		return space;
	mett_home_namespace(buffer, METT_NAME_MAX + 1);
	return buffer;
}

static int join(const struct options *options, const char *space, struct mett_client **ret)
{
	struct mett_error error;

	if (mett_register_namespace(options->socket, space, ret, &error) < 0)
		return unreachable(options->socket, space, &error);
	return STATUS_GOOD;
}

int connection_open(const struct options *options, struct mett_client **ret)
{
	char home[METT_NAME_MAX + 1];

	return join(options, connection_space(options, home), ret);
}

int connection_open_private(const struct options *options, struct mett_client **ret)
{
	return join(options, NULL, ret);
}

/* The action's name as it may have been meant, or NULL; the caller frees it. */
static char *similar_action(struct mett_client *client, const char *name)
{
	struct mett_action_info *rows;
	char *found = NULL;
	size_t count;

	if (mett_action_list(client, &rows, &count, NULL) < 0)
		return NULL;
	const char **names = text_need(calloc(count + 1, sizeof(*names)));
	for (size_t i = 0; i < count; i++)
		names[i] = rows[i].name;
	const char *nearest = text_nearest(name, names);
	if (nearest)
		found = text_format("%s", nearest);
	free(names);
	free(rows);
	return found;
}

int connection_refused(struct mett_client *client, const char *name, const struct mett_error *error)
{
	int status = say_error(error);

	if (error->reason != METT_NO_ACTION)
		return status;
	char *similar = similar_action(client, name);
	if (similar)
		fprintf(stderr, "Did you mean '%s'?\n", similar);
	else
		fputs("'mett list' shows what there is, 'mett deploy FILE' makes one.\n", stderr);
	free(similar);
	return status;
}
