#include "fake-server.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_NS = 1000000000 };

static void make_ends(struct fake_process *process, sys_cap ends[FORK_CALLEE])
{
	sys_cap gates[2];
	int pipes[2];
	void *memory;

	CHECK_EQ(sys_gate_pair(gates), 0);
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	CHECK_EQ(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(sys_dataspace_new("window", sizeof(*process->window), 0, &ends[FORK_WINDOW]), 0);
	CHECK_EQ(sys_map(ends[FORK_WINDOW], sizeof(*process->window), 1, &memory), 0);
	process->gate = gates[0];
	process->log = pipes[0];
	process->window = memory;
	process->window->payload_max = METT_PAYLOAD_MAX;
	ends[FORK_GATE] = gates[1];
	ends[FORK_LOG] = pipes[1];
}

static void close_ends(const sys_cap ends[FORK_CALLEE])
{
	for (int i = 0; i < FORK_CALLEE; i++)
		sys_cap_close(ends[i]);
}

static void __attribute__((noreturn))
exec(const char *path, const char *role, const sys_cap ends[FORK_CALLEE], sys_cap function)
{
	int high[FORK_CALLEE], high_function = fcntl(function, F_DUPFD, 10);

	for (int i = 0; i < FORK_CALLEE; i++)
		high[i] = fcntl(ends[i], F_DUPFD, 10);
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(high[FORK_LOG], 1);
	dup2(high[FORK_LOG], 2);
	dup2(high[FORK_GATE], 3);
	dup2(high[FORK_WINDOW], 4);
	if (!strcmp(role, "zygote"))
		close(4);
	dup2(high_function, 5);
	close_range(function == SYS_NO_CAP ? 5 : 6, ~0U, 0);
	execl(path, "action", role, (char *)NULL);
	_exit(127);
}

void fake_start(struct fake_process *ret, const char *path, const char *role)
{
	fake_start_runtime(ret, path, role, SYS_NO_CAP);
}

void fake_start_runtime(struct fake_process *ret, const char *path, const char *role,
                        sys_cap function)
{
	sys_cap ends[FORK_CALLEE];

	make_ends(ret, ends);
	ret->pid = fork();
	CHECK(ret->pid >= 0);
	if (ret->pid == 0)
		exec(path, role, ends, function);
	close_ends(ends);
}

void fake_receive(const struct fake_process *process, enum message_type type,
                  struct fake_message *ret)
{
	uint64_t deadline = sys_clock_ns() + 10ULL * PATIENCE_NS;
	int result;

	while ((result = sys_gate_recv(process->gate, ret->bytes, sizeof(ret->bytes),
	                               &ret->received)) == SYS_AGAIN) {
		if (sys_gate_wait(process->gate, 0, deadline) == SYS_AGAIN)
			test_fail(__FILE__, __LINE__, "%s did not come", message_type_name(type));
	}
	if (result)
		test_fail(__FILE__, __LINE__, "no %s but %d; log: %s", message_type_name(type),
		          result, fake_log(process));
	CHECK_STR(message_type_name(message_check(ret->bytes, ret->received.size,
	                                          ret->received.cap_count,
	                                          FROM_WORKER | FROM_ZYGOTE)),
	          message_type_name(type));
}

void fake_hang_up(const struct fake_process *process)
{
	shutdown(process->gate, SHUT_WR);
}

void fake_expect_closed(const struct fake_process *process)
{
	struct sys_received received;
	char byte;

	fake_hang_up(process);
	CHECK_EQ(sys_gate_wait(process->gate, 0, sys_clock_ns() + 10ULL * PATIENCE_NS), 0);
	CHECK_EQ(sys_gate_recv(process->gate, &byte, 1, &received), SYS_CLOSED);
}

/* Of a process only its handle is known. */
static pid_t pid_of(sys_cap handle)
{
	char path[64], line[64] = "";
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", handle);
	FILE *info = fopen(path, "re");
	CHECK(info);
	while (fgets(line, sizeof(line), info) && sscanf(line, "Pid: %d", &pid) != 1)
		;
	fclose(info);
	CHECK(pid > 0);
	return pid;
}

static void send_fork(const struct fake_process *zygote, const uint32_t *seats, unsigned count,
                      const sys_cap *ends)
{
	struct {
		struct message_fork fixed;
		uint32_t seats[FORK_MAX];
	} ask = {.fixed = {{MESSAGE_FORK, 4711}, .count = count}};

	memcpy(ask.seats, seats, count * sizeof(*seats));
	CHECK_EQ(sys_gate_send(zygote->gate, &ask, sizeof(ask.fixed) + count * sizeof(*seats), ends,
	                       ends ? FORK_CALLEE : 0),
	         0);
}

static void take_forked(const struct fake_process *zygote, struct fake_process *ret, unsigned count)
{
	struct fake_message reply;

	fake_receive(zygote, MESSAGE_FORKED, &reply);
	CHECK_EQ(reply.forked.header.tag, 4711);
	CHECK_EQ(reply.forked.error, 0);
	CHECK_EQ(reply.received.cap_count, count);
	for (unsigned i = 0; i < count; i++)
		ret[i].pid = pid_of(reply.received.caps[i]);
	sys_received_close(&reply.received);
}

void fake_furnish(const struct fake_process *zygote, uint32_t seat, struct fake_process *ret)
{
	sys_cap ends[FORK_CALLEE];

	make_ends(ret, ends);
	send_fork(zygote, &seat, 1, ends);
	close_ends(ends);
	take_forked(zygote, ret, 1);
}

void fake_fork(const struct fake_process *zygote, struct fake_process *ret)
{
	fake_furnish(zygote, SEAT_NONE, ret);
}

void fake_fork_again(const struct fake_process *zygote, const uint32_t *seats, unsigned count,
                     struct fake_process *ret)
{
	for (unsigned i = 0; i < count; i++)
		memset(ret[i].window, 0, sizeof(*ret[i].window));
	for (unsigned i = 0; i < count; i++)
		ret[i].window->payload_max = METT_PAYLOAD_MAX;
	send_fork(zygote, seats, count, NULL);
	take_forked(zygote, ret, count);
}

void fake_wake(const struct fake_process *worker, const void *argument, size_t size, int keep)
{
	struct worker_window *window = worker->window;

	window->keep = (uint32_t)keep;
	window->size = size;
	window->activation = (struct mett_activation){.id = window->turn + 100, .name = "action"};
	if (size > METT_INLINE_MAX) {
		struct message_argument message = {{.type = MESSAGE_ARGUMENT}, size};
		sys_cap dataspace;

		CHECK_EQ(sys_dataspace_new("argument", size, 0, &dataspace), 0);
		CHECK_EQ(pwrite(dataspace, argument, size, 0), size);
		CHECK_EQ(sys_dataspace_seal(dataspace), 0);
		CHECK_EQ(sys_gate_send(worker->gate, &message, sizeof(message), &dataspace, 1), 0);
		sys_cap_close(dataspace);
	} else if (size) {
		memcpy(window->serve.argument, argument, size);
	}
	atomic_fetch_add(&window->turn, 1);
	sys_word_wake(&window->turn);
}

void fake_lend(const struct fake_process *process, size_t size, sys_cap *ret)
{
	struct message_status status = {{.type = MESSAGE_STATUS}, METT_OK, 0};
	struct fake_message ask;
	sys_cap dataspace;

	fake_receive(process, MESSAGE_DATASPACE, &ask);
	CHECK_EQ(ask.dataspace.size, size);
	status.header.tag = ask.header.tag;
	CHECK_EQ(sys_dataspace_new("lent", size, 0, &dataspace), 0);
	CHECK_EQ(sys_gate_send(process->gate, &status, sizeof(status), &dataspace, 1), 0);
	if (ret)
		*ret = dataspace;
	else
		sys_cap_close(dataspace);
}

void fake_done(const struct fake_process *process, const struct fake_message *invoke,
               enum mett_reason reason, const char *text, const void *answer, size_t size)
{
	struct {
		struct message_done done;
		char behind[METT_MESSAGE_MAX + METT_LOG_TAIL_MAX];
	} message = {.done = {{MESSAGE_DONE, invoke->header.tag}, .reason = reason}};
	static const char log[] = "its log";
	sys_cap dataspace = SYS_NO_CAP;

	message.done.size = size;
	message.done.activation = 77;
	message.done.text_size = (uint16_t)strlen(text);
	message.done.log_size = sizeof(log) - 1;
	memcpy(message.behind, text, message.done.text_size);
	memcpy(message.behind + message.done.text_size, log, message.done.log_size);
	if (size > METT_INLINE_MAX) {
		CHECK_EQ(sys_dataspace_new("answer", size, 0, &dataspace), 0);
		CHECK_EQ(pwrite(dataspace, answer, size, 0), size);
		CHECK_EQ(sys_dataspace_seal(dataspace), 0);
	} else if (size) {
		memcpy(process->window->nested.answer, answer, size);
	}
	CHECK_EQ(
		sys_gate_send(process->gate, &message,
	                      sizeof(message.done) + message.done.text_size + message.done.log_size,
	                      &dataspace, dataspace != SYS_NO_CAP),
		0);
	sys_cap_close(dataspace);
}

void fake_expect_exit(const struct fake_process *process, int error, const void *answer,
                      size_t size)
{
	const struct mett_metadata *times;
	struct fake_message message;
	void *memory = process->window->serve.answer;

	fake_receive(process, MESSAGE_EXIT, &message);
	CHECK_EQ(message.exit.error, error);
	CHECK_EQ(message.exit.size, size);
	CHECK_EQ(message.received.cap_count, size > METT_INLINE_MAX);
	if (message.received.cap_count) {
		/* Sealing is refused while the worker can still write to it. */
		CHECK_EQ(sys_dataspace_seal(message.received.caps[0]), 0);
		CHECK_EQ(sys_map(message.received.caps[0], size, 0, &memory), 0);
	}
	CHECK(!memcmp(memory, answer, size));
	if (message.received.cap_count)
		sys_unmap(memory, size);
	sys_received_close(&message.received);
	times = &message.exit.times;
	CHECK(times->start_runtime && times->start_runtime <= times->start_function);
	CHECK(times->start_function <= times->end_function);
	CHECK(times->end_function <= times->end_runtime && times->end_runtime <= sys_clock_ns());
}

void fake_expect_signal(const struct fake_process *process, int signal, int value)
{
	struct fake_message message;

	fake_receive(process, MESSAGE_SIGNAL, &message);
	CHECK_EQ(message.signal.signal, signal);
	CHECK_EQ(message.signal.value, value);
}

void fake_kill(const struct fake_process *process)
{
	int status;

	CHECK_EQ(kill(process->pid, SIGKILL), 0);
	CHECK_EQ(waitpid(process->pid, &status, 0), process->pid);
}

static int end(struct fake_process *process)
{
	int status;

	fake_hang_up(process);
	CHECK_EQ(waitpid(process->pid, &status, 0), process->pid);
	sys_cap_close(process->gate);
	sys_cap_close(process->log);
	sys_unmap(process->window, sizeof(*process->window));
	return status;
}

void fake_end(struct fake_process *process, int code)
{
	int status = end(process);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), code);
}

void fake_end_by_signal(struct fake_process *process, int signal)
{
	int status = end(process);

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), signal);
}

const char *fake_log(const struct fake_process *process)
{
	static char text[64 << 10];
	ssize_t size = read(process->log, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = 0;
	return text;
}
