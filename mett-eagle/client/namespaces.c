/* Namespaces: whose they are, and what they may use. */
#include "os.h"

#include <errno.h>
#include <stdio.h>

int mett_home_namespace(char *buffer, size_t size)
{
	int length = snprintf(buffer, size, "u%u", mett_os_user());

	return length > 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

int mett_space_check(const char *name, struct mett_error *error)
{
	if (!mett_name_valid(name))
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "namespace '%.*s': not a lawful name; use "
		                      "[A-Za-z0-9._-]{1,%d}",
		                      METT_NAME_MAX + 1, name ? name : "(null)", METT_NAME_MAX);
	return 0;
}

static int ask(struct mett_client *client, struct message_space *message, const char *name,
               struct mett_error *error)
{
	int failure =
		client ? mett_space_check(name, error) : mett_client_check(client, name, error);

	if (failure)
		return failure;
	message_name_set(&message->name, name);
	failure = mett_client_ask(client, message, sizeof(*message), SYS_NO_CAP, MESSAGE_STATUS,
	                          error);
	mett_client_settle(client);
	return failure;
}

int mett_namespace_create(struct mett_client *client, const char *name, struct mett_error *error)
{
	struct message_space message = {.header.type = MESSAGE_SPACE_CREATE};

	return ask(client, &message, name, error);
}

int mett_namespace_delete(struct mett_client *client, const char *name, struct mett_error *error)
{
	struct message_space message = {.header.type = MESSAGE_SPACE_DELETE};

	return ask(client, &message, name, error);
}

int mett_namespace_allow(struct mett_client *client, const char *name, uint32_t uid, int allowed,
                         struct mett_error *error)
{
	struct message_space message = {
		.header.type = allowed ? MESSAGE_SPACE_ALLOW : MESSAGE_SPACE_FORBID,
		.uid = uid,
	};

	return ask(client, &message, name, error);
}

int mett_namespace_limit(struct mett_client *client, const char *name,
                         const struct mett_quota *quota, struct mett_error *error)
{
	struct message_space message = {.header.type = MESSAGE_SPACE_LIMIT};

	if (!quota)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0, "quota is NULL");
	message.quota = *quota;
	return ask(client, &message, name, error);
}
