#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a call on one action is about; `source` names the program's file for people. */
struct request {
	struct mett_client *client;
	const char *name;
	const struct mett_action_options *options;
	enum message_type type;
	char source[128];
	struct mett_error *error;
};

int mett_client_check(const struct mett_client *client, const char *name, struct mett_error *error)
{
	if (!client)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "client is NULL; make one with mett_register_client()");
	if (!mett_name_valid(name))
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "action '%.*s': not a lawful name; use [A-Za-z0-9._-]{1,%d}",
		                      METT_NAME_MAX + 1, name ? name : "(null)", METT_NAME_MAX);
	return 0;
}

static int check_request(struct request *request)
{
	static const struct mett_action_options none;
	int failure = mett_client_check(request->client, request->name, request->error);

	if (failure)
		return failure;
	if (!request->options)
		request->options = &none;
	unsigned language = request->options->language, policy = request->options->policy;
	unsigned grants = request->options->grants;
	if (language >= METT_LANGUAGE_COUNT)
		return mett_error_set(request->error, METT_BAD_ARGUMENT, 0,
		                      "action '%s': no language has number %u; see enum "
		                      "mett_language",
		                      request->name, language);
	if (policy > METT_POLICY_REUSE)
		return mett_error_set(request->error, METT_BAD_ARGUMENT, 0,
		                      "action '%s': no policy has number %u; see enum mett_policy",
		                      request->name, policy);
	if (grants & ~(unsigned)METT_GRANT_ALL)
		return mett_error_set(request->error, METT_BAD_ARGUMENT, 0,
		                      "action '%s': no grant has number %#x; see enum mett_grant",
		                      request->name, grants & ~(unsigned)METT_GRANT_ALL);
	return 0;
}

static int bad_source(const struct request *request, const char *why, const char *advice)
{
	return mett_error_set(request->error, METT_BAD_DATASPACE, 0, "action '%s': %s %s; %s",
	                      request->name, request->source, why, advice);
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "is a directory";
	case S_IFIFO:
		return "is a FIFO";
	case S_IFSOCK:
		return "is a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "is a device";
	default:
		return "is not a regular file";
	}
}

/* Never blocks and reads nothing: what is refused here can be anything. */
static int check_source(const struct request *request, int fd, size_t *ret_size)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat status;

	if (flags < 0 || fstat(fd, &status) < 0)
		return bad_source(request, "is not open", "give an open file");
	if (!S_ISREG(status.st_mode))
		return bad_source(request, kind_of(status.st_mode),
		                  "give a regular file with the program");
	if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return bad_source(request, "is not open for reading", "open it with O_RDONLY");
	if (status.st_size == 0)
		return bad_source(request, "is empty", "give a file with the program");
	if (status.st_size > METT_PROGRAM_MAX)
		return mett_error_set(request->error, METT_TOO_LARGE, METT_PROGRAM_MAX,
		                      "action '%s': %s has %lld bytes, but a program at most %d; "
		                      "make it smaller",
		                      request->name, request->source, (long long)status.st_size,
		                      METT_PROGRAM_MAX);
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* Returns 0, a negative errno, or 1 when the file ended early. */
static int read_whole(int fd, char *memory, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = pread(fd, memory + done, size - done, (off_t)done);

		if (got == 0)
			return 1;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			done += (size_t)got;
	}
	return 0;
}

static int copy_source(const struct request *request, int fd, size_t size, sys_cap *ret)
{
	void *memory = NULL;
	sys_cap dataspace = SYS_NO_CAP;
	int failure = sys_dataspace_new(request->name, size, 1, &dataspace);

	if (!failure)
		failure = sys_map(dataspace, size, 1, &memory);
	if (failure) {
		sys_cap_close(dataspace);
		return mett_error_set(request->error, METT_NO_MEMORY, 0,
		                      "action '%s': no memory for a copy of %s: %s", request->name,
		                      request->source, strerror(-failure));
	}
	failure = read_whole(fd, memory, size);
	sys_unmap(memory, size);
	if (failure > 0) {
		failure = bad_source(request, "became shorter while it was read",
		                     "try again when nobody writes to it");
	} else {
		failure = failure ? failure : sys_dataspace_seal(dataspace);
		if (failure)
			failure = bad_source(request, "cannot be read", strerror(-failure));
	}
	if (failure)
		sys_cap_close(dataspace);
	else
		*ret = dataspace;
	return failure;
}

static int send_source(const struct request *request, int fd)
{
	sys_cap dataspace = SYS_NO_CAP;
	size_t size = 0;
	struct message_create message = {
		.header.type = request->type,
		.defaults = request->options->defaults,
		.language = request->options->language,
		.policy = request->options->policy,
		.grants = request->options->grants,
	};
	int failure = check_source(request, fd, &size);

	if (!failure)
		failure = copy_source(request, fd, size, &dataspace);
	if (failure)
		return failure;
	message_name_set(&message.name, request->name);
	failure = mett_client_ask(request->client, &message, sizeof(message), dataspace,
	                          MESSAGE_STATUS, request->error);
	sys_cap_close(dataspace);
	mett_client_settle(request->client);
	return failure;
}

static int put_fd(struct request *request, int fd)
{
	int failure = check_request(request);

	if (failure)
		return failure;
	snprintf(request->source, sizeof(request->source), "file descriptor %d", fd);
	return send_source(request, fd);
}

static int put_path(struct request *request, const char *path)
{
	int failure = check_request(request), fd;

	if (failure)
		return failure;
	if (!path)
		return mett_error_set(request->error, METT_BAD_ARGUMENT, 0,
		                      "action '%s': path is NULL; give the program's file",
		                      request->name);
	snprintf(request->source, sizeof(request->source), "'%.120s'", path);
	/* O_NONBLOCK: who opens a FIFO otherwise waits for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENXIO)
		return bad_source(request, "is a socket or a device without a driver",
		                  "give a regular file with the program");
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return mett_error_set(request->error, METT_NO_MEMORY, 0,
		                      "action '%s': cannot open %s: %s", request->name,
		                      request->source, strerror(errno));
	if (fd < 0)
		return mett_error_set(request->error, METT_BAD_DATASPACE, 0,
		                      "action '%s': cannot open %s: %s; check path and permissions",
		                      request->name, request->source, strerror(errno));
	failure = send_source(request, fd);
	close(fd);
	return failure;
}

int mett_action_create_fd(struct mett_client *client, const char *name, int fd,
                          const struct mett_action_options *options, struct mett_error *error)
{
	struct request request = {client, name, options, MESSAGE_CREATE, .error = error};

	return put_fd(&request, fd);
}

int mett_action_create_path(struct mett_client *client, const char *name, const char *path,
                            const struct mett_action_options *options, struct mett_error *error)
{
	struct request request = {client, name, options, MESSAGE_CREATE, .error = error};

	return put_path(&request, path);
}

int mett_action_update_fd(struct mett_client *client, const char *name, int fd,
                          const struct mett_action_options *options, struct mett_error *error)
{
	struct request request = {client, name, options, MESSAGE_UPDATE, .error = error};

	return put_fd(&request, fd);
}

int mett_action_update_path(struct mett_client *client, const char *name, const char *path,
                            const struct mett_action_options *options, struct mett_error *error)
{
	struct request request = {client, name, options, MESSAGE_UPDATE, .error = error};

	return put_path(&request, path);
}

int mett_action_delete(struct mett_client *client, const char *name, struct mett_error *error)
{
	struct message_delete message = {.header.type = MESSAGE_DELETE};
	int failure = mett_client_check(client, name, error);

	if (failure)
		return failure;
	message_name_set(&message.name, name);
	failure = mett_client_ask(client, &message, sizeof(message), SYS_NO_CAP, MESSAGE_STATUS,
	                          error);
	mett_client_settle(client);
	return failure;
}

/* An array that grows by one page of rows after the other. */
struct rows {
	struct mett_action_info *row;
	size_t count;
};

static bool rows_are_lawful(const struct message_actions *page, size_t size, const char *after)
{
	const struct message_action *row = (const void *)(page + 1);

	if (size != sizeof(*page) + (uint64_t)page->count * sizeof(*row))
		return false;
	/* In order, and so without end only if names are. */
	for (uint32_t i = 0; i < page->count; i++) {
		if (!message_name_valid(&row[i].name) || strcmp(row[i].name.text, after) <= 0)
			return false;
		after = row[i].name.text;
	}
	return page->count || !page->more;
}

static bool rows_add(struct rows *rows, const struct message_actions *page)
{
	const struct message_action *from = (const void *)(page + 1);
	struct mett_action_info *grown =
		realloc(rows->row, (rows->count + page->count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	rows->row = grown;
	for (uint32_t i = 0; i < page->count; i++) {
		struct mett_action_info *to = &grown[rows->count++];

		*to = (struct mett_action_info){
			.options = {from[i].language, from[i].policy, from[i].defaults,
		                    from[i].grants},
			.size = from[i].size,
			.activations = from[i].activations,
			.version = from[i].version,
		};
		memcpy(to->name, from[i].name.text, sizeof(to->name));
	}
	return true;
}

/* Returns 1 when there is more to ask for, 0 when not, or a negative errno. */
static int list_page(struct mett_client *client, struct rows *rows, struct mett_error *error)
{
	struct message_list message = {.header.type = MESSAGE_LIST};
	const struct message_actions *page = (const void *)client->message;
	int failure;

	if (rows->count)
		message_name_set(&message.after, rows->row[rows->count - 1].name);
	failure = mett_client_ask(client, &message, sizeof(message), SYS_NO_CAP, MESSAGE_ACTIONS,
	                          error);
	if (failure)
		return failure;
	if (!rows_are_lawful(page, client->message_size, message.after.text) ||
	    rows->count + page->count > METT_ACTIONS_MAX)
		return mett_client_broke(client, error);
	if (!rows_add(rows, page))
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for %zu actions",
		                      rows->count + page->count);
	return page->more ? 1 : 0;
}

int mett_action_list(struct mett_client *client, struct mett_action_info **ret, size_t *count,
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
		more = list_page(client, &rows, error);
	while (more > 0);
	mett_client_settle(client);
	if (more < 0) {
		free(rows.row);
		return more;
	}
	*ret = rows.row;
	*count = rows.count;
	return mett_error_clear(error);
}
