#include "idle.h"

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"
#include "proc.h"

enum {
	ACTIONS = IDLE_WORKERS / 2, /* the server parks two workers of each */
	REST_MS = 500,
	PATIENCE_MS = 15000,
};

struct subject {
	struct server server;
	struct mett_client *client;
	struct proc_tree before, now;
};

static void look(struct subject *subject)
{
	struct proc_tree old = subject->before;

	subject->before = subject->now;
	subject->now = old;
	proc_tree_read(&subject->now, subject->server.pid);
}

static void park(struct subject *subject, const struct files *files)
{
	struct mett_action_options options = {.policy = METT_POLICY_FORK};
	struct mett_error error;
	char name[16];

	server_start(&subject->server, files->server);
	if (mett_register_client(subject->server.socket, &subject->client, &error))
		fail_mett("a client", &error);
	for (unsigned i = 0; i < ACTIONS; i++) {
		struct mett_result result = {0};

		fmt_format(name, sizeof(name), "idle{}", i);
		if (mett_action_create_path(subject->client, name, files->empty, &options, &error))
			fail_mett(name, &error);
		if (mett_action_invoke(subject->client, name, NULL, 0, NULL, &result))
			fail_mett(name, &result.error);
		mett_result_deinit(&result);
	}
}

static void sleep_ms(unsigned ms)
{
	pace_sleep_until(sys_clock_ns() + ms * UINT64_C(1000000));
}

/* Until all are parked and nobody has woken for a while; or until patience ends. */
static void wait_for_rest(struct subject *subject)
{
	look(subject);
	for (unsigned ms = 0; ms < PATIENCE_MS; ms += REST_MS) {
		sleep_ms(REST_MS);
		look(subject);
		if (proc_workers(&subject->now) >= IDLE_WORKERS &&
		    !proc_wake_ups(&subject->before, &subject->now))
			return;
	}
}

void idle_measure(const struct files *files, unsigned parts, unsigned ms, struct idle *ret)
{
	struct subject subject = {0};

	park(&subject, files);
	wait_for_rest(&subject);
	ret->parked = proc_workers(&subject.now);
	for (unsigned i = 0; i < parts; i++) {
		sleep_ms(ms / parts);
		look(&subject);
		unsigned parked = proc_workers(&subject.now);
		if (parked < ret->parked)
			ret->parked = parked;
		ret->wake_ups[i] = (double)proc_wake_ups(&subject.before, &subject.now);
		ret->parked_kib[i] = proc_workers_kib(&subject.now);
	}
	mett_client_free(subject.client);
	server_stop(&subject.server);
	proc_tree_deinit(&subject.before);
	proc_tree_deinit(&subject.now);
}
