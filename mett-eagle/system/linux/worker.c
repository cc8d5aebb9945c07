#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <protocol/protocol.h>

#include "later.h"
#include "memory.h"

enum { GIVEN_GATE, GIVEN_LOG, GIVEN };

struct sys_worker {
	struct sys_watch gate;
	struct sys_watch process;
	struct later death; /* its killing, which need not be at once */
	struct sys_loop *loop;
	struct sys_host *host;
	const struct sys_worker_handler *handler;
	void *owner;
	struct sys_worker *next_forking;
	struct sys_sandbox *home; /* it is to be forked here and is not yet answered for */
	sys_cap given[GIVEN];     /* what goes along with the request, until that is sent */
	sys_cap window_cap;       /* this too; not ours */
	struct sys_sandbox *own;  /* it was spawned into this sandbox, alone */
	struct worker_window *window;
	uint64_t limit;
	sys_cap end; /* our end of the gate */
	int pidfd;
	pid_t pid; /* cannot be another's before we have waited for it */
	bool killed;
	struct tail log;
};

static void gate_ready(struct sys_watch *watch)
{
	struct sys_worker *worker = OWNER_OF(watch, struct sys_worker, gate);

	worker->handler->readable(worker->owner);
}

static void kill_now(struct later *later)
{
	process_kill(OWNER_OF(later, struct sys_worker, death)->pidfd);
}

static void process_ended(struct sys_watch *watch)
{
	struct sys_worker *worker = OWNER_OF(watch, struct sys_worker, process);
	struct sys_exit how = process_status(worker->pidfd);

	later_cancel(worker->loop, &worker->death);
	sys_loop_unwatch(worker->loop, &worker->process);
	sys_loop_unwatch(worker->loop, &worker->gate);
	/* A spawned one is waited for with its sandbox: until then its group has this number. */
	if (!worker->own)
		waitid(P_PIDFD, (id_t)worker->pidfd, NULL, WEXITED | WNOHANG | __WALL);
	worker->killed = true;
	worker->handler->ended(worker->owner, &how);
}

static struct sys_worker *worker_new(struct sys_host *host, struct sys_loop *loop,
                                     const struct sys_window *window,
                                     const struct sys_worker_handler *handler, void *owner)
{
	struct sys_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	*worker = (struct sys_worker){
		.gate = {.ready = gate_ready, .cap = SYS_NO_CAP},
		.process = {.ready = process_ended, .cap = SYS_NO_CAP},
		.death = {.run = kill_now},
		.loop = loop,
		.host = host,
		.handler = handler,
		.owner = owner,
		.window = window->memory,
		.limit = host->memory_max,
		.end = SYS_NO_CAP,
		.given = {SYS_NO_CAP, SYS_NO_CAP},
		.window_cap = window->cap,
		.pidfd = -1,
	};
	return worker;
}

static void drop_given(struct sys_worker *worker)
{
	for (int i = 0; i < GIVEN; i++) {
		sys_cap_close(worker->given[i]);
		worker->given[i] = SYS_NO_CAP;
	}
}

/*
 * One request at a time: the kernel bounds what a user's processes have in flight,
 * so that requests a zygote has yet to read could keep it from answering.
 */
static int ask_zygote(struct sys_worker *worker)
{
	struct message_fork message = {.header.type = MESSAGE_FORK};
	const sys_cap caps[] = {worker->given[GIVEN_GATE], worker->window_cap,
	                        worker->given[GIVEN_LOG]};
	int result = sys_gate_send(worker->home->gate, &message, sizeof(message), caps, 3);

	drop_given(worker);
	if (result <= 0)
		return result;
	/* It is gone, or does not read: with its end all that wait for it fail. */
	process_kill(worker->home->corpse->init);
	return 0;
}

int sys_worker_fork(struct sys_sandbox *sandbox, const struct sys_window *window,
                    const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	struct sys_worker *worker =
		worker_new(sandbox->host, sandbox->loop, window, handler, owner);
	sys_cap gates[2];

	if (!worker)
		return -ENOMEM;
	int error = sys_gate_pair(gates);
	if (!error) {
		worker->end = gates[0];
		worker->given[GIVEN_GATE] = gates[1];
		error = tail_init(&worker->log, sandbox->loop, &worker->given[GIVEN_LOG]);
	}
	*sandbox->forking_end = worker;
	sandbox->forking_end = &worker->next_forking;
	worker->home = sandbox;
	if (!error && sandbox->forking == worker)
		error = ask_zygote(worker);
	if (error)
		sys_worker_free(worker);
	else
		*ret = worker;
	return error;
}

static void leave_forking(struct sys_worker *worker)
{
	struct sys_sandbox *sandbox = worker->home;
	struct sys_worker **link = &sandbox->forking;

	while (*link != worker)
		link = &(*link)->next_forking;
	*link = worker->next_forking;
	if (!*link)
		sandbox->forking_end = link;
	worker->home = NULL;
}

/* A worker forked from a zygote has one thread and stays so: it inherits all else. */
static int confine(struct sys_worker *worker)
{
	struct rlimit none = {0, 0};
	worker->pid = process_id(worker->pidfd);
	if (worker->pid < 0)
		return worker->pid;
	return prlimit(worker->pid, RLIMIT_NPROC, &none, NULL) < 0 ? -errno : 0;
}

void worker_forked(struct sys_worker *worker, int pidfd, int error)
{
	struct sys_sandbox *sandbox = worker->home;
	char why[METT_MESSAGE_MAX];

	leave_forking(worker);
	if (sandbox->forking && ask_zygote(sandbox->forking))
		process_kill(sandbox->corpse->init); /* all that wait hear of it by that */
	worker->pidfd = pidfd;
	if (pidfd >= 0)
		error = confine(worker);
	if (!error)
		error = sys_loop_watch(worker->loop, &worker->process, pidfd);
	if (!error)
		error = sys_loop_watch(worker->loop, &worker->gate, worker->end);
	if (!error) {
		worker->handler->parked(worker->owner);
		return;
	}
	fmt_format(why, sizeof(why), "its zygote cannot fork: {}", strerror(-error));
	sys_loop_unwatch(worker->loop, &worker->process);
	worker->handler->failed(worker->owner, why);
}

static void own_ready(void *owner)
{
	struct sys_worker *worker = owner;

	/* From here on its gate carries the worker's messages, and its end is reported. */
	sys_loop_unwatch(worker->loop, &worker->own->control);
	sys_loop_unwatch(worker->loop, &worker->own->process);
	worker->end = worker->own->gate;
	worker->pidfd = worker->own->first;
	worker->pid = worker->own->corpse->group; /* which it leads */
	if (sys_loop_watch(worker->loop, &worker->gate, worker->end) ||
	    sys_loop_watch(worker->loop, &worker->process, worker->pidfd))
		worker->handler->failed(worker->owner, "no memory to watch it");
	else
		worker->handler->parked(worker->owner);
}

static void own_failed(void *owner, const char *why)
{
	struct sys_worker *worker = owner;

	worker->handler->failed(worker->owner, why);
}

int sys_worker_spawn(struct sys_host *host, struct sys_loop *loop,
                     const struct sys_program *program, const struct sys_window *window,
                     const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	static const struct sys_sandbox_handler own_handler = {own_ready, own_failed};
	struct sys_worker *worker = worker_new(host, loop, window, handler, owner);

	if (!worker)
		return -ENOMEM;
	int error = sandbox_launch(host, loop, program, window->cap, &own_handler, worker,
	                           &worker->own);
	if (error)
		sys_worker_free(worker);
	else
		*ret = worker;
	return error;
}

void sys_worker_free(struct sys_worker *worker)
{
	if (!worker)
		return;
	later_cancel(worker->loop, &worker->death);
	if (worker->process.cap != SYS_NO_CAP)
		process_kill(worker->pidfd);
	if (worker->home)
		leave_forking(worker);
	drop_given(worker);
	sys_loop_unwatch(worker->loop, &worker->gate);
	sys_loop_unwatch(worker->loop, &worker->process);
	tail_deinit(&worker->log);
	if (worker->own) {
		sys_sandbox_free(worker->own);
	} else {
		sys_cap_close(worker->end);
		sys_cap_close(worker->pidfd);
	}
	free(worker);
}

void sys_worker_kill(struct sys_worker *worker)
{
	if (!worker->killed && worker->pidfd >= 0)
		later_queue(worker->loop, &worker->death);
	worker->killed = true;
}

void sys_worker_ignore(struct sys_worker *worker)
{
	sys_loop_unwatch(worker->loop, &worker->gate);
}

uint64_t sys_worker_limit(struct sys_worker *worker, uint64_t bytes)
{
	uint64_t max = worker->host->memory_max;

	if (!bytes || (max && bytes > max))
		bytes = max;
	if (bytes != worker->limit) {
		if (worker->pid > 0)
			memory_limit(worker->pid, bytes);
		worker->limit = bytes;
	}
	return bytes;
}

void sys_worker_attend(struct sys_worker *worker)
{
	if (!worker->own)
		tail_watch(&worker->log);
}

struct worker_window *sys_worker_window(struct sys_worker *worker)
{
	return worker->window;
}

sys_cap sys_worker_gate(struct sys_worker *worker)
{
	return worker->end;
}

static struct tail *log_of(struct sys_worker *worker)
{
	return worker->own ? &worker->own->log : &worker->log;
}

size_t sys_worker_log(struct sys_worker *worker, char *buffer, size_t size)
{
	struct tail *log = log_of(worker);

	tail_drain(log);
	if (size > log->size)
		size = log->size;
	memcpy(buffer, log->text + log->size - size, size);
	return size;
}

void sys_worker_log_reset(struct sys_worker *worker)
{
	tail_drain(log_of(worker));
	log_of(worker)->size = 0;
}
