#include "access.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <system/ipc.h>

/* Who was just allowed must not be refused; and who is refused must not keep the server busy. */
static const uint64_t believed_ns = 2000000000, absence_believed_ns = 100000000;

void access_init(struct access *access, const char *socket_path)
{
	*access = (struct access){.socket_path = socket_path};
}

void access_deinit(struct access *access)
{
	free(access->rows);
}

/* As any client: we are root or the server's own user, and so told of all. */
static int ask(struct access *access, struct mett_error *error)
{
	struct mett_namespace_info *rows;
	struct mett_client *client;
	size_t count;
	int failure = mett_register_client(access->socket_path, &client, error);

	if (failure)
		return failure;
	failure = mett_namespace_list(client, &rows, &count, error);
	mett_client_free(client);
	if (failure)
		return failure;
	free(access->rows);
	access->rows = rows;
	access->count = count;
	access->until_ns = sys_clock_ns() + believed_ns;
	access->absent_until_ns = sys_clock_ns() + absence_believed_ns;
	return 0;
}

static bool is_among(const struct mett_namespace_info *row, uid_t user)
{
	for (uint32_t i = 0; i < row->member_count; i++)
		if (row->members[i] == user)
			return true;
	return row->owner == user;
}

/* The namespace of this name, if @user may read it. */
static const struct mett_namespace_info *find(const struct access *access, const char *name,
                                              uid_t user)
{
	for (size_t i = 0; i < access->count; i++)
		if (!strcmp(access->rows[i].name, name) && is_among(&access->rows[i], user))
			return &access->rows[i];
	return NULL;
}

static bool is_home(uid_t user, const char *name)
{
	char home[METT_NAME_MAX + 1];

	fmt_format(home, sizeof(home), "u{}", user);
	return !strcmp(home, name);
}

enum mett_reason access_check(struct access *access, uid_t user, const char *name_space,
                              int64_t *ret_owner, char *why)
{
	struct mett_error error;
	const struct mett_namespace_info *row = NULL;
	uint64_t now = sys_clock_ns();

	*ret_owner = -1;
	if (user == 0 || user == geteuid() || is_home(user, name_space))
		return METT_OK;
	if (now < access->until_ns)
		row = find(access, name_space, user);
	if (!row && now >= access->absent_until_ns) {
		if (ask(access, &error)) {
			fmt_format(why, METT_MESSAGE_MAX,
			           "whose namespace '{}' is cannot be asked now: {}", name_space,
			           error.message);
			return METT_GONE;
		}
		row = find(access, name_space, user);
	}
	if (row) {
		*ret_owner = row->owner;
		return METT_OK;
	}
	fmt_format(why, METT_MESSAGE_MAX,
	           "namespace '{}' is not yours to read; ask its owner for 'mett ns allow'",
	           name_space);
	return METT_DENIED;
}
