#include "sessions.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"

enum {
	HEAD_START_NS = 50000000, /* for all of them to be asleep until the start */
	WARM_UP = 20,
};

struct session {
	pid_t pid;
	int talk;
};

struct sessions {
	struct server server;
	unsigned count;
	struct session session[SESSIONS_MAX];
};

struct order {
	enum mett_policy policy;
	uint64_t start, end;
};

struct report {
	unsigned core;
	int failed;
	uint64_t calls, elapsed;
};

static int invoke(struct mett_client *client, enum mett_policy policy)
{
	struct mett_result result = {0};
	int error = mett_action_invoke(client, policy == METT_POLICY_FORK ? "fork" : "reuse", NULL,
	                               0, NULL, &result);

	mett_result_deinit(&result);
	return error;
}

static struct mett_client *set_up(const char *socket, const char *function)
{
	struct mett_action_options fork_options = {.policy = METT_POLICY_FORK};
	struct mett_action_options reuse_options = {.policy = METT_POLICY_REUSE};
	struct mett_client *client;

	if (mett_register_client(socket, &client, NULL))
		return NULL;
	if (mett_action_create_path(client, "fork", function, &fork_options, NULL) ||
	    mett_action_create_path(client, "reuse", function, &reuse_options, NULL) ||
	    pace_stay(0, mett_client_core(client)))
		return NULL;
	return client;
}

static void obey(struct mett_client *client, const struct order *order, struct report *report)
{
	uint64_t now = 0;

	for (unsigned i = 0; i < WARM_UP && !report->failed; i++)
		report->failed = invoke(client, order->policy);
	pace_sleep_until(order->start);
	uint64_t start = sys_clock_ns();
	for (report->calls = 0; now < order->end && !report->failed; report->calls++) {
		report->failed = invoke(client, order->policy);
		now = sys_clock_ns();
	}
	report->elapsed = now - start;
}

__attribute__((noreturn)) static void live(const char *socket, const char *function, int talk)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct mett_client *client = set_up(socket, function);
	struct report report = {.failed = !client, .core = client ? mett_client_core(client) : 0};
	struct order order;

	while (write(talk, &report, sizeof(report)) == sizeof(report) && client &&
	       read(talk, &order, sizeof(order)) == sizeof(order))
		obey(client, &order, &report);
	mett_client_free(client);
	_exit(0);
}

static struct report hear(const struct session *session)
{
	struct report report;

	if (read(session->talk, &report, sizeof(report)) != sizeof(report) || report.failed)
		fail("a session among several", -EPIPE);
	return report;
}

struct sessions *sessions_new(const struct files *files, unsigned count)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	unsigned core[SESSIONS_MAX];
	int talk[2];

	if (!sessions || count > SESSIONS_MAX)
		fail("sessions", -ENOMEM);
	server_start(&sessions->server, files->server);
	for (unsigned i = 0; i < count; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
			fail("socketpair", -errno);
		pid_t pid = fork();
		if (pid < 0)
			fail("fork", -errno);
		if (pid == 0) {
			/* The others' ends too: a session ends when ours is closed. */
			for (unsigned j = 0; j < i; j++)
				close(sessions->session[j].talk);
			close(talk[0]);
			live(sessions->server.socket, files->empty, talk[1]);
		}
		close(talk[1]);
		sessions->session[i] = (struct session){pid, talk[0]};
		sessions->count++;
		core[i] = hear(&sessions->session[i]).core;
		for (unsigned j = 0; j < i; j++)
			if (core[j] == core[i])
				fail("two sessions share a core", -EBUSY);
	}
	return sessions;
}

void sessions_free(struct sessions *sessions)
{
	for (unsigned i = 0; i < sessions->count; i++) {
		close(sessions->session[i].talk);
		waitpid(sessions->session[i].pid, NULL, 0);
	}
	server_stop(&sessions->server);
	free(sessions);
}

double sessions_run(struct sessions *sessions, unsigned first, unsigned count,
                    enum mett_policy policy, unsigned ms)
{
	uint64_t start = sys_clock_ns() + HEAD_START_NS;
	struct order order = {policy, start, start + ms * UINT64_C(1000000)};
	double per_second = 0;

	for (unsigned i = first; i < first + count; i++)
		if (write(sessions->session[i].talk, &order, sizeof(order)) != sizeof(order))
			fail("a session among several", -EPIPE);
	for (unsigned i = first; i < first + count; i++) {
		struct report report = hear(&sessions->session[i]);

		per_second += (double)report.calls * 1e9 / (double)report.elapsed;
	}
	return per_second;
}
