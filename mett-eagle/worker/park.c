/*
 * From the program's start to its next activation. A zygote stays here and
 * forks; only its children come out of mett_worker_park().
 */
#include "internal.h"
#include "protocol/note.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In the object of mett_worker_park(), so that no program for us is without it. */
__attribute__((section(NOTE_SECTION), used, retain,
               aligned(4))) static const struct note_program note = {
	.name_size = sizeof(NOTE_NAME),
	.desc_size = sizeof(note.version),
	.type = NOTE_TYPE,
	.name = NOTE_NAME,
	.version = PROTOCOL_VERSION,
};

/* All that a worker writes, in one place: each page more is one more to copy after a fork. */
static struct {
	enum {
		ROLE_NONE, /* not started by the server */
		ROLE_ZYGOTE,
		ROLE_WORKER, /* its window is still a descriptor */
		ROLE_PARKED, /* a worker with all it needs */
	} role;
	void (*prepare)(void);
	struct mett_worker worker;
} self;

__attribute__((constructor)) static void find_role(int argc, char **argv)
{
	const char *role = mett_program_role(argc, argv);

	if (!role)
		return;
	if (!strcmp(role, "zygote"))
		self.role = ROLE_ZYGOTE;
	else if (!strcmp(role, "worker"))
		self.role = ROLE_WORKER;
}

void mett_worker_fail_start(const char *message)
{
	struct {
		struct message_unbuilt unbuilt;
		char text[METT_MESSAGE_MAX];
	} report = {.unbuilt = {.header = {.type = MESSAGE_UNBUILT}}};
	size_t length = strnlen(message, sizeof(report.text));

	if (self.role == ROLE_NONE)
		mett_worker_die(message);
	memcpy(report.text, message, length);
	mett_worker_send(&report, sizeof(report.unbuilt) + length, NULL, 0);
	mett_program_leave(1);
}

void mett_worker_die_without_function(void)
{
	mett_worker_die("this program runs functions: deploy one to a Mett-Eagle server, "
	                "which starts it");
}

const void *mett_worker_function(size_t *size)
{
	void *memory;

	if (sys_dataspace_check(WORKER_FUNCTION, size) ||
	    sys_map(WORKER_FUNCTION, *size, 0, &memory) < 0)
		mett_worker_die_without_function();
	sys_cap_close(WORKER_FUNCTION);
	return memory;
}

static void say_ready(void)
{
	struct message_ready ready = {{.type = MESSAGE_READY}};

	mett_worker_send(&ready, sizeof(ready), NULL, 0);
}

static void populate(void *memory, uint32_t size)
{
	if (size)
		mett_program_populate(memory, size < WINDOW_ROOM ? size : WINDOW_ROOM);
}

/* Fault in what the next activation touches now, while nobody waits for it. */
static void warm_up(struct worker_window *window)
{
	/* Of a size the compiler cannot see, so that the function itself is called. */
	volatile size_t size = 1;

	/* An argument may be there already: it is read, and the answer is a zero of ours. */
	memmove(window->serve.answer, &self.worker.serving, size);
	(void)*(volatile unsigned char *)window->serve.argument;
	sys_clock_ns();
	/* What can be written, and is there, needs no further fault to be written. */
	populate(window->room.argument, window->warm.argument);
	populate(window->room.answer, window->warm.answer);
}

/* To call takes more of the stack, and memory for the answer. */
static __attribute__((noinline)) void warm_up_caller(void)
{
	volatile char deep[4096];
	void *volatile memory = malloc(1);

	deep[0] = 0;
	(void)deep[0];
	free(memory);
}

static struct worker_window *open_window(sys_cap cap)
{
	void *memory;

	if (sys_map(cap, sizeof(struct worker_window), 1, &memory) < 0)
		mett_worker_die("cannot map the window");
	sys_cap_close(cap);
	return memory;
}

void mett_worker_open_windows(sys_cap window, sys_cap callee)
{
	self.worker.window = open_window(window);
	self.role = ROLE_PARKED;
	warm_up(self.worker.window);
	if (callee != SYS_NO_CAP) {
		self.worker.callee = open_window(callee);
		(void)*(volatile unsigned char *)self.worker.callee->serve.argument;
		(void)*(volatile unsigned char *)self.worker.callee->serve.answer;
		warm_up_caller();
	}
	if (self.prepare)
		self.prepare();
}

void mett_worker_prepare(void (*prepare)(void))
{
	self.prepare = prepare;
}

static void take_argument(void)
{
	struct message_argument message;
	struct sys_received received;

	if (self.worker.argument_size <= METT_INLINE_MAX) {
		self.worker.argument = self.worker.window->serve.argument;
		return;
	}
	if (self.worker.by_lane && self.worker.argument_size <= WINDOW_ROOM) {
		self.worker.argument = self.worker.window->room.argument;
		return;
	}
	mett_worker_receive(MESSAGE_ARGUMENT, &message, sizeof(message), &received);
	if (sys_map(received.caps[0], self.worker.argument_size, 0, &self.worker.argument_map) < 0)
		mett_worker_die("cannot map the argument");
	sys_received_close(&received);
	self.worker.argument = self.worker.argument_map;
}

static void await_turn(void)
{
	struct worker_window *window = self.worker.window;
	uint64_t limit_us;
	uint32_t turn;

	while ((turn = atomic_load(&window->turn)) == self.worker.turn)
		sys_word_wait(&window->turn, turn, 0);
	self.worker.start_ns = sys_clock_ns();
	self.worker.turn = turn;
	self.worker.keep = window->keep;
	self.worker.stay = window->stay;
	self.worker.payload_max = window->payload_max;
	self.worker.argument_size = window->size;
	self.worker.activation = window->activation;
	self.worker.by_lane = window->by_lane;
	self.worker.call = atomic_load(&window->call);
	limit_us = window->limit_us;
	/* One that never ends is none. */
	if (window_call_state(self.worker.call) == CALL_RUNNING && limit_us &&
	    limit_us < UINT64_MAX / 2000)
		self.worker.activation.deadline_ns = window->start_ns + limit_us * 1000;
	self.worker.serving = true;
	take_argument();
}

void mett_worker_park(struct mett_worker **ret)
{
	switch (self.role) {
	case ROLE_NONE:
		mett_worker_die("this program is a function: deploy it to a Mett-Eagle server, "
		                "which starts it");
	case ROLE_ZYGOTE:
		say_ready();
		mett_worker_serve_forks();
		break;
	case ROLE_WORKER:
		mett_worker_open_windows(WORKER_WINDOW, mett_program_callee());
		say_ready();
		break;
	case ROLE_PARKED:
		break;
	}
	*ret = &self.worker; /* and the caller's frame is ours now, not the zygote's */
	await_turn();
}
