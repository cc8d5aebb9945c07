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
 */
struct mett_action_options {
	enum mett_language language;
	enum mett_policy policy;
	struct mett_config defaults;
	uint32_t grants;
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
 * mett_action_delete() - take an action away
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
 * mett_action_invoke() - run a function and wait for its answer
 * @client:   client
 * @name:     action
 * @argument: bytes for the function; may be NULL when @size is 0
 * @size:     in bytes, up to METT_PAYLOAD_MAX or what the server allows
 * @config:   limits of this activation; NULL: the action's defaults
 * @result:   filled in always, unless NULL is given for it: outcome, times, log;
 *            give back with mett_result_deinit()
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
 * Outcomes come in the order in which the functions end.
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

#ifdef __cplusplus
}
#endif
