#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <protocol/protocol.h>

#include "ipc.h"

static void fail(struct sys_sandbox *sandbox, const char *why)
{
	sys_loop_unwatch(sandbox->loop, &sandbox->control);
	sys_loop_unwatch(sandbox->loop, &sandbox->process);
	sandbox->handler->failed(sandbox->owner, why);
}

/* The last line a program wrote says more than its status. */
static void fail_with_status(struct sys_sandbox *sandbox)
{
	struct sys_exit how = process_status(sandbox->first);
	char why[METT_MESSAGE_MAX], text[sizeof(sandbox->log.text) + 1], *line;

	tail_drain(&sandbox->log);
	memcpy(text, sandbox->log.text, sandbox->log.size);
	text[sandbox->log.size] = 0;
	for (size_t end = sandbox->log.size; end && text[end - 1] == '\n';)
		text[--end] = 0;
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (how.signal)
		fmt_format(why, sizeof(why), "its start ended by signal {}{}{}", how.signal,
		           *line ? ": " : "", line);
	else
		fmt_format(why, sizeof(why), "its start exited with code {}{}{}", how.code,
		           *line ? ": " : "", line);
	fail(sandbox, why);
}

static void process_ended(struct sys_watch *watch)
{
	fail_with_status(OWNER_OF(watch, struct sys_sandbox, process));
}

static void built(struct sys_sandbox *sandbox, struct sys_received *got)
{
	if (sandbox->first >= 0)
		return; /* it may be said once, and is, before the program runs */
	sandbox->corpse->init = got->caps[0];
	sandbox->first = got->caps[1];
	got->cap_count = 0;
	pid_t group = process_id(sandbox->first);
	sandbox->corpse->group = group > 0 ? group : 0;
	if (sys_loop_watch(sandbox->loop, &sandbox->process, sandbox->first))
		fail(sandbox, "no memory to watch it");
	else
		sandbox->handler->begun(sandbox->owner);
}

/* Nobody wants it any more. It is young, and soon gone. */
static void turn_away(int pidfd)
{
	process_remove(pidfd);
	close(pidfd);
}

/* The first @count of those it was asked for have these handles, the others were not made. */
static void answer_asked(struct sys_sandbox *sandbox, const sys_cap *pidfds, unsigned count,
                         int error)
{
	for (unsigned i = 0; i < sandbox->asked_count; i++) {
		struct sys_worker *worker = sandbox->asked[i];
		int pidfd = i < count ? pidfds[i] : -1;

		sandbox->asked[i] = NULL;
		if (worker)
			worker_forked(worker, pidfd, error);
		else if (pidfd >= 0)
			turn_away(pidfd);
	}
	sandbox->asked_count = 0;
	if (sandbox->forking)
		later_queue_last(sandbox->loop, &sandbox->asking);
}

static void forked(struct sys_sandbox *sandbox, const struct message_forked *message,
                   struct sys_received *got)
{
	if (got->cap_count > sandbox->asked_count) {
		process_kill(sandbox->corpse->init); /* nobody asked for so many */
		return;
	}
	answer_asked(sandbox, got->caps, got->cap_count, message->error ? message->error : -ECHILD);
	got->cap_count = 0;
}

static void handle(struct sys_sandbox *sandbox, const void *data, struct sys_received *got)
{
	const struct message_unbuilt *unbuilt = data;
	char why[METT_MESSAGE_MAX];

	switch (message_check(data, got->size, got->cap_count, FROM_ZYGOTE)) {
	case MESSAGE_BUILT:
		built(sandbox, got);
		break;
	case MESSAGE_UNBUILT:
		fmt_format(why, sizeof(why), "{}",
		           fmt_bytes((const char *)(unbuilt + 1), got->size - sizeof(*unbuilt)));
		sys_received_close(got);
		fail(sandbox, why);
		return;
	case MESSAGE_READY:
		if (sandbox->first >= 0)
			sandbox->handler->ready(sandbox->owner);
		break;
	case MESSAGE_FORKED:
		forked(sandbox, data, got);
		break;
	default:
		/* Its own death warrant: process_ended() follows. */
		if (sandbox->first >= 0)
			process_kill(sandbox->corpse->init);
	}
	sys_received_close(got);
}

/* Others may be quicker than we to take what was held back. */
static void listen_again(struct later *listening)
{
	struct sys_sandbox *sandbox = OWNER_OF(listening, struct sys_sandbox, listening);

	sys_loop_watch_for(sandbox->loop, &sandbox->control, SYS_FOR_READING);
}

/*
 * There are no descriptors for the workers it has made: they end, and the wait for them.
 * Returns 0, SYS_AGAIN when that is yet to be, or what is wrong.
 */
static int forked_in_vain(struct sys_sandbox *sandbox)
{
	struct message_forked message;
	struct sys_received got;

	reserve_spend(&sandbox->host->reserve);
	int result = gate_recv_whole(sandbox->gate, &message, sizeof(message), &got);
	for (unsigned i = 0; result == 0 && i < got.cap_count; i++)
		turn_away(got.caps[i]);
	reserve_restore(&sandbox->host->reserve);
	if (result == SYS_CUT) {
		sys_loop_watch_for(sandbox->loop, &sandbox->control, SYS_FOR_NOTHING);
		later_queue(sandbox->loop, &sandbox->listening);
		return SYS_AGAIN;
	}
	if (result)
		return result;
	if (message_check(&message, got.size, got.cap_count, FROM_ZYGOTE) != MESSAGE_FORKED)
		return SYS_REFUSED;
	answer_asked(sandbox, NULL, 0, -EMFILE);
	return 0;
}

static void control_ready(struct sys_watch *watch)
{
	struct sys_sandbox *sandbox = OWNER_OF(watch, struct sys_sandbox, control);
	_Alignas(8) char data[MESSAGE_MAX];
	struct sys_received got;
	bool born = sandbox->first >= 0;

	if (sandbox->listening.queued)
		return;
	int result = gate_recv_whole(sandbox->gate, data, sizeof(data), &got);
	if (result == 0) {
		reserve_complete(&sandbox->host->reserve);
		handle(sandbox, data, &got);
		return;
	}
	if (result == SYS_CUT && born)
		result = forked_in_vain(sandbox);
	if (result == 0 || result == SYS_AGAIN)
		return;
	if (born) {
		sys_loop_unwatch(sandbox->loop, &sandbox->control);
		process_kill(sandbox->corpse->init);
	} else if (result == SYS_CUT) {
		/* It stays there for the reaper, who has time to wait for descriptors. */
		fail(sandbox, "the server has no descriptors for its processes; try later");
	} else {
		fail(sandbox, "the server's launcher is gone; restart the server");
	}
}

static int request(struct sys_sandbox *sandbox, const struct sys_program *program,
                   enum launch_mode mode, const sys_cap caps[LAUNCH_CAPS])
{
	struct launch_request launch = {
		.mode = mode,
		.language = program->language,
		.grants = program->grants,
		.core = program->core,
		.memory = sandbox->host->memory_max,
		.environment_size = (uint32_t)program->environment_size,
	};

	if (program->environment_size > sizeof(launch.environment))
		return -EINVAL;
	if (program->environment_size)
		memcpy(launch.environment, program->environment, program->environment_size);
	strncpy(launch.name, program->name, sizeof(launch.name) - 1);
	return launcher_request(&sandbox->host->launcher, &launch, caps);
}

int sandbox_launch(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                   sys_cap window, const struct sys_sandbox_handler *handler, void *owner,
                   struct sys_sandbox **ret)
{
	struct sys_sandbox *sandbox = calloc(1, sizeof(*sandbox));
	sys_cap gates[2], log;

	if (!sandbox)
		return -ENOMEM;
	sandbox->control = (struct sys_watch){.ready = control_ready, .cap = SYS_NO_CAP};
	sandbox->process = (struct sys_watch){.ready = process_ended, .cap = SYS_NO_CAP};
	sandbox->host = host;
	sandbox->loop = loop;
	sandbox->handler = handler;
	sandbox->owner = owner;
	sandbox->first = -1;
	sandbox->gate = SYS_NO_CAP;
	sandbox->forking_end = &sandbox->forking;
	sandbox->asking.run = worker_ask;
	sandbox->listening.run = listen_again;
	sandbox->corpse = calloc(1, sizeof(*sandbox->corpse));
	int error = sandbox->corpse ? 0 : -ENOMEM;
	if (error)
		goto no_gate;
	sandbox->corpse->init = -1;
	error = sys_gate_pair(gates);
	if (error)
		goto no_gate;
	sandbox->gate = gates[0];
	error = tail_init(&sandbox->log, loop, &log);
	if (error)
		goto no_log;
	error = tail_watch(&sandbox->log);
	if (!error)
		error = sys_loop_watch(loop, &sandbox->control, sandbox->gate);
	if (!error)
		error = request(sandbox, program,
		                window == SYS_NO_CAP ? LAUNCH_ZYGOTE : LAUNCH_WORKER,
		                (sys_cap[LAUNCH_CAPS]){program->dataspace, gates[1], log, window});
	close(log);
no_log:
	close(gates[1]);
no_gate:
	if (error)
		sys_sandbox_free(sandbox);
	else
		*ret = sandbox;
	return error;
}

int sys_sandbox_new(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                    const struct sys_sandbox_handler *handler, void *owner,
                    struct sys_sandbox **ret)
{
	return sandbox_launch(host, loop, program, SYS_NO_CAP, handler, owner, ret);
}

void sys_sandbox_free(struct sys_sandbox *sandbox)
{
	if (!sandbox)
		return;
	sys_loop_unwatch(sandbox->loop, &sandbox->control);
	sys_loop_unwatch(sandbox->loop, &sandbox->process);
	later_cancel(sandbox->loop, &sandbox->asking);
	later_cancel(sandbox->loop, &sandbox->listening);
	tail_deinit(&sandbox->log);
	if (sandbox->corpse) {
		sandbox->corpse->first = sandbox->first;
		sandbox->corpse->gate = sandbox->gate;
		reaper_take(sandbox->host->reaper, sandbox->corpse);
	}
	free(sandbox);
}
