#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <protocol/protocol.h>

struct environment {
	size_t size;
	char text[METT_ENVIRONMENT_MAX];
};

struct sys_sandbox {
	struct source event;
	struct sys_loop *loop;
	const struct sys_sandbox_handler *handler;
	void *owner;
	unsigned number;
	unsigned core;
	struct environment environment;
	unsigned workers;
	bool begins;         /* to be told */
	bool ready;          /* to be told */
	bool over;           /* it has been told of its failure */
	const char *failure; /* to be told */
};

struct sys_worker {
	struct source event; /* before the gate: that it ended may be told first */
	struct source gate;
	struct sys_loop *loop;
	const struct sys_worker_handler *handler;
	void *owner;
	struct sys_sandbox *home; /* NULL: spawned */
	unsigned number;
	struct worker_window *window;
	sys_cap ends[2]; /* the manager's, the worker's */
	bool begins;     /* to be told */
	bool parks;      /* to be told */
	bool parked;     /* has been told */
	bool ends_now;   /* to be told */
	bool over;       /* has been told the last */
	bool ignored;
	bool held;
	const char *failure; /* to be told */
	struct sys_exit how;
	struct environment environment; /* of one that was spawned */
	const char *log;
	unsigned killed;
	unsigned awake;
	uint64_t limit;
};

enum { NUMBERS_MAX = 4096 };

static struct sys_sandbox *sandboxes[NUMBERS_MAX];
static struct sys_worker *workers[NUMBERS_MAX];
static unsigned sandbox_count, worker_count;

static void misuse(const char *what)
{
	fprintf(stderr, "# misuse of a sandbox: %s\n", what);
	abort();
}

static void take_environment(const struct sys_program *program, struct environment *ret)
{
	if (!environment_valid(program->environment, program->environment_size))
		misuse("its environment is none");
	ret->size = program->environment_size;
	if (ret->size)
		memcpy(ret->text, program->environment, ret->size);
}

static bool sandbox_is_ready(struct source *source)
{
	struct sys_sandbox *sandbox = (struct sys_sandbox *)source;

	return (sandbox->begins && !fake.launcher_busy) || sandbox->ready || sandbox->failure;
}

static void sandbox_run(struct source *source)
{
	struct sys_sandbox *sandbox = (struct sys_sandbox *)source;

	fake_lock();
	bool begins = sandbox->begins, ready = sandbox->ready;
	const char *failure = sandbox->failure;
	sandbox->begins = false;
	if (!begins)
		sandbox->ready = false;
	if (!begins && !ready) {
		sandbox->failure = NULL;
		sandbox->over = true;
	}
	fake_unlock();
	if (begins)
		sandbox->handler->begun(sandbox->owner);
	else if (ready)
		sandbox->handler->ready(sandbox->owner);
	else
		sandbox->handler->failed(sandbox->owner, failure);
}

int sys_sandbox_new(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                    const struct sys_sandbox_handler *handler, void *owner,
                    struct sys_sandbox **ret)
{
	if (fake_fails())
		return -EMFILE;
	struct sys_sandbox *sandbox = fake_alloc(sizeof(*sandbox));

	*sandbox = (struct sys_sandbox){
		.event = {.is_ready = sandbox_is_ready, .run = sandbox_run},
		.loop = loop,
		.handler = handler,
		.owner = owner,
		.core = program->core,
	};
	fake_lock();
	if (!fake_object(program->dataspace))
		misuse("its program is no capability");
	take_environment(program, &sandbox->environment);
	sandbox->begins = true;
	sandbox->ready = fake.automatic;
	sandbox->number = sandbox_count++;
	sandboxes[sandbox->number] = sandbox;
	fake_source_add(loop, &sandbox->event);
	fake_unlock();
	*ret = sandbox;
	return 0;
}

void sys_sandbox_free(struct sys_sandbox *sandbox)
{
	if (!sandbox)
		return;
	fake_lock();
	if (sandbox->workers)
		misuse("freed before its workers");
	sandboxes[sandbox->number] = NULL;
	fake_source_remove(sandbox->loop, &sandbox->event);
	fake_unlock();
	free(sandbox);
}

static bool worker_event(struct source *source)
{
	struct sys_worker *worker = (struct sys_worker *)source;

	return !worker->over && !worker->held &&
	       ((worker->begins && !fake.launcher_busy) || worker->parks || worker->failure ||
	        worker->ends_now);
}

static void worker_run(struct source *source)
{
	struct sys_worker *worker = (struct sys_worker *)source;

	fake_lock();
	bool begins = worker->begins, parks = worker->parks && !begins;
	const char *failure = worker->failure;
	worker->begins = false;
	worker->parks &= !parks;
	worker->parked |= parks;
	worker->over = !begins && !parks;
	fake_unlock();
	if (begins)
		worker->handler->begun(worker->owner);
	else if (parks)
		worker->handler->parked(worker->owner);
	else if (failure)
		worker->handler->failed(worker->owner, failure);
	else
		worker->handler->ended(worker->owner, &worker->how);
}

static struct sys_worker *of_gate(struct source *source)
{
	return (struct sys_worker *)((char *)source - offsetof(struct sys_worker, gate));
}

static bool worker_gate(struct source *source)
{
	struct sys_worker *worker = of_gate(source);

	return worker->parked && !worker->over && !worker->ignored &&
	       fake_readable(fake_object(worker->ends[0]));
}

static void gate_run(struct source *source)
{
	struct sys_worker *worker = of_gate(source);

	worker->handler->readable(worker->owner);
}

static int worker_new(struct sys_loop *loop, struct sys_sandbox *home, struct sys_window *window,
                      const struct sys_worker_handler *handler, void *owner,
                      struct sys_worker **ret)
{
	struct sys_worker *worker;
	sys_cap ends[2];
	int error = sys_gate_pair(ends);

	if (error)
		return error;
	worker = fake_alloc(sizeof(*worker));
	*worker = (struct sys_worker){
		.event = {.is_ready = worker_event, .run = worker_run},
		.gate = {.is_ready = worker_gate, .run = gate_run},
		.loop = loop,
		.home = home,
		.handler = handler,
		.owner = owner,
		.ends = {ends[0], ends[1]},
		.window = window->memory,
	};
	fake_lock();
	if (home)
		home->workers++;
	worker->begins = !home;
	worker->parks = fake.automatic;
	worker->number = worker_count++;
	workers[worker->number] = worker;
	fake_source_add(loop, &worker->event);
	fake_source_add(loop, &worker->gate);
	fake_unlock();
	*ret = worker;
	return 0;
}

int sys_worker_fork(struct sys_sandbox *sandbox, struct sys_window *window,
                    const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	if (sandbox->over)
		misuse("fork of a zygote that is gone");
	return worker_new(sandbox->loop, sandbox, window, handler, owner, ret);
}

int sys_worker_spawn(struct sys_host *host, struct sys_loop *loop,
                     const struct sys_program *program, struct sys_window *window,
                     const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret)
{
	int error = worker_new(loop, NULL, window, handler, owner, ret);

	if (!error)
		take_environment(program, &(*ret)->environment);
	return error;
}

void sys_worker_free(struct sys_worker *worker)
{
	if (!worker)
		return;
	fake_lock();
	workers[worker->number] = NULL;
	if (worker->home)
		worker->home->workers--;
	fake_source_remove(worker->loop, &worker->event);
	fake_source_remove(worker->loop, &worker->gate);
	fake_unlock();
	sys_cap_close(worker->ends[0]);
	sys_cap_close(worker->ends[1]);
	free(worker);
}

void sys_worker_kill(struct sys_worker *worker)
{
	fake_lock();
	worker->killed++;
	if (fake.automatic && !worker->ends_now) {
		worker->ends_now = true;
		worker->how.signal = SYS_SIGNAL_KILLED;
	}
	fake_unlock();
}

void sys_worker_ignore(struct sys_worker *worker)
{
	fake_lock();
	worker->ignored = true;
	fake_unlock();
}

uint64_t sys_worker_limit(struct sys_worker *worker, uint64_t bytes)
{
	fake_lock();
	worker->limit = bytes;
	fake_unlock();
	return bytes;
}

uint64_t sys_worker_memory(const struct sys_worker *worker)
{
	return worker->how.memory;
}

void sys_worker_attend(struct sys_worker *worker)
{
}

struct worker_window *sys_worker_window(struct sys_worker *worker)
{
	return worker->window;
}

sys_cap sys_worker_gate(struct sys_worker *worker)
{
	return worker->ends[0];
}

int sys_worker_send(struct sys_worker *worker, const void *data, size_t size, sys_cap cap)
{
	return sys_gate_send(worker->ends[0], data, size, &cap, cap != SYS_NO_CAP);
}

void sys_window_vacate(struct sys_window *window)
{
}

size_t sys_worker_log(struct sys_worker *worker, const char **ret)
{
	fake_lock();
	*ret = worker->log ? worker->log : "";
	fake_unlock();
	size_t length = strlen(*ret);
	*ret += length > SYS_LOG_MAX ? length - SYS_LOG_MAX : 0;
	return length > SYS_LOG_MAX ? SYS_LOG_MAX : length;
}

void sys_worker_log_reset(struct sys_worker *worker)
{
	fake_worker_writes(worker, NULL);
}

/* An automatic worker answers with its argument. */
static void echo(struct sys_worker *worker)
{
	struct message_exit message = {
		.header.type = MESSAGE_EXIT,
		.size = worker->window->size,
	};

	memcpy(worker->window->serve.answer, worker->window->serve.argument, message.size);
	fake_unlock();
	fake_worker_says(worker, &message, sizeof(message), NULL, 0);
	fake_lock();
}

void fake_processes_wake(const _Atomic uint32_t *word)
{
	for (unsigned i = 0; i < worker_count; i++) {
		struct sys_worker *worker = workers[i];

		if (!worker || &worker->window->turn != word)
			continue;
		worker->awake++;
		if (fake.automatic)
			echo(worker);
		return;
	}
}

unsigned fake_processes_left(void)
{
	unsigned left = 0;

	fake_lock();
	for (unsigned i = 0; i < NUMBERS_MAX; i++)
		left += (sandboxes[i] != NULL) + (workers[i] != NULL);
	fake_unlock();
	return left;
}

void fake_forget(void)
{
	fake_lock();
	sandbox_count = worker_count = 0;
	fake_unlock();
}

unsigned fake_sandboxes(void)
{
	fake_lock();
	unsigned count = sandbox_count;
	fake_unlock();
	return count;
}

unsigned fake_workers(void)
{
	fake_lock();
	unsigned count = worker_count;
	fake_unlock();
	return count;
}

struct sys_sandbox *fake_sandbox(unsigned number)
{
	fake_lock();
	struct sys_sandbox *sandbox = sandboxes[number];
	fake_unlock();
	return sandbox;
}

struct sys_worker *fake_worker(unsigned number)
{
	fake_lock();
	struct sys_worker *worker = workers[number];
	fake_unlock();
	return worker;
}

void fake_launcher_busy(int busy)
{
	fake_lock();
	fake.launcher_busy = busy;
	fake_unlock();
}

void fake_automatic(int automatic)
{
	fake_lock();
	fake.automatic = automatic;
	fake_unlock();
}

void fake_sandbox_ready(struct sys_sandbox *sandbox)
{
	fake_lock();
	sandbox->ready = true;
	fake_unlock();
}

void fake_sandbox_fails(struct sys_sandbox *sandbox, const char *why)
{
	fake_lock();
	sandbox->failure = why;
	fake_unlock();
}

unsigned fake_sandbox_core(struct sys_sandbox *sandbox)
{
	return sandbox->core;
}

const char *fake_sandbox_environment(struct sys_sandbox *sandbox, size_t *ret_size)
{
	*ret_size = sandbox->environment.size;
	return sandbox->environment.text;
}

const char *fake_worker_environment(struct sys_worker *worker, size_t *ret_size)
{
	*ret_size = worker->environment.size;
	return worker->environment.text;
}

void fake_worker_parks(struct sys_worker *worker)
{
	fake_lock();
	if (worker->parked || worker->parks)
		misuse("it parks twice");
	worker->parks = true;
	fake_unlock();
}

void fake_worker_fails(struct sys_worker *worker, const char *why)
{
	fake_lock();
	worker->failure = why;
	fake_unlock();
}

int fake_worker_says(struct sys_worker *worker, const void *data, size_t size, const sys_cap *caps,
                     unsigned count)
{
	return sys_gate_send(worker->ends[1], data, size, caps, count);
}

int fake_worker_hears(struct sys_worker *worker, void *data, size_t size, struct sys_received *ret)
{
	return sys_gate_recv(worker->ends[1], data, size, ret);
}

void fake_worker_hangs_up(struct sys_worker *worker)
{
	sys_cap end = worker->ends[1];

	worker->ends[1] = SYS_NO_CAP;
	sys_cap_close(end);
}

void fake_worker_writes(struct sys_worker *worker, const char *text)
{
	fake_lock();
	worker->log = text;
	fake_unlock();
}

void fake_worker_ends(struct sys_worker *worker, int signal, int code)
{
	if (worker->ends[1] != SYS_NO_CAP)
		fake_worker_hangs_up(worker);
	fake_lock();
	worker->how.signal = signal;
	worker->how.code = code;
	worker->ends_now = true;
	fake_unlock();
}

void fake_worker_used(struct sys_worker *worker, uint64_t memory)
{
	fake_lock();
	worker->how.memory = memory;
	fake_unlock();
}

void fake_worker_hold(struct sys_worker *worker, int hold)
{
	fake_lock();
	worker->held = hold;
	fake_unlock();
}

int fake_worker_spawned(struct sys_worker *worker)
{
	return !worker->home;
}

unsigned fake_worker_killed(struct sys_worker *worker)
{
	return worker->killed;
}

uint64_t fake_worker_limit(struct sys_worker *worker)
{
	return worker->limit;
}

unsigned fake_worker_awake(struct sys_worker *worker)
{
	return worker->awake;
}
