#include "progress.h"

#include "os.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void show(const struct load *load)
{
	size_t made = 0, all = load->options->iterations * load->started;

	for (unsigned i = 0; i < load->started; i++)
		made += atomic_load_explicit(&load->clients[i].made, memory_order_relaxed);
	fprintf(stderr, "\r%zu of %zu invocations (%zu%%)", made, all, made * 100 / all);
}

void progress_follow(struct load *load)
{
	static const long interval_ns = 200000000;
	bool shown = false;

	if (!os_is_terminal(STDERR_FILENO))
		return;
	while (load->running > 0) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += interval_ns;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&load->change, &load->lock, &until) == 0)
			continue;
		show(load);
		shown = true;
	}
	/* The line was for the waiting: what comes next writes over it. */
	if (shown)
		fputs("\r\033[K", stderr);
}
