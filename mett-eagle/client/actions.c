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
	uint32_t *ret_version; /* of a deploy; may be NULL */
	size_t environment_size;
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

/* Returns what the strings take, or more than METT_ENVIRONMENT_MAX. */
static size_t size_of_environment(const char *const *environment)
{
	size_t size = 0;

	for (; environment && *environment && size <= METT_ENVIRONMENT_MAX; environment++)
		size += strlen(*environment) + 1;
	return size;
}

static void pack_environment(const char *const *environment, char *ret)
{
	for (; environment && *environment; environment++)
		ret = stpcpy(ret, *environment) + 1;
}

/* For people: values may be secret. */
static int key_length(const char *variable)
{
	size_t length = strcspn(variable, "=");

	return length < 40 ? (int)length : 40;
}

/* Has one before @last the same key? */
static bool has_twin(const char *const *environment, const char *const *last)
{
	for (; environment < last; environment++)
		if (!strncmp(*environment, *last, strcspn(*last, "=") + 1))
			return true;
	return false;
}

static int check_environment(struct request *request)
{
	const char *const *all = request->options->environment, *const *environment = all;
	size_t size = size_of_environment(environment);

	if (size > METT_ENVIRONMENT_MAX)
		return mett_error_set(request->error, METT_TOO_LARGE, METT_ENVIRONMENT_MAX,
		                      "action '%s': its environment takes more than %d bytes; pass "
		                      "large values with the argument",
		                      request->name, METT_ENVIRONMENT_MAX);
	for (; environment && *environment; environment++) {
		if (!environment_valid(*environment, strlen(*environment) + 1))
			return mett_error_set(request->error, METT_BAD_ARGUMENT, 0,
			                      "action '%s': environment '%.*s' is not KEY=VALUE "
			                      "with a key of A-Z a-z 0-9 _",
			                      request->name, key_length(*environment),
			                      *environment);
		if (has_twin(all, environment))
			return mett_error_set(
				request->error, METT_BAD_ARGUMENT, 0,
				"action '%s': environment has '%.*s' twice; give each "
				"key once",
				request->name, key_length(*environment), *environment);
	}
	request->environment_size = size;
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
	return check_environment(request);
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
	struct {
		struct message_create fixed;
		char environment[METT_ENVIRONMENT_MAX];
	} message = {
		.fixed =
			{
				.header.type = request->type,
				.defaults = request->options->defaults,
				.language = request->options->language,
				.policy = request->options->policy,
				.grants = request->options->grants,
				.concurrency = request->options->concurrency,
			},
	};
	struct mett_client *client = request->client;
	int failure = check_source(request, fd, &size);

	if (!failure)
		failure = copy_source(request, fd, size, &dataspace);
	if (failure)
		return failure;
	message_name_set(&message.fixed.name, request->name);
	size = sizeof(message.fixed) + request->environment_size;
	pack_environment(request->options->environment, message.environment);
	failure =
		mett_client_ask(client, &message, size, dataspace, MESSAGE_STATUS, request->error);
	sys_cap_close(dataspace);
	if (!failure && request->ret_version)
		*request->ret_version = mett_client_detail(client);
	mett_client_settle(client);
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

int mett_action_deploy_fd(struct mett_client *client, const char *name, int fd,
                          const struct mett_action_options *options, uint32_t *ret_version,
                          struct mett_error *error)
{
	struct request request = {client,         name,        options,
	                          MESSAGE_DEPLOY, ret_version, .error = error};

	return put_fd(&request, fd);
}

int mett_action_deploy_path(struct mett_client *client, const char *name, const char *path,
                            const struct mett_action_options *options, uint32_t *ret_version,
                            struct mett_error *error)
{
	struct request request = {client,         name,        options,
	                          MESSAGE_DEPLOY, ret_version, .error = error};

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
