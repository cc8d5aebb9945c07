/*
 * ActionLoop: a program that stays up, and gets a line of JSON for each call.
 */
#include "private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

static struct child child; /* no pid: it is to be started */
static bool up;

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Cuts off the line's end; false: there is more behind it, or no line. */
static bool cut_line(struct buffer *buffer)
{
	if (!buffer->size || buffer->data[buffer->size - 1] != '\n')
		return false;
	buffer->size--;
	return !memchr(buffer->data, '\n', buffer->size);
}

/* Until it has been up the server is told, and with it the client that creates the action. */
__attribute__((noreturn)) static void fail_start(const char *why)
{
	if (!up)
		mett_worker_fail_start(why);
	dprintf(STDERR_FILENO, "exec-faas: %s\n", why);
	_exit(1);
}

static void loop_start(const struct program *program)
{
	static struct environment environment;
	static const char acknowledged[] = "{\"ok\":true}";
	struct buffer line = {0};
	char compact[sizeof(acknowledged)] = "";

	environment_begin(&environment);
	environment_add(&environment, "__OW_WAIT_FOR_ACK", "1");
	int error = program_start(program, STREAM_REPLY, environment.list, &child);
	if (error)
		fail_start(strerror(-error));
	enum pump_outcome outcome = pump(&child, "", 0, true, &line);
	if (outcome == PUMP_ENDED)
		fail_start("its program ended, or closed descriptor 3, before it was ready; see "
		           "whether it speaks ActionLoop");
	if (outcome == PUMP_DONE && cut_line(&line))
		for (size_t i = 0, used = 0; i < line.size && used < sizeof(compact) - 1; i++)
			if (!memchr(" \t\r", line.data[i], 3))
				compact[used++] = line.data[i];
	if (strcmp(compact, acknowledged))
		fail_start("its program's first line on descriptor 3 is not {\"ok\":true}, as "
		           "__OW_WAIT_FOR_ACK asks for");
	free(line.data);
	up = true;
}

static void leave(int number)
{
	int status;
	pid_t pid;

	/* Others are orphans that the program did not wait for. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == child.pid)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void loop_idle(const struct program *program)
{
	if (!child.pid)
		loop_start(program);
	signal(SIGCHLD, leave);
	leave(SIGCHLD); /* if it was sooner */
}

/* The call's limit, as far as it is not above that of an earlier one. */
static void limit_memory(void)
{
	static const int resources[] = {RLIMIT_DATA, RLIMIT_AS};

	for (int i = 0; i < 2; i++) {
		struct rlimit limit;

		getrlimit(resources[i], &limit);
		limit.rlim_max = limit.rlim_cur;
		prlimit(child.pid, resources[i], &limit, NULL);
	}
}

static uint64_t epoch_ms(uint64_t deadline_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return (since + (deadline_ns - now_ns())) / 1000000;
}

/* One line; blanks in place of what would end it. Returns NULL for want of memory. */
static char *make_line(const struct mett_activation *activation, const char *argument, size_t size,
                       size_t *ret_size)
{
	char *line = malloc(size + 512);

	if (!line)
		return NULL;
	int length = sprintf(line, "{\"value\":");
	if (size)
		memcpy(line + length, argument, size);
	for (size_t i = 0; i < size; i++)
		if (line[length + (int)i] == '\n' || line[length + (int)i] == '\r')
			line[length + (int)i] = ' ';
	char *end = line + length + size;
	end += sprintf(end, ",\"action_name\":\"%s\",\"activation_id\":\"%llu\"", activation->name,
	               (unsigned long long)activation->id);
	if (activation->deadline_ns)
		end += sprintf(end, ",\"deadline\":\"%llu\"",
		               (unsigned long long)epoch_ms(activation->deadline_ns));
	end += sprintf(end, "}\n");
	*ret_size = (size_t)(end - line);
	return line;
}

static void drop(void)
{
	sweep();
	child_wait(&child);
	child.pid = 0;
}

/* It cannot be trusted to answer the next call and not this one: the next gets a new one. */
static void fail_and_drop(struct mett_worker *worker, const char *why,
                          const struct mett_metadata *times)
{
	fail(worker, 1, why, strlen(why), times);
	drop();
}

/* What it said unasked would be taken for this call's answer. */
static void renew_if_it_spoke(const struct program *program)
{
	int size = 0;

	if (ioctl(child.out, FIONREAD, &size) == 0 && size == 0)
		return;
	drop();
	loop_start(program);
}

static void tell_answer(struct mett_worker *worker, struct buffer *line,
                        const struct mett_metadata *times)
{
	struct json_part error;

	if (!cut_line(line) || json_look(line->data, line->size, &error) != JSON_OBJECT)
		fail_and_drop(worker,
		              "its program answered what is not one line with a JSON object",
		              times);
	else if (error.size)
		fail(worker, 1, error.data, error.size, times);
	else if (mett_worker_exit(worker, 0, line->data, line->size, times))
		fail_and_drop(worker, "it answers more than the server takes", times);
}

void loop_serve(const struct program *program, struct mett_worker *worker)
{
	static const char no_json[] = "its argument is not JSON, which ActionLoop needs";
	struct mett_metadata times = {0};
	struct buffer answer = {0};
	size_t size, line_size;

	signal(SIGCHLD, SIG_DFL);
	const char *argument = mett_worker_argument(worker, &size);
	if (!size) {
		argument = "{}";
		size = 2;
	}
	char *line = make_line(mett_worker_activation(worker), argument, size, &line_size);
	if (!line)
		run_out_of_memory(worker);
	times.start_function = times.end_function = now_ns();
	if (json_look(line, line_size, NULL) != JSON_OBJECT ||
	    json_look(argument, size, NULL) == JSON_NONE) {
		fail(worker, 1, no_json, sizeof(no_json) - 1, &times);
		free(line);
		return;
	}
	renew_if_it_spoke(program);
	limit_memory();
	enum pump_outcome outcome = pump(&child, line, line_size, true, &answer);
	times.end_function = now_ns();
	free(line);
	if (outcome == PUMP_NO_MEMORY)
		run_out_of_memory(worker);
	if (outcome == PUMP_ENDED) {
		/* Who only closed its stream has ended for us. */
		kill(child.pid, SIGKILL);
		give_up(worker, child_wait(&child));
	}
	if (outcome == PUMP_TOO_LARGE)
		fail_and_drop(worker, "it answers more than the server takes", &times);
	else
		tell_answer(worker, &answer, &times);
	free(answer.data);
}
