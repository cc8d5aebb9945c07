#pragma once

/*
 * Client interface: a client's actions and their invocation.
 *
 *	struct mett_client *client;
 *	struct mett_result result = {0};
 *
 *	mett_register_client(NULL, &client, NULL);
 *	mett_action_create_path(client, "echo", "echo.elf", NULL, NULL);
 *	mett_action_invoke(client, "echo", "hi", 2, NULL, &result);
 *	printf("%s\n", (const char *)result.answer);
 *	mett_result_deinit(&result);
 *	mett_client_free(client);
 *
 * A client is used by one thread at a time. Each call that fails says why in a
 * struct mett_error and returns the negative errno of its reason. Besides what
 * a call lists, each that asks the server may return -EPIPE (METT_GONE) and
 * -ENOMEM (METT_NO_MEMORY).
 */
#include "base.h"
#include "registry.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mett_action_options - what an action is created with
 * @language: see enum mett_language
 * @policy:   see enum mett_policy
 * @defaults: limits of its activations where an invocation gives none
 * @grants:   enum mett_grant, or-ed; 0: nothing
 * @concurrency: activations of it at the same time, more get METT_QUOTA; 0: no limit of its own
 * @environment: what its functions find in their environment, as "KEY=V", NULL-terminated;
 *            METT_ENVIRONMENT_MAX bytes in all; NULL: nothing. Rows of a list have NULL here.
 */
struct mett_action_options {
	enum mett_language language;
	enum mett_policy policy;
	struct mett_config defaults;
	uint32_t grants;
	uint32_t concurrency;
	const char *const *environment;
};

/** struct mett_action_info - one row of mett_action_list() */
struct mett_action_info {
	char name[METT_NAME_MAX + 1];
	struct mett_action_options options;
	uint64_t size;        /* of its program, in bytes */
	uint64_t activations; /* begun so far */
	uint32_t version;     /* 1, and one more with each update */
};

/** struct mett_reaped - when a worker was really destroyed, after its answer had left */
struct mett_reaped {
	uint64_t activation;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
};

/** mett_client_free() - leave: the server ends all that is this client's; NULL is fine */
METT_EXPORT void mett_client_free(struct mett_client *client);

/** mett_client_core() - number of the core this client's functions run on */
METT_EXPORT unsigned mett_client_core(const struct mett_client *client);

/**
 * mett_client_fd() - descriptor that polls readable when mett_client_complete() has work
 *
 * Owned by the client; only for poll and its like.
 */
METT_EXPORT int mett_client_fd(const struct mett_client *client);

/**
 * mett_action_create_fd() - make an action of a program
 * @client:  client
 * @name:    [A-Za-z0-9._-]{1,64}
 * @fd:      regular file with the program, readable; copied, not kept
 * @options: NULL: a compiled program, policy fork, no limits
 * @error:   why it failed; may be NULL
 *
 * Blocks while the file is copied and the server looks at it; what a runtime runs, or
 * what links libraries of the machine, is also started, which can take METT_START_TIMEOUT_MS.
 *
 * Return: 0, or
 *   -EINVAL   METT_BAD_ARGUMENT, METT_BAD_DATASPACE (fd is bad, no regular file,
 *             empty), METT_BAD_PROGRAM (not a program that can be started; of a
 *             script the error says which line)
 *   -EEXIST   METT_EXISTS
 *   -EMSGSIZE METT_TOO_LARGE: more than METT_PROGRAM_MAX
 *   -EAGAIN   METT_BUSY: METT_ACTIONS_MAX reached, or METT_IN_FLIGHT_MAX are being created
 */
METT_EXPORT int mett_action_create_fd(struct mett_client *client, const char *name, int fd,
                                      const struct mett_action_options *options,
                                      struct mett_error *error);

/**
 * mett_compile_c() - make a program of a function in C
 * @path:   its one source file, for libfaas
 * @ret_fd: the program, for mett_action_create_fd() with METT_LANGUAGE_BINARY; the caller's
 *          to close
 * @error:  why it failed; may be NULL
 *
 * By $CC, or else cc, with what pkg-config says of libfaas, as a static program. What the
 * compiler has to say goes to stderr as it is. Blocks until it is done.
 *
 * Return: 0, or
 *   -EINVAL   METT_BAD_ARGUMENT, METT_BAD_PROGRAM (the source is wrong or no file; no
 *             compiler, no pkg-config, no libfaas)
 *   -ENOMEM   METT_NO_MEMORY, also when there is no folder to write to ($TMPDIR, or /tmp)
 */
METT_EXPORT int mett_compile_c(const char *path, int *ret_fd, struct mett_error *error);

/** mett_compile_cxx() - the same for a function in C++, by $CXX, or else c++ */
METT_EXPORT int mett_compile_cxx(const char *path, int *ret_fd, struct mett_error *error);

/** mett_action_create_path() - the same; @path is opened here, with the caller's rights */
METT_EXPORT int mett_action_create_path(struct mett_client *client, const char *name,
                                        const char *path, const struct mett_action_options *options,
                                        struct mett_error *error);

/**
 * mett_action_update_fd() - give an action a new program and options
 *
 * Activations that run end on the old program; later ones get the new. Returns
 * as mett_action_create_fd(), with METT_NO_ACTION in place of METT_EXISTS.
 */
METT_EXPORT int mett_action_update_fd(struct mett_client *client, const char *name, int fd,
                                      const struct mett_action_options *options,
                                      struct mett_error *error);

/** mett_action_update_path() - the same; @path is opened here, with the caller's rights */
METT_EXPORT int mett_action_update_path(struct mett_client *client, const char *name,
                                        const char *path, const struct mett_action_options *options,
                                        struct mett_error *error);

/**
 * mett_action_deploy_fd() - make an action, or its next version if it is there
 * @ret_version: number of the version; may be NULL
 *
 * In a named namespace an action has up to METT_VERSIONS_MAX versions, counted from 1;
 * the oldest makes room. When this returns 0, the version is kept for good (unless the
 * server runs without state), and no call that begins now, of whichever client, gets an
 * older one; activations that run end on theirs. In a private namespace only the present
 * version is there.
 *
 * Blocks as mett_action_create_fd(), and until the server's disk has it.
 *
 * Return: as mett_action_create_fd() without METT_EXISTS, and
 *   -EDQUOT  METT_QUOTA: actions or bytes of code; or of a namespace with a quota of memory,
 *            and an action without a memory limit
 *   -EIO     METT_NO_STATE: the server could not keep it; nothing has changed
 *   -ENOENT  METT_NO_NAMESPACE: the namespace was deleted meanwhile
 *
 * In a named namespace these also come from create, update, and (but for METT_QUOTA) delete.
 */
METT_EXPORT int mett_action_deploy_fd(struct mett_client *client, const char *name, int fd,
                                      const struct mett_action_options *options,
                                      uint32_t *ret_version, struct mett_error *error);

/** mett_action_deploy_path() - the same; @path is opened here, with the caller's rights */
METT_EXPORT int mett_action_deploy_path(struct mett_client *client, const char *name,
                                        const char *path, const struct mett_action_options *options,
                                        uint32_t *ret_version, struct mett_error *error);

/**
 * struct mett_version - one row of mett_action_versions()
 * @current:     1: it is the one that calls get; else 0
 * @size:        of its program, in bytes
 * @deployed_us: when it came to be, in microseconds on CLOCK_REALTIME
 * @digest:      SHA-256 of its program in hexadecimal; "" where the server keeps no state
 * @options:     with the environment
 */
struct mett_version {
	uint32_t version;
	int current;
	uint64_t size;
	uint64_t deployed_us;
	char digest[65];
	struct mett_action_options options;
};

/**
 * mett_action_versions() - versions of an action that are kept, oldest first
 * @ret:   array of @count rows; one piece of memory from malloc, the environments are in it
 *         too; the caller frees it
 * @count: number of rows, at least 1 on success
 *
 * Return: 0, or -EINVAL (METT_BAD_ARGUMENT, METT_NO_ACTION).
 */
METT_EXPORT int mett_action_versions(struct mett_client *client, const char *name,
                                     struct mett_version **ret, size_t *count,
                                     struct mett_error *error);

/**
 * mett_action_rollback() - have calls get another version that is kept
 * @version:     0: the one before the present one
 * @ret_version: the one that is current now; may be NULL
 *
 * Blocks and lasts as mett_action_deploy_fd(). The next version that is deployed is
 * counted on from the highest there ever was.
 *
 * Return: 0, or
 *   -EINVAL METT_BAD_ARGUMENT, METT_NO_ACTION, METT_NO_VERSION (not kept; or 0, and there
 *           is none before)
 *   -EIO    METT_NO_STATE: its program is damaged, or the change could not be kept; the
 *           present version stays
 */
METT_EXPORT int mett_action_rollback(struct mett_client *client, const char *name, uint32_t version,
                                     uint32_t *ret_version, struct mett_error *error);

/**
 * mett_action_delete() - take an action away, with all its versions
 *
 * Activations under way come to their end; the name is free at once.
 *
 * Return: 0, or -EINVAL (METT_BAD_ARGUMENT, METT_NO_ACTION).
 */
METT_EXPORT int mett_action_delete(struct mett_client *client, const char *name,
                                   struct mett_error *error);

/**
 * mett_action_list() - all actions of the client, by name
 * @client: client
 * @ret:    array of @count rows, from malloc; the caller frees it
 * @count:  number of rows
 * @error:  why it failed; may be NULL
 *
 * Return: 0, or -EINVAL (an argument is NULL).
 */
METT_EXPORT int mett_action_list(struct mett_client *client, struct mett_action_info **ret,
                                 size_t *count, struct mett_error *error);

/**
 * struct mett_action_stats - what an action's workers do, in all sessions of the namespace
 * @calls:   that have ended since the server's start
 * @errors:  of them, those without an answer
 * @running: activations under way, those that wait for a worker included
 * @parked:  workers that wait
 * @memory:  most that one of its workers that have ended had resident, in bytes, what it
 *           shares with its zygote included; 0: not known
 * @latency: calls by duration, from their arrival at the server to the answer; of calls past
 *           the server not all are in here
 *
 * In a private namespace the session's own; there errors, memory and latency are not kept.
 */
struct mett_action_stats {
	char name[METT_NAME_MAX + 1];
	uint64_t calls;
	uint64_t errors;
	uint32_t running;
	uint32_t parked;
	uint64_t memory;
	uint64_t latency[METT_LATENCY_BUCKETS];
};

/**
 * mett_action_stats() - statistics of all actions of the namespace, by name
 * @ret:   array of @count rows, from malloc; the caller frees it
 *
 * Return: 0, or -EINVAL (an argument is NULL).
 */
METT_EXPORT int mett_action_stats(struct mett_client *client, struct mett_action_stats **ret,
                                  size_t *count, struct mett_error *error);

/**
 * mett_latency_ns() - longest duration that is counted in a bucket, in nanoseconds
 * @bucket: less than METT_LATENCY_BUCKETS; four to each power of two; the last has no end,
 *          which is UINT64_MAX
 */
METT_EXPORT uint64_t mett_latency_ns(unsigned bucket);

/**
 * mett_action_invoke() - run a function and wait for its answer
 * @client:   client
 * @name:     action
 * @argument: bytes for the function; may be NULL when @size is 0
 * @size:     in bytes, up to METT_PAYLOAD_MAX or what the server allows
 * @config:   limits of this activation; NULL: the action's defaults
 * @result:   filled in always, unless NULL is given for it: outcome, times, log;
 *            give back with mett_result_deinit()
 *
 * Past the server, where that can be: at about the cost of two context switches in place
 * of four. A memory limit in @config, or an action that is limited otherwise (concurrency,
 * quotas), takes a call by the server.
 *
 * Return: 0, or
 *   -EINVAL   METT_BAD_ARGUMENT, METT_NO_ACTION
 *   -EMSGSIZE METT_TOO_LARGE
 *   -EFAULT   METT_CRASHED, METT_EXITED, METT_FAILED, METT_TIMED_OUT,
 *             METT_OUT_OF_MEMORY, METT_FORBIDDEN, METT_PROTOCOL, METT_NO_START,
 *             METT_DEPTH: told apart by @result->error
 *   -EAGAIN   METT_BUSY: METT_IN_FLIGHT_MAX or METT_ACTIVATIONS_MAX reached
 */
METT_EXPORT int mett_action_invoke(struct mett_client *client, const char *name,
                                   const void *argument, size_t size,
                                   const struct mett_config *config, struct mett_result *result);

/**
 * mett_action_submit() - begin an invocation and do not wait
 * @client:   client
 * @name:     as mett_action_invoke()
 * @argument: as mett_action_invoke(); copied
 * @size:     as mett_action_invoke()
 * @config:   as mett_action_invoke()
 * @token:    the caller's, comes back with the outcome
 * @error:    why it failed; may be NULL
 *
 * Up to METT_IN_FLIGHT_MAX can be under way. Blocks only while the server does
 * not take messages.
 *
 * Return: 0, or -EINVAL (METT_BAD_ARGUMENT), -EMSGSIZE, -EAGAIN (METT_BUSY);
 * everything else comes with the outcome.
 */
METT_EXPORT int mett_action_submit(struct mett_client *client, const char *name,
                                   const void *argument, size_t size,
                                   const struct mett_config *config, uint64_t token,
                                   struct mett_error *error);

/**
 * mett_client_complete() - take the outcome of a submitted invocation
 * @client:     client
 * @timeout_us: how long to wait for one, in microseconds; negative: for ever
 * @token:      of mett_action_submit()
 * @result:     as mett_action_invoke(); its error tells how the invocation ended
 *
 * Outcomes come in the order in which the functions end. A client for whose next one there is no
 * room, and that takes none for METT_UNREAD_MS, is dismissed.
 *
 * Return: 1 for one outcome, 0 when none came in time or none is under way, or
 *   -EINVAL   an argument is NULL
 *   -EPIPE    the server is gone; each invocation under way first comes out as
 *             an outcome with METT_GONE
 */
METT_EXPORT int mett_client_complete(struct mett_client *client, int64_t timeout_us,
                                     uint64_t *token, struct mett_result *result);

/** mett_client_in_flight() - number of invocations submitted and not yet completed */
METT_EXPORT unsigned mett_client_in_flight(const struct mett_client *client);

/**
 * mett_client_reaped() - which workers were destroyed since the last time asked
 * @client: client
 * @rows:   memory for @count rows
 * @count:  rows that fit
 *
 * The server notes the last 256 and writes over the oldest, which may be lost: ask
 * often. Never blocks.
 *
 * Return: number of rows filled in.
 */
METT_EXPORT size_t mett_client_reaped(struct mett_client *client, struct mett_reaped *rows,
                                      size_t count);

/*
 * Namespaces. Any client may ask, in whichever namespace it is itself; the server
 * decides by the user that runs it.
 */

/**
 * struct mett_namespace_info - one row of mett_namespace_list()
 * @owner:   user id
 * @members: user ids of those who may use it too
 * @quota:   in force
 * @used:    now; of `rate`: what may not begin at once, as a share of the limit
 */
struct mett_namespace_info {
	char name[METT_NAME_MAX + 1];
	uint32_t owner;
	uint32_t member_count;
	uint32_t members[METT_MEMBERS_MAX];
	struct mett_quota quota;
	struct mett_quota used;
};

/**
 * mett_namespace_create() - make a namespace; this user owns it
 * @name: as of an action; "u" and a number is a user's home, and no other's to make
 *
 * Blocks until the server's disk has it, as all below but list.
 *
 * Return: 0, or
 *   -EINVAL METT_BAD_ARGUMENT
 *   -EEXIST METT_EXISTS
 *   -EACCES METT_DENIED: another user's home
 *   -EDQUOT METT_QUOTA: METT_SPACES_OWNED_MAX of this user, or METT_SPACES_MAX of the server
 *   -EIO    METT_NO_STATE
 */
METT_EXPORT int mett_namespace_create(struct mett_client *client, const char *name,
                                      struct mett_error *error);

/**
 * mett_namespace_delete() - give a namespace up that has no action
 *
 * For its owner and root. Who is in it finds nothing there any more.
 *
 * Return: 0, or
 *   -EINVAL METT_BAD_ARGUMENT
 *   -ENOENT METT_NO_NAMESPACE
 *   -EACCES METT_DENIED
 *   -EEXIST METT_EXISTS: it has actions
 *   -EIO    METT_NO_STATE
 */
METT_EXPORT int mett_namespace_delete(struct mett_client *client, const char *name,
                                      struct mett_error *error);

/**
 * mett_namespace_list() - namespaces this user may use, by name
 * @ret:   array of @count rows, from malloc; the caller frees it
 *
 * Return: 0, or -EINVAL (an argument is NULL).
 */
METT_EXPORT int mett_namespace_list(struct mett_client *client, struct mett_namespace_info **ret,
                                    size_t *count, struct mett_error *error);

/**
 * mett_namespace_allow() - let another user use a namespace, or no longer
 * @uid:     user
 * @allowed: 1 or 0; who is in the namespace then and may not any more is shown out
 *
 * For its owner and root. What is so already is no error. A home comes to be by it.
 *
 * Return: 0, or as mett_namespace_delete() without METT_EXISTS, and
 *   -EDQUOT METT_QUOTA: METT_MEMBERS_MAX
 */
METT_EXPORT int mett_namespace_allow(struct mett_client *client, const char *name, uint32_t uid,
                                     int allowed, struct mett_error *error);

/**
 * mett_namespace_limit() - give a namespace a quota of its own, in place of the server's default
 *
 * For root and the user the server runs as. What is over it now may stay. A home comes to be by it.
 *
 * Return: 0, or as mett_namespace_delete() without METT_EXISTS.
 */
METT_EXPORT int mett_namespace_limit(struct mett_client *client, const char *name,
                                     const struct mett_quota *quota, struct mett_error *error);

#ifdef __cplusplus
}
#endif
