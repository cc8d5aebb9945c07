#pragma once

/*
 * What the integration tests share: a server in a folder of its own, and short
 * ways to say what a client expects of it. Whatever is not as expected ends the
 * test; the server then dies with it.
 */
#include <mett-eagle/client.h>

#include "test.h"

#include <stdio.h>
#include <sys/types.h>

enum {
	/* What happens "at once" may take this long on a busy machine. */
	SOON_MS = 10000,
	MS_US = 1000,
	MIB = 1 << 20,
};

struct server {
	pid_t pid;
	char folder[48];
	char socket[108];
};

/** struct usage - what a server holds at a moment: its descriptors, and the processes below it */
struct usage {
	unsigned fds;
	unsigned processes;
};

/** struct failure - how an invocation is to fail; texts are parts of the whole, NULL: any */
struct failure {
	enum mett_reason reason;
	int detail;
	const char *message;
	const char *log;
};

/** server_program() - path of the server to be tested */
const char *server_program(void);

/** function_path() - path of the function of that name; ends the test when there is none */
const char *function_path(const char *name);

/** server_needs() - end the test as skipped where the machine allows no sandboxes */
void server_needs(void);

/**
 * server_start() - start a server and wait until clients can connect
 * @options: separated by blanks, besides --socket and --ready-fd
 *
 * The test's process becomes the parent of all that the server leaves behind.
 */
void server_start(struct server *ret, const char *options);

/** server_start_at() - the same in a folder that is there already, as after server_kill() */
void server_start_at(struct server *server, const char *options);

/** server_wait() - wait for its end; returns its wait status. Nothing may be left of it. */
int server_wait(struct server *server);

/** server_stop() - SIGTERM; it must end well, and leave neither processes nor files */
void server_stop(struct server *server);

/** server_kill() - SIGKILL; it must leave no process */
void server_kill(struct server *server);

/** server_remove() - remove the folder of a server that was killed */
void server_remove(struct server *server);

/**
 * run_server() - run the server's program to its end, which must come soon
 * @ret: what it printed, to both streams; at most @size bytes with a terminating zero
 *
 * Return: its wait status.
 */
int run_server(char *const argv[], char *ret, size_t size);

/** server_usage() - what it holds now */
struct usage server_usage(const struct server *server);

/** server_steady() - the same when it has not changed for a while */
struct usage server_steady(const struct server *server);

/** server_expect_usage() - it must come to hold exactly this, soon */
void server_expect_usage(const struct server *server, struct usage want);

/** server_memory() - resident memory in KiB */
unsigned long server_memory(const struct server *server);

/** server_mounts() - number of mounts it sees */
unsigned server_mounts(const struct server *server);

/**
 * server_processes() - all processes below a server
 * @ret: memory for @room pids
 *
 * Return: their number, which may be more than @room.
 */
unsigned server_processes(const struct server *server, pid_t *ret, unsigned room);

/** join() - a new client; free with mett_client_free() */
struct mett_client *join(const struct server *server);

/** deploy() - create an action named as its function; @options may be NULL */
void deploy(struct mett_client *client, const char *function,
            const struct mett_action_options *options);

/** now_ms() - of CLOCK_MONOTONIC */
uint64_t now_ms(void);

/** pause_ms() - do nothing for so long */
void pause_ms(unsigned ms);

/** make_file() - a file in the server's folder; returns its path, valid until the next call */
const char *make_file(const struct server *server, const char *name, const void *data, size_t size);

/** expect_answer() - invoke; the answer must be this text. @file and @line: who says so */
void expect_answer(const char *file, int line, struct mett_client *client, const char *action,
                   const char *argument, const struct mett_config *config, const char *answer);

/** expect_failure() - invoke; it must fail like this. @file and @line: who says so */
void expect_failure(const char *file, int line, struct mett_client *client, const char *action,
                    const char *argument, const struct mett_config *config,
                    const struct failure *want);

/* EXPECT_ANSWER() - invoke; the answer must be this text */
#define EXPECT_ANSWER(client_, action_, argument_, answer_)                                        \
	expect_answer(__FILE__, __LINE__, client_, action_, argument_, NULL, answer_)

/* EXPECT_FAILURE() - invoke; it must fail as the fields of struct failure say */
#define EXPECT_FAILURE(client_, action_, argument_, config_, ...)                                  \
	expect_failure(__FILE__, __LINE__, client_, action_, argument_, config_,                   \
	               &(struct failure){__VA_ARGS__})

/* EXPECT_ERROR() - a call with a struct mett_error must fail for this reason */
#define EXPECT_ERROR(error_, reason_, text_, call_)                                                \
	do {                                                                                       \
		int returned_ = (call_);                                                           \
		if ((error_).reason != (reason_) || !strstr((error_).message, text_))              \
			test_fail(__FILE__, __LINE__, "%s: %s: %s", #call_,                        \
			          mett_reason_name((error_).reason), (error_).message);            \
		CHECK_EQ(returned_, -mett_reason_errno(reason_));                                  \
	} while (0)

/* SOON() - must become true before long */
#define SOON(condition_)                                                                           \
	do {                                                                                       \
		for (uint64_t until_ = now_ms() + SOON_MS; !(condition_); pause_ms(10))            \
			if (now_ms() > until_)                                                     \
				test_fail(__FILE__, __LINE__, "still not: %s", #condition_);       \
	} while (0)
