#pragma once

/* What the parts of exec-faas share. It is one process with one thread, alone in its sandbox. */
#include <mett-eagle/worker.h>

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct program - the function: an ELF file, or a script with an interpreter
 * @name:   of its action
 * @fd:     the file
 * @script: the same by a path, for its interpreter; "": it is no script
 */
struct program {
	const char *name;
	int fd;
	char script[METT_NAME_MAX + 32];
};

/** program_open() - look at what is to be run; if it cannot be, says why and ends the process */
void program_open(struct program *ret, const char *name);

/** enum stream - descriptors of a child; what it does not get from us is the log */
enum stream { STREAM_IN = 0, STREAM_OUT = 1, STREAM_REPLY = 3 };

/**
 * struct child - the program while it runs
 * @pid:    not yet waited for
 * @handle: readable when it has ended
 * @in:     what it reads; -1: closed
 * @out:    what it writes to its answering stream; does not block
 */
struct child {
	pid_t pid;
	int handle;
	int in;
	int out;
};

/**
 * program_start() - run it
 * @answers: STREAM_OUT or STREAM_REPLY; then its standard output is the log
 * @environment: NULL behind the last
 *
 * Return: 0 or a negative errno. What goes wrong in the child is in the log, and its code 127.
 */
int program_start(const struct program *program, enum stream answers, char *const environment[],
                  struct child *ret);

enum {
	VARIABLES = 8, /* that we tell */
	VARIABLE_MAX = 128,
	GRANTED_MAX = METT_ENVIRONMENT_MAX / 3, /* "K=" and its zero */
};

/** struct environment - a program's, made for one start; stays where it is */
struct environment {
	char text[VARIABLES][VARIABLE_MAX];
	unsigned told;
	unsigned count;
	char *list[GRANTED_MAX + VARIABLES + 1]; /* NULL behind the last */
};

/** environment_begin() - what was granted, and what every program is told */
void environment_begin(struct environment *ret);

/** environment_add() - tell one more, at most VARIABLES with those before; what was granted stays
 */
__attribute__((format(printf, 3, 4))) void
environment_add(struct environment *environment, const char *key, const char *format, ...);

/** child_wait() - wait for its end and close all there is of it; returns its wait status */
int child_wait(struct child *child);

/**
 * sweep() - end every process in the sandbox but this one, and wait for their ends
 *
 * What is left of struct child must be closed by the caller.
 */
void sweep(void);

/** struct buffer - what came from a child; grows to one byte above METT_PAYLOAD_MAX */
struct buffer {
	char *data;
	size_t size;
	size_t room;
};

enum pump_outcome {
	PUMP_DONE,      /* the program has ended, or read all and said its line */
	PUMP_ENDED,     /* it has ended, or closed its stream, before it said a line */
	PUMP_TOO_LARGE, /* it says more than anybody takes */
	PUMP_NO_MEMORY,
};

/**
 * pump() - give a child its input, and take what it says meanwhile
 * @data: @size bytes; what it does not want to read it need not
 * @line: until there is a line in @buffer; else: until it has ended, and its input ends with @data
 */
enum pump_outcome pump(struct child *child, const char *data, size_t size, bool line,
                       struct buffer *buffer);

/** once_serve() - serve one activation with a process of its own */
void once_serve(const struct program *program, struct mett_worker *worker);

/**
 * loop_idle() - have a program that speaks ActionLoop up, and wait
 *
 * Ends the process if it does not come up. Until loop_serve() the program's end is this
 * process's too.
 */
void loop_idle(const struct program *program);

/** loop_serve() - serve one activation with the program that was started */
void loop_serve(const struct program *program, struct mett_worker *worker);

/** now_ns() - of CLOCK_MONOTONIC */
uint64_t now_ns(void);

/** give_up() - the activation ends without an answer, and this process with it */
__attribute__((noreturn)) void give_up(struct mett_worker *worker, int status);

/** run_out_of_memory() - the same for want of memory */
__attribute__((noreturn)) void run_out_of_memory(struct mett_worker *worker);

/** fail() - the activation fails with a code and a text, up to METT_MESSAGE_MAX bytes of it */
void fail(struct mett_worker *worker, int code, const char *text, size_t size,
          const struct mett_metadata *times);
