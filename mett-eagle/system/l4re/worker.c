#include "../sandbox.h"

#include <errno.h>
#include <l4/re/protocols.h>
#include <l4/sys/err.h>
#include <l4/sys/ipc.h>
#include <l4/sys/utcb.h>
#include <libfmt/fmt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "line.h"
#include "process.h"
#include "sandbox.h"

enum { TRAP_DIVIDE = 0, TRAP_OPCODE = 6, TRAP_FAULT = 14, TRAP_FPU = 16, TRAP_SIMD = 19 };

struct sys_worker {
	struct sys_sandbox *sandbox;
	bool own; /* the sandbox is this worker's alone */
	const struct sys_worker_handler *handler;
	void *owner;
	struct sys_window *window;
	struct sys_watch gate;
	struct process process;
	struct later start, end;
	struct sys_exit how;
	uint64_t limit; /* of its process */
	bool coming;    /* its process has not said yet that it is up */
	bool begun, parked, ended, ignored;
	char *log; /* room for twice what is kept of it; NULL until it writes */
	size_t logged;
};

static struct sys_worker *from(void *part, size_t offset)
{
	return (struct sys_worker *)((char *)part - offset);
}

static void end(struct sys_worker *worker, int signal, int code)
{
	if (worker->ended)
		return;
	worker->ended = true;
	worker->how = (struct sys_exit){signal, code};
	later_queue(worker->sandbox->loop, &worker->end);
}

static void fail(struct sys_worker *worker, const char *why)
{
	if (worker->parked) {
		end(worker, SYS_SIGNAL_KILLED, 0);
		return;
	}
	worker->ended = true;
	worker->handler->failed(worker->owner, why);
}

static void tell_end(struct later *later)
{
	struct sys_worker *worker = from(later, offsetof(struct sys_worker, end));

	process_free(&worker->process);
	if (worker->parked)
		worker->handler->ended(worker->owner, &worker->how);
	else
		worker->handler->failed(worker->owner, "its process ended before it was ready");
}

/* At most a message of the kernel at a time. */
static void log_bytes(struct sys_worker *worker, const char *bytes, size_t size)
{
	struct gate_memory *memory = objects[worker->gate.cap].memory;

	if (!worker->log)
		worker->log = malloc(2 * SYS_LOG_MAX);
	if (!worker->log)
		return;
	if (worker->logged + size > 2 * SYS_LOG_MAX) {
		memmove(worker->log, worker->log + worker->logged - SYS_LOG_MAX, SYS_LOG_MAX);
		worker->logged = SYS_LOG_MAX;
	}
	memcpy(worker->log + worker->logged, bytes, size);
	worker->logged += size;
	atomic_fetch_add(&memory->logged, 1);
}

static void take_log(struct sys_worker *worker, l4_msgtag_t tag)
{
	const l4_msg_regs_t *mr = l4_utcb_mr();
	size_t there =
		l4_msgtag_words(tag) > 2 ? (l4_msgtag_words(tag) - 2) * sizeof(l4_umword_t) : 0;
	size_t size = mr->mr[1] < there ? mr->mr[1] : there;
	char bytes[sizeof(*mr)];

	/* A copy: to have memory for it is a message to moe, in these registers. */
	if (mr->mr[0] == 0)
		log_bytes(worker, memcpy(bytes, &mr->mr[2], size), size);
}

static int signal_of(l4_umword_t trap)
{
	switch (trap) {
	case TRAP_DIVIDE:
	case TRAP_FPU:
	case TRAP_SIMD:
		return SIGFPE;
	case TRAP_OPCODE:
		return SIGILL;
	default:
		return SIGSEGV;
	}
}

static void take_exception(struct sys_worker *worker)
{
	const l4_exc_regs_t *registers = l4_utcb_exc();
	l4_umword_t trap = registers->trapno, ip = registers->ip, at = registers->pfa;
	char text[96];

	if (worker->ended)
		return;
	fmt_format(text, sizeof(text), "fault {} at address {:#x}, instruction {:#x}\n",
	           (unsigned long)trap, (unsigned long)at, (unsigned long)ip);
	log_bytes(worker, text, strlen(text));
	if (trap == TRAP_FAULT && process_out_of_memory(&worker->process))
		atomic_fetch_or(&worker->window->memory->notes, WINDOW_NOTE_MEMORY);
	end(worker, signal_of(trap), 0);
}

/* What a worker's thread sends that is no call of ours. Where it ends it gets no answer. */
static void take_other(void *owner, l4_msgtag_t tag)
{
	const l4_msg_regs_t *mr = l4_utcb_mr();
	struct sys_worker *worker = owner;

	switch (l4_msgtag_label(tag)) {
	case L4_PROTO_LOG:
		take_log(worker, tag);
		break;
	case L4_PROTO_EXCEPTION:
		take_exception(worker);
		break;
	case L4RE_PROTO_PARENT:
		end(worker, 0, (int)mr->mr[2]);
		break;
	default:
		/* Its thread waits, and cannot do harm. */
		break;
	}
}

/* Where it can @wait it is made later, when processes have come back from those before it. */
static void start(struct sys_worker *worker, bool wait)
{
	struct sys_sandbox *sandbox = worker->sandbox;
	uint64_t limit = sandbox->limit ? sandbox->limit : sandbox->host->memory_max;

	if (sandbox->why) {
		fail(worker, sandbox->why);
		return;
	}
	worker->limit = sandbox->limit;
	worker->coming = true;
	int error = process_start(&worker->process, sandbox->stock, wait, &sandbox->image,
	                          worker->window, worker->gate.cap, sandbox->environment,
	                          sandbox->environment_size, limit, sandbox->core);
	if (error == -EAGAIN) {
		later_queue_idle(sandbox->loop, &worker->start);
		return;
	}
	if (error) {
		fail(worker, "no memory for its process");
		return;
	}
	if (!worker->own || worker->begun)
		return;
	worker->begun = true;
	worker->handler->begun(worker->owner);
}

static void start_idle(struct later *later)
{
	start(from(later, offsetof(struct sys_worker, start)), true);
}

/* The first word of a program: it is up, or why not. */
static void take_first(struct sys_worker *worker)
{
	union {
		struct message_header header;
		struct message_unbuilt unbuilt;
		char bytes[MESSAGE_MAX];
	} message;
	char text[METT_MESSAGE_MAX] = "it broke the protocol when it started";
	struct sys_received got;
	int result = sys_gate_recv(worker->gate.cap, &message, sizeof(message), &got);

	if (result == SYS_AGAIN)
		return;
	enum message_type type =
		result ? MESSAGE_NONE
		       : message_check(&message, got.size, got.cap_count, FROM_ZYGOTE);
	if (type == MESSAGE_READY) {
		bool first = !worker->parked;

		worker->coming = false;
		worker->parked = true;
		if (first)
			worker->handler->parked(worker->owner);
		return;
	}
	if (type == MESSAGE_UNBUILT) {
		size_t size = got.size - sizeof(message.unbuilt);

		size = size < sizeof(text) ? size : sizeof(text) - 1;
		memcpy(text, message.bytes + sizeof(message.unbuilt), size);
		text[size] = 0;
	}
	fail(worker, text);
}

static void readable(struct sys_watch *watch)
{
	struct sys_worker *worker = from(watch, offsetof(struct sys_worker, gate));

	struct sys_loop *loop = worker->sandbox->loop;

	if (worker->coming) {
		take_first(worker);
	} else if (!worker->ignored) {
		/* One that serves on has its lane again when its client runs, and asks for it. */
		if (worker->window->memory->keep)
			loop_hold_rings(loop);
		worker->handler->readable(worker->owner);
		loop_ring(loop);
	}
}

static int make(struct sys_sandbox *sandbox, struct sys_window *window,
                const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	struct sys_worker *worker = calloc(1, sizeof(*worker));
	sys_cap gate;

	if (!worker)
		return -ENOMEM;
	worker->sandbox = sandbox;
	worker->handler = handler;
	worker->owner = owner;
	worker->window = window;
	worker->gate.ready = readable;
	worker->start.run = start_idle;
	worker->end.run = tell_end;
	int error = line_new_gate(sandbox->loop, &gate);
	if (!error) {
		objects[gate].line->other = take_other;
		objects[gate].line->owner = worker;
		error = sys_loop_watch(sandbox->loop, &worker->gate, gate);
		if (error)
			sys_cap_close(gate);
	}
	if (error) {
		free(worker);
		return error;
	}
	later_queue_idle(sandbox->loop, &worker->start);
	*ret = worker;
	return 0;
}

int sys_worker_fork(struct sys_sandbox *sandbox, struct sys_window *window,
                    const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	return make(sandbox, window, handler, owner, ret);
}

int sys_worker_spawn(struct sys_host *host, struct sys_loop *loop,
                     const struct sys_program *program, struct sys_window *window,
                     const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	struct sys_sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (!sandbox)
		return -ENOMEM;
	int error = sandbox_init(sandbox, host, loop, program);
	if (!error)
		error = make(sandbox, window, handler, owner, ret);
	if (error)
		sys_sandbox_free(sandbox);
	else
		(*ret)->own = true;
	return error;
}

void sys_worker_free(struct sys_worker *worker)
{
	if (!worker)
		return;
	struct sys_loop *loop = worker->sandbox->loop;
	sys_cap gate = worker->gate.cap;

	later_cancel(loop, &worker->start);
	later_cancel(loop, &worker->end);
	process_free(&worker->process);
	sys_loop_unwatch(loop, &worker->gate);
	sys_cap_close(gate);
	if (worker->own)
		sys_sandbox_free(worker->sandbox);
	free(worker->log);
	free(worker);
}

void sys_worker_kill(struct sys_worker *worker)
{
	if (worker->ended)
		return;
	process_stop(&worker->process);
	end(worker, SYS_SIGNAL_KILLED, 0);
}

void sys_worker_ignore(struct sys_worker *worker)
{
	worker->ignored = true;
}

/*
 * What may be allocated is settled when a process is made: for another limit it is made
 * anew, and finds what it is to serve in its window when it is up. Those to come are made
 * with the limit that was asked for last.
 */
uint64_t sys_worker_limit(struct sys_worker *worker, uint64_t bytes)
{
	struct sys_sandbox *sandbox = worker->sandbox;

	if (!worker->ended && bytes != worker->limit) {
		process_free(&worker->process);
		sandbox->limit = bytes;
		atomic_store(&worker->window->memory->turn, 0);
		start(worker, false);
	}
	return bytes ? bytes : sandbox->host->memory_max;
}

/* Nobody counts here what a process has of its memory. */
uint64_t sys_worker_memory(const struct sys_worker *worker)
{
	(void)worker;
	return 0;
}

void sys_worker_attend(struct sys_worker *worker)
{
	(void)worker;
}

struct worker_window *sys_worker_window(struct sys_worker *worker)
{
	return worker->window->memory;
}

sys_cap sys_worker_gate(struct sys_worker *worker)
{
	return worker->gate.cap;
}

int sys_worker_send(struct sys_worker *worker, const void *data, size_t size, sys_cap cap)
{
	return sys_gate_send(worker->gate.cap, data, size, &cap, cap != SYS_NO_CAP);
}

size_t sys_worker_log(struct sys_worker *worker, const char **ret)
{
	size_t count = worker->logged < SYS_LOG_MAX ? worker->logged : SYS_LOG_MAX;

	*ret = worker->log + worker->logged - count;
	return count;
}

void sys_worker_log_reset(struct sys_worker *worker)
{
	struct gate_memory *memory = objects[worker->gate.cap].memory;

	worker->logged = 0;
	atomic_store(&memory->logged, 0);
}
