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

#include "memory.h"

struct sys_worker {
	struct sys_watch gate; /* of a spawned one; a forked one's is its seat's */
	struct sys_watch process;
	struct later death; /* its killing, which need not be at once */
	struct sys_loop *loop;
	struct sys_host *host;
	const struct sys_worker_handler *handler;
	void *owner;
	struct sys_worker *next_forking;
	struct sys_sandbox *home; /* it is to be forked here and is not yet answered for */
	struct sys_window *window;
	struct sys_seat *seat;   /* it was forked, and has this place at its zygote */
	struct sys_sandbox *own; /* or it was spawned into this sandbox, alone */
	uint64_t limit;
	int pidfd;
	pid_t pid; /* cannot be another's before we have waited for it */
	bool killed;
	bool ended;
	bool attended; /* its end shall be told at once */
};

void worker_readable(struct sys_worker *worker)
{
	worker->handler->readable(worker->owner);
}

static void gate_ready(struct sys_watch *watch)
{
	worker_readable(OWNER_OF(watch, struct sys_worker, gate));
}

static void kill_now(struct later *later)
{
	process_kill(OWNER_OF(later, struct sys_worker, death)->pidfd);
}

static void unwatch_process(struct sys_worker *worker)
{
	if (worker->attended)
		sys_loop_unwatch(worker->loop, &worker->process);
	else
		later_unwatch(worker->loop, &worker->process);
}

static void process_ended(struct sys_watch *watch)
{
	struct sys_worker *worker = OWNER_OF(watch, struct sys_worker, process);

	later_cancel(worker->loop, &worker->death);
	unwatch_process(worker);
	if (worker->own)
		sys_loop_unwatch(worker->loop, &worker->gate);
	/* A spawned one is waited for with its sandbox: until then its group has this number. */
	struct sys_exit how =
		worker->own ? process_status(worker->pidfd) : process_bury(worker->pidfd);
	worker->killed = worker->ended = true;
	worker->handler->ended(worker->owner, &how);
}

static struct sys_worker *worker_new(struct sys_host *host, struct sys_loop *loop,
                                     struct sys_window *window,
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
		.window = window,
		.limit = host->memory_max,
		.pidfd = -1,
	};
	return worker;
}

/* Those of one request: any number who have seats the zygote knows, or one who has none yet. */
static bool take_asked(struct sys_sandbox *sandbox, uint32_t seats[FORK_MAX])
{
	struct sys_worker *worker;

	while ((worker = sandbox->forking) && sandbox->asked_count < FORK_MAX &&
	       (!sandbox->asked_count || seat_furnished(worker->seat))) {
		sandbox->forking = worker->next_forking;
		seats[sandbox->asked_count] = worker->seat->number;
		sandbox->asked[sandbox->asked_count++] = worker;
		if (!seat_furnished(worker->seat))
			break;
	}
	if (!sandbox->forking)
		sandbox->forking_end = &sandbox->forking;
	return sandbox->asked_count > 0;
}

/* They could not be asked for. */
static void put_asked_back(struct sys_sandbox *sandbox)
{
	while (sandbox->asked_count) {
		struct sys_worker *worker = sandbox->asked[--sandbox->asked_count];

		worker->next_forking = sandbox->forking;
		if (!sandbox->forking)
			sandbox->forking_end = &worker->next_forking;
		sandbox->forking = worker;
	}
}

/*
 * One request at a time: the kernel bounds what a user's processes have in flight,
 * so that requests a zygote has yet to read could keep it from answering.
 */
void worker_ask(struct later *asking)
{
	struct sys_sandbox *sandbox = OWNER_OF(asking, struct sys_sandbox, asking);
	struct {
		struct message_fork fixed;
		uint32_t seats[FORK_MAX];
	} message = {.fixed.header.type = MESSAGE_FORK};

	if (sandbox->asked_count || !take_asked(sandbox, message.seats))
		return;
	struct sys_seat *first = sandbox->asked[0]->seat;
	unsigned count = sandbox->asked_count;
	bool furnished = seat_furnished(first);
	unsigned caps = first->given[FORK_CALLEE] == SYS_NO_CAP ? FORK_CALLEE : FORK_CAPS;
	message.fixed.count = count;
	int result = sys_gate_send(sandbox->gate, &message,
	                           sizeof(message.fixed) + count * sizeof(uint32_t), first->given,
	                           furnished ? 0 : caps);
	if (result < 0) {
		/* Of memory, or of what may be under way. Others work in its sandbox. */
		put_asked_back(sandbox);
		later_queue(sandbox->loop, asking);
		return;
	}
	if (!furnished)
		seat_furnish(first);
	/* It is gone, or does not read: with its end all that wait for it fail. */
	if (result)
		process_kill(sandbox->corpse->init);
}

int sys_worker_fork(struct sys_sandbox *sandbox, struct sys_window *window,
                    const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	struct sys_worker *worker =
		worker_new(sandbox->host, sandbox->loop, window, handler, owner);
	int error = 0;

	if (!worker)
		return -ENOMEM;
	if (!window->seat)
		error = seat_new(sandbox, window, &window->seat);
	if (error) {
		free(worker);
		return error;
	}
	worker->seat = window->seat;
	worker->home = sandbox;
	*sandbox->forking_end = worker;
	sandbox->forking_end = &worker->next_forking;
	later_queue_last(sandbox->loop, &sandbox->asking);
	*ret = worker;
	return 0;
}

static void leave_forking(struct sys_worker *worker)
{
	struct sys_sandbox *sandbox = worker->home;
	struct sys_worker **link = &sandbox->forking;

	worker->home = NULL;
	for (unsigned i = 0; i < sandbox->asked_count; i++)
		if (sandbox->asked[i] == worker)
			sandbox->asked[i] = NULL;
	while (*link && *link != worker)
		link = &(*link)->next_forking;
	if (!*link)
		return;
	*link = worker->next_forking;
	if (!*link)
		sandbox->forking_end = link;
}

/* A worker forked from a zygote has one thread and stays so: it inherits all else. */
static int confine(struct sys_worker *worker)
{
	struct rlimit none = {0, 0};

	return prlimit(worker->pid, RLIMIT_NPROC, &none, NULL) < 0 ? -errno : 0;
}

void worker_forked(struct sys_worker *worker, int pidfd, int error)
{
	char why[METT_MESSAGE_MAX];

	worker->home = NULL;
	worker->pidfd = pidfd;
	if (pidfd >= 0) {
		worker->pid = process_child(pidfd);
		error = worker->pid < 0 ? worker->pid : confine(worker);
	}
	if (!error)
		error = later_watch(worker->loop, &worker->process, pidfd);
	if (!error)
		error = seat_take(worker->seat, worker);
	if (!error) {
		worker->handler->parked(worker->owner);
		return;
	}
	fmt_format(why, sizeof(why), "its zygote cannot fork: {}", strerror(-error));
	worker->handler->failed(worker->owner, why);
}

static void own_begun(void *owner)
{
	struct sys_worker *worker = owner;

	worker->handler->begun(worker->owner);
}

static void own_ready(void *owner)
{
	struct sys_worker *worker = owner;

	/* From here on its gate carries the worker's messages, and its end is reported. */
	sys_loop_unwatch(worker->loop, &worker->own->control);
	sys_loop_unwatch(worker->loop, &worker->own->process);
	worker->pidfd = worker->own->first;
	worker->pid = worker->own->corpse->group; /* which it leads */
	worker->attended = true;
	if (sys_loop_watch(worker->loop, &worker->gate, worker->own->gate) ||
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
                     const struct sys_program *program, struct sys_window *window,
                     const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	static const struct sys_sandbox_handler own_handler = {own_begun, own_ready, own_failed};
	struct sys_worker *worker = worker_new(host, loop, window, handler, owner);

	if (!worker)
		return -ENOMEM;
	int error = sandbox_launch(host, loop, program, window->cap, &own_handler, worker,
	                           &worker->own);
	if (error)
		free(worker);
	else
		*ret = worker;
	return error;
}

/* Another may have its place, if it is gone for sure. */
static void leave_seat(struct sys_worker *worker)
{
	if (worker->ended && seat_clear(worker->seat))
		return;
	worker->window->seat = NULL;
	seat_free(worker->seat);
}

void sys_worker_free(struct sys_worker *worker)
{
	if (!worker)
		return;
	later_cancel(worker->loop, &worker->death);
	if (!worker->ended && worker->pidfd >= 0)
		process_kill(worker->pidfd);
	if (worker->home)
		leave_forking(worker);
	unwatch_process(worker);
	if (worker->own) {
		sys_loop_unwatch(worker->loop, &worker->gate);
		sys_sandbox_free(worker->own);
	} else {
		leave_seat(worker);
		sys_cap_close(worker->pidfd);
	}
	free(worker);
}

void sys_window_vacate(struct sys_window *window)
{
	seat_free(window->seat);
	window->seat = NULL;
}

void sys_worker_kill(struct sys_worker *worker)
{
	if (!worker->killed && worker->pidfd >= 0)
		later_queue(worker->loop, &worker->death);
	worker->killed = true;
}

void sys_worker_ignore(struct sys_worker *worker)
{
	sys_loop_unwatch(worker->loop, worker->own ? &worker->gate : &worker->seat->gate);
}

uint64_t sys_worker_limit(struct sys_worker *worker, uint64_t bytes)
{
	uint64_t max = worker->host->memory_max;

	if (!bytes || (max && bytes > max))
		bytes = max;
	/* What runs in a sandbox of its own may have set another for all in it. */
	if (bytes != worker->limit || worker->own) {
		if (worker->pid > 0)
			memory_limit(worker->pid, bytes);
		worker->limit = bytes;
	}
	return bytes;
}

uint64_t sys_worker_memory(const struct sys_worker *worker)
{
	return worker->pid > 0 && !worker->ended ? memory_peak(worker->pid) : 0;
}

void sys_worker_attend(struct sys_worker *worker)
{
	if (worker->own)
		return;
	tail_watch(&worker->seat->log);
	/* Without memory to watch it otherwise, its end is told a little later. */
	sys_cap pidfd = worker->process.cap;
	if (worker->attended || pidfd == SYS_NO_CAP)
		return;
	later_unwatch(worker->loop, &worker->process);
	worker->attended = !sys_loop_watch(worker->loop, &worker->process, pidfd);
	if (!worker->attended)
		later_watch(worker->loop, &worker->process, pidfd);
}

struct worker_window *sys_worker_window(struct sys_worker *worker)
{
	return worker->window->memory;
}

sys_cap sys_worker_gate(struct sys_worker *worker)
{
	return worker->own ? worker->own->gate : worker->seat->end;
}

int sys_worker_send(struct sys_worker *worker, const void *data, size_t size, sys_cap cap)
{
	if (worker->seat)
		worker->seat->spoken = true;
	return sys_gate_send(sys_worker_gate(worker), data, size, &cap, cap != SYS_NO_CAP);
}

static struct tail *log_of(struct sys_worker *worker)
{
	return worker->own ? &worker->own->log : &worker->seat->log;
}

size_t sys_worker_log(struct sys_worker *worker, const char **ret)
{
	struct tail *log = log_of(worker);

	tail_drain(log);
	*ret = log->text;
	return log->size;
}

void sys_worker_log_reset(struct sys_worker *worker)
{
	tail_clear(log_of(worker));
}
