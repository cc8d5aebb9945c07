/*
 * mett-eagle: the server's start on Linux. Rights go one after the other: the
 * launcher is made while all are there, and keeps what it needs of them; from
 * then on this process has none but to talk to it and to its clients.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "door.h"
#include "host.h"
#include "options.h"
#include "rights.h"

struct signals {
	struct sys_watch watch;
	struct server *server;
};

static int fail(const char *why)
{
	log_fatal("{}", why);
	return EXIT_FAILURE;
}

/* Cores that are no client's are for what is not on the path of an invocation. */
static void leave_cores_to_clients(const struct options *options)
{
	cpu_set_t all, rest;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	CPU_XOR(&rest, &all, &options->cores);
	if (CPU_COUNT(&rest))
		sched_setaffinity(0, sizeof(rest), &rest);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void notify_manager(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

static void tell_ready(const struct options *options)
{
	notify_manager("READY=1");
	if (options->ready_fd < 0)
		return;
	if (write(options->ready_fd, "\n", 1) < 0)
		log_warn("--ready-fd: cannot write to descriptor {}: {}", options->ready_fd,
		         strerror(errno));
	close(options->ready_fd);
}

static void signal_came(struct sys_watch *watch)
{
	struct signals *signals = (struct signals *)watch;
	struct signalfd_siginfo info;

	if (read(watch->cap, &info, sizeof(info)) != sizeof(info))
		return;
	notify_manager("STOPPING=1");
	server_stop(signals->server);
}

static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigprocmask(SIG_BLOCK, ret, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A log that nobody can take any more must not end the server, nor one too large. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int serve(struct server *server, const struct options *options, const struct door *door,
                 const sigset_t *set)
{
	struct signals signals = {
		.watch = {.ready = signal_came, .cap = SYS_NO_CAP},
		.server = server,
	};
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	int error = fd < 0 ? -errno : sys_loop_watch(server->loop, &signals.watch, fd);

	if (!error) {
		log_info("listening at {}; {} {} for clients", door->path,
		         options->server.core_count,
		         options->server.core_count == 1 ? "core" : "cores");
		tell_ready(options);
		error = server_run(server, door->gate);
		sys_loop_unwatch(server->loop, &signals.watch);
	}
	sys_cap_close(fd);
	return error;
}

/*
 * What the operator named must do. Without the default one the server serves all the
 * same, but for what needs it.
 */
static int open_state(const struct options *options, struct server_config *config, char *why,
                      size_t size)
{
	int error = -ENOENT;

	if (*options->state)
		error = sys_store_open(options->state, &config->store, why, size);
	else if (!options->state_default)
		return 0;
	else
		fmt_format(why, size,
		           "there is no folder to keep state in: neither XDG_STATE_HOME nor HOME "
		           "is set; choose one with --state");
	if (!error || !options->state_default)
		return error;
	log_warn("{}; named namespaces are refused", why);
	fmt_format(config->no_store, sizeof(config->no_store), "{}", why);
	return 0;
}

static int run_server(struct sys_host *host, const struct options *options,
                      const struct server_config *config, const struct door *door,
                      const sigset_t *set)
{
	static struct server server;
	/*
	 * As root this process still owns the sandboxes' user namespaces, and so may
	 * signal and limit what is in them; it may do nothing else that a user may not.
	 */
	int error = rights_drop();

	if (!error)
		error = reserve_init(&host->reserve);
	if (!error)
		error = reaper_new(&host->reaper);
	if (!error)
		error = server_init(&server, config, host);
	if (!error) {
		error = serve(&server, options, door, set);
		if (error == -ETIMEDOUT)
			return error; /* there are threads that use it still */
		reaper_free(host->reaper);
		reserve_deinit(&host->reserve);
		server_deinit(&server);
	}
	return error;
}

/* With the launcher up: open the door and the store, give the rest of the rights away, serve. */
static int run(struct sys_host *host, const struct options *options, const sigset_t *set)
{
	struct server_config config = options->server;
	struct door door;
	char why[512];

	if (door_open(&door, options->socket, options->socket_default, options->socket_mode, why,
	              sizeof(why)))
		return fail(why);
	int error = open_state(options, &config, why, sizeof(why));
	if (!error) {
		error = run_server(host, options, &config, &door, set);
		if (error != -ETIMEDOUT)
			sys_store_close(config.store);
		if (error)
			fmt_format(why, sizeof(why), "cannot serve: {}", strerror(-error));
	}
	door_close(&door);
	if (error)
		return fail(why);
	log_info("ended");
	return EXIT_SUCCESS;
}

static void print_options(const struct options *options)
{
	fmt_print(stdout, "socket {}\nsocket-mode {:04o}\nstate {}\ncores", options->socket,
	          options->socket_mode, *options->state ? options->state : "none");
	for (unsigned i = 0; i < options->server.core_count; i++)
		fmt_print(stdout, " {}", options->server.core_numbers[i]);
	fmt_print(stdout,
	          "\ncore-policy {}\nmax-clients {}\nmax-payload {}\nmax-memory {}\nparked {}\n"
	          "max-parked {}\n"
	          "spare-sandboxes {}\ndrain-timeout {}\nexec {}\npython {}\n",
	          options->server.core_policy == CORES_REFUSE ? "refuse" : "share",
	          options->server.clients_max, options->server.payload_max, options->memory_max,
	          options->server.parked, options->server.parked_max, options->spares,
	          options->server.drain_ns / 1000000, options->runtimes.program[METT_LANGUAGE_EXEC],
	          options->runtimes.program[METT_LANGUAGE_PYTHON]);
	const struct mett_quota *quota = &options->server.quota;
	fmt_print(stdout, "quota actions={},code={},memory={},parked={},concurrent={},rate={}\n",
	          quota->actions, quota->code, quota->memory, quota->parked, quota->concurrent,
	          quota->rate);
}

int main(int argc, char **argv)
{
	struct options options;
	struct sys_host host = {0};
	char why[512];
	sigset_t set;
	int result = options_parse(&options, argc, argv);

	if (result)
		return result - 1;
	block_signals(&set);
	raise_descriptor_limit();
	leave_cores_to_clients(&options);
	host.memory_max = options.memory_max;
	if (launcher_start(&host.launcher, options.spares, &options.runtimes, why, sizeof(why)))
		return fail(why);
	if (options.check) {
		launcher_stop(&host.launcher);
		print_options(&options);
		return EXIT_SUCCESS;
	}
	result = run(&host, &options, &set);
	launcher_stop(&host.launcher);
	return result;
}
