/*
 * From the program's start to its next activation. A zygote stays here and
 * forks; only its children come out of mett_worker_park().
 */
#include "internal.h"
#include "protocol/note.h"

#include <errno.h>
#include <signal.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the object of mett_worker_park(), so that no program for us is without it. */
__attribute__((section(NOTE_SECTION), used, retain,
               aligned(4))) static const struct note_program note = {
	.name_size = sizeof(NOTE_NAME),
	.desc_size = sizeof(note.version),
	.type = NOTE_TYPE,
	.name = NOTE_NAME,
	.version = PROTOCOL_VERSION,
};

static enum {
	ROLE_NONE, /* not started by the server */
	ROLE_ZYGOTE,
	ROLE_WORKER, /* its window is still a descriptor */
	ROLE_PARKED, /* a worker with all it needs */
} role;

static struct mett_worker worker = {.answer = {.cap = SYS_NO_CAP}};

__attribute__((constructor)) static void find_role(int argc, char **argv)
{
	if (argc < 2)
		return;
	if (!strcmp(argv[1], "zygote"))
		role = ROLE_ZYGOTE;
	else if (!strcmp(argv[1], "worker"))
		role = ROLE_WORKER;
}

void mett_worker_fail_start(const char *message)
{
	struct {
		struct message_unbuilt unbuilt;
		char text[METT_MESSAGE_MAX];
	} report = {.unbuilt = {.header = {.type = MESSAGE_UNBUILT}}};
	size_t length = strnlen(message, sizeof(report.text));

	if (role == ROLE_NONE)
		mett_worker_die(message);
	memcpy(report.text, message, length);
	mett_worker_send(&report, sizeof(report.unbuilt) + length, NULL, 0);
	mett_worker_leave(1);
}

static void say_ready(void)
{
	struct message_ready ready = {{.type = MESSAGE_READY}};

	mett_worker_send(&ready, sizeof(ready), NULL, 0);
}

/* Fault in what the next activation touches now, while nobody waits for it. */
static void warm_up(struct worker_window *window)
{
	/* Of a size the compiler cannot see, so that the function itself is called. */
	volatile size_t size = 1;

	/* An argument may be there already: the answer is made from what is none. */
	memmove(window->serve.answer, window->nested.argument, size);
	(void)*(volatile unsigned char *)window->serve.argument;
	sys_clock_ns();
}

static void open_window(sys_cap cap)
{
	void *memory;

	if (sys_map(cap, sizeof(struct worker_window), 1, &memory) < 0)
		mett_worker_die("cannot map the window");
	sys_cap_close(cap);
	worker.window = memory;
	role = ROLE_PARKED;
	warm_up(worker.window);
}

/*
 * A child of this process's own parent, the server, which so learns itself how
 * the child ends. The system call, since no function of the C library does
 * this. The library's idea of this thread's id stays the zygote's: it serves as
 * the owner's mark in locks, where it need only differ from other threads'; and
 * that it does, since the zygote, whose id it is, is in the same pid namespace.
 */
static pid_t fork_sibling(int *handle)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, 0, handle, 0, 0);
}

static void become_worker(const sys_cap caps[3])
{
	sys_cap gate = caps[0], window = caps[1], log = caps[2];

	if (dup2(gate, WORKER_GATE) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, WORKER_LOG) < 0)
		mett_worker_die("cannot arrange what was given");
	sys_cap_close(gate);
	sys_cap_close(log);
	open_window(window);
}

/* Returns in each child; the zygote itself ends here, with the server. */
static void serve_forks(void)
{
	for (;;) {
		struct message_fork ask;
		struct sys_received received;
		int handle;

		mett_worker_receive(MESSAGE_FORK, &ask, sizeof(ask), &received);
		pid_t pid = fork_sibling(&handle);
		if (pid == 0) {
			become_worker(received.caps);
			return;
		}
		struct message_forked reply = {
			.header = {MESSAGE_FORKED, ask.header.tag},
			.error = pid < 0 ? -errno : 0,
		};
		sys_received_close(&received);
		mett_worker_send(&reply, sizeof(reply), &handle, pid > 0);
		if (pid > 0)
			sys_cap_close(handle);
	}
}

static void take_argument(void)
{
	struct message_argument message;
	struct sys_received received;

	if (worker.argument_size <= METT_INLINE_MAX) {
		worker.argument = worker.window->serve.argument;
		return;
	}
	mett_worker_receive(MESSAGE_ARGUMENT, &message, sizeof(message), &received);
	if (sys_map(received.caps[0], worker.argument_size, 0, &worker.argument_map) < 0)
		mett_worker_die("cannot map the argument");
	sys_received_close(&received);
	worker.argument = worker.argument_map;
}

static void await_turn(void)
{
	struct worker_window *window = worker.window;
	uint32_t turn;

	while ((turn = atomic_load(&window->turn)) == worker.turn)
		sys_word_wait(&window->turn, turn, 0);
	worker.start_ns = sys_clock_ns();
	worker.turn = turn;
	worker.keep = window->keep;
	worker.payload_max = window->payload_max;
	worker.argument_size = window->size;
	worker.activation = window->activation;
	worker.call = atomic_load(&window->call);
	if (window_call_state(worker.call) == CALL_RUNNING && window->timeout_us)
		worker.activation.deadline_ns = window->start_ns + window->timeout_us * 1000;
	worker.serving = true;
	take_argument();
}

void mett_worker_park(struct mett_worker **ret)
{
	switch (role) {
	case ROLE_NONE:
		mett_worker_die("this program is a function: deploy it to a Mett-Eagle server, "
		                "which starts it");
	case ROLE_ZYGOTE:
		say_ready();
		serve_forks();
		break;
	case ROLE_WORKER:
		open_window(WORKER_WINDOW);
		say_ready();
		break;
	case ROLE_PARKED:
		break;
	}
	await_turn();
	*ret = &worker;
}
