#include "invocation.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

enum { CAUGHT = sizeof(caught) / sizeof(caught[0]) };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* They come through only while we wait, so that none is missed between a look and a wait. */
static void catch_signals(struct sigaction before[CAUGHT], sigset_t *ret_mask)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t set;

	interrupted = 0;
	sigemptyset(&set);
	for (int i = 0; i < CAUGHT; i++) {
		sigaction(caught[i], NULL, &before[i]);
		/* nohup(1) and shells without job control mean it. */
		if (before[i].sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, caught[i]);
		sigaction(caught[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, ret_mask);
}

static void release_signals(const struct sigaction before[CAUGHT], const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	for (int i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &before[i], NULL);
}

/* Returns 1 with an outcome, 0 when interrupted, negative when the server is gone. */
static int wait_for(struct mett_client *client, const sigset_t *mask, struct mett_result *result)
{
	struct pollfd poll = {.fd = mett_client_fd(client), .events = POLLIN};
	uint64_t token;
	int outcome;

	while (!(outcome = mett_client_complete(client, 0, &token, result))) {
		ppoll(&poll, 1, NULL, mask);
		if (interrupted)
			return 0;
	}
	return outcome;
}

int invocation_make(struct mett_client **client, const char *name, const void *argument,
                    size_t size, const struct mett_config *config, struct mett_result *result,
                    struct phases *phases)
{
	struct sigaction before[CAUGHT];
	sigset_t mask;

	*phases = (struct phases){0};
	*result = (struct mett_result){.answer = "", .log = ""};
	catch_signals(before, &mask);
	phases->begin_ns = now_ns();
	int outcome = mett_action_submit(*client, name, argument, size, config, 0, &result->error);
	if (!outcome)
		outcome = wait_for(*client, &mask, result);
	phases->end_ns = now_ns();
	phases->times = result->metadata;
	if (outcome == 0) {
		mett_client_free(*client);
		*client = NULL;
	}
	int number = outcome ? 0 : interrupted;
	release_signals(before, &mask);
	return number;
}
