#include "churn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"

enum { PARTS = 10 };

struct churn {
	struct server server;
	struct mett_client *client;
	int small;
};

struct churn *churn_new(const struct files *files)
{
	struct churn *churn = calloc(1, sizeof(*churn));
	struct mett_error error;

	if (!churn)
		fail("actions", -ENOMEM);
	churn->small = open(files->small, O_RDONLY | O_CLOEXEC);
	if (churn->small < 0)
		fail(files->small, -errno);
	server_start(&churn->server, files->server);
	if (mett_register_client(churn->server.socket, &churn->client, &error))
		fail_mett("a client", &error);
	return churn;
}

void churn_free(struct churn *churn)
{
	mett_client_free(churn->client);
	server_stop(&churn->server);
	close(churn->small);
	free(churn);
}

static void create(struct churn *churn, const char *name)
{
	struct mett_error error;

	if (mett_action_create_fd(churn->client, name, churn->small, NULL, &error))
		fail_mett(name, &error);
}

static void delete (struct churn *churn, const char *name)
{
	struct mett_error error;

	if (mett_action_delete(churn->client, name, &error))
		fail_mett(name, &error);
}

/* Does all of them in parts, and adds what the first and the last part took. */
static void go_through(struct churn *churn, unsigned actions,
                       void (*act)(struct churn *, const char *), uint64_t *first, uint64_t *last)
{
	unsigned part = actions / PARTS;
	char name[16];

	for (unsigned done = 0; done < actions; done += part) {
		uint64_t start = sys_clock_ns();

		for (unsigned i = done; i < done + part; i++) {
			fmt_format(name, sizeof(name), "action{}", i);
			act(churn, name);
		}
		uint64_t took = sys_clock_ns() - start;
		if (done == 0)
			*first += took;
		if (done + part == actions)
			*last += took;
	}
}

void churn_run(struct churn *churn, unsigned actions, double *ret_first, double *ret_last)
{
	uint64_t first = 0, last = 0;
	double each = 1000.0 * (actions / PARTS);

	if (pace_stay(0, mett_client_core(churn->client)))
		fail("the client's core", -EINVAL);
	actions -= actions % PARTS;
	go_through(churn, actions, create, &first, &last);
	go_through(churn, actions, delete, &first, &last);
	*ret_first = (double)first / each;
	*ret_last = (double)last / each;
}
