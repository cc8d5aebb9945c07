/*
 * mett-recorder: keeps what became of activations. One thread does it all: what comes from the
 * server is taken in batches, and who asks is answered in steps between them.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>
#include <system/ipc.h>

#include "options.h"
#include "rings.h"
#include "serve.h"

enum { EVENTS = 16, STOPPED = 1 };

struct recorder {
	int epoll;
	int signals;
	struct store *store;
	struct rings *rings;
	struct access access;
	struct serve *serve;
};

static int fail(const char *why)
{
	log_fatal("{}", why);
	return EXIT_FAILURE;
}

/* Functions come first: nothing of ours need be at once. */
static void give_way(void)
{
	const struct sched_param none = {0};

	sched_setscheduler(0, SCHED_BATCH, &none);
}

static int watch_signals(int epoll)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Wait until @until_ns, or until something happens; 0, STOPPED, or a negative errno. */
static int wait_for_events(struct recorder *recorder, uint64_t until_ns)
{
	struct epoll_event events[EVENTS];
	struct timespec rest, *timeout = NULL;

	if (until_ns) {
		uint64_t now = sys_clock_ns(), left = until_ns > now ? until_ns - now : 0;

		rest = (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
		timeout = &rest;
	}
	int count = epoll_pwait2(recorder->epoll, events, EVENTS, timeout, NULL);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		if (!events[i].data.ptr)
			return STOPPED;
		if (events[i].data.ptr == recorder)
			rings_ready(recorder->rings);
		else
			serve_ready(recorder->serve, events[i].data.ptr, events[i].events);
	}
	return 0;
}

static int run(struct recorder *recorder)
{
	uint64_t until = 1;
	int result;

	while (!(result = wait_for_events(recorder, until))) {
		bool stored;

		until = rings_turn(recorder->rings, &stored);
		if (stored)
			serve_stored(recorder->serve);
		if (serve_turn(recorder->serve))
			until = 1;
	}
	return result < 0 ? result : 0;
}

static void tell_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) < 0)
		log_warn("--ready-fd: cannot write to descriptor {}: {}", fd, strerror(errno));
	close(fd);
}

/* Returns 0, or a negative errno with @why. */
static int set_up(struct recorder *recorder, const struct options *options, char *why, size_t size)
{
	const struct store_limits limits = {options->keep_count, options->keep_bytes};
	int error;

	fmt_format(why, size, "no descriptors or memory to begin with");
	recorder->epoll = epoll_create1(EPOLL_CLOEXEC);
	recorder->signals = recorder->epoll < 0 ? -1 : watch_signals(recorder->epoll);
	if (recorder->signals < 0)
		return -errno;
	error = store_open(options->folder, &limits, &recorder->store, why, size);
	if (error)
		return error;
	recorder->rings = rings_new(options->socket, recorder->store, recorder->epoll, recorder);
	access_init(&recorder->access, options->socket);
	if (!recorder->rings)
		return -ENOMEM;
	return serve_new(options->records, options->socket_mode, recorder->store, &recorder->access,
	                 recorder->epoll, &recorder->serve, why, size);
}

static void tear_down(struct recorder *recorder)
{
	serve_free(recorder->serve);
	rings_free(recorder->rings);
	access_deinit(&recorder->access);
	store_close(recorder->store);
	sys_cap_close(recorder->signals);
	sys_cap_close(recorder->epoll);
}

int main(int argc, char **argv)
{
	struct recorder recorder = {.epoll = -1, .signals = -1};
	struct options options;
	char why[PATH_ROOM + 512];
	int result = options_parse(&options, argc, argv);

	if (result)
		return result - 1;
	give_way();
	if (set_up(&recorder, &options, why, sizeof(why))) {
		tear_down(&recorder);
		return fail(why);
	}
	tell_ready(options.ready_fd);
	log_info("answering at {}", options.records);
	result = run(&recorder);
	tear_down(&recorder);
	if (result) {
		fmt_format(why, sizeof(why), "cannot go on: {}", strerror(-result));
		return fail(why);
	}
	log_info("ended");
	return EXIT_SUCCESS;
}
