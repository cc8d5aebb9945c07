/*
 * mett-eagle: the server's start on L4Re. It is given a door, all cores that it may use,
 * and memory; see mett-eagle.cfg.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <liblog/log.h>

#include <manager/server.h>

#include "door.h"
#include "host.h"
#include "later.h"
#include "line.h"
#include "reaper.h"
#include "recycle.h"

OBJECTS(8192);

static const char help[] =
	"Usage: mett-eagle [OPTION]...\n"
	"Run functions for clients that have the other side of the channel 'server'.\n"
	"\n"
	"      --parked=N        workers kept ready for an action that is in use (4)\n"
	"      --max-parked=N    the same, when they are used up faster than made (16)\n"
	"      --max-memory=KIB  what a worker may allocate that has no limit (none)\n"
	"      --core-policy=P   share or refuse, when all cores have a client (share)\n"
	"  -h, --help            print this\n";

struct options {
	struct server_config server;
	struct sys_host host;
};

static bool read_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && *ret <= max;
}

static bool read_option(int option, const char *text, struct options *ret)
{
	unsigned long number = 0;

	switch (option) {
	case 'p':
		if (!read_number(text, 1024, &number) || !number)
			return false;
		ret->server.parked = (unsigned)number;
		if (ret->server.parked_max < number)
			ret->server.parked_max = (unsigned)number;
		return true;
	case 'P':
		ret->server.parked_max = 0;
		if (!read_number(text, 1024, &number))
			return false;
		ret->server.parked_max = (unsigned)number;
		return true;
	case 'm':
		if (!read_number(text, 1ul << 30, &number))
			return false;
		ret->host.memory_max = (uint64_t)number << 10;
		return true;
	case 'c':
		ret->server.core_policy = strcmp(text, "refuse") ? CORES_SHARE : CORES_REFUSE;
		return !strcmp(text, "refuse") || !strcmp(text, "share");
	default:
		return false;
	}
}

/* Returns -1 to go on, or an exit status. */
static int read_options(int argc, char **argv, struct options *ret)
{
	static const struct option options[] = {
		{"parked", required_argument, NULL, 'p'},
		{"max-parked", required_argument, NULL, 'P'},
		{"max-memory", required_argument, NULL, 'm'},
		{"core-policy", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (!read_option(option, optarg ? optarg : "", ret)) {
			log_fatal("option '{}' is wrong; see --help",
			          optarg ? optarg : "without a value");
			return 2;
		}
	}
	return -1;
}

static void find_cores(struct server_config *config)
{
	uint64_t cores = loop_cores();

	for (unsigned core = 0; core < 64; core++)
		if (cores >> core & 1)
			config->core_numbers[config->core_count++] = core;
}

int main(int argc, char **argv)
{
	static struct options options = {
		.server =
			{
				.payload_max = METT_PAYLOAD_MAX,
				.parked = 4,
				.parked_max = 16,
				.clients_max = 256,
				.drain_ns = 5000000000,
				.quota = {.actions = 1000, .code = 1 << 30},
			},
	};
	static struct server server;
	sys_cap door;
	int status = read_options(argc, argv, &options);

	if (status >= 0)
		return status;
	line_init();
	find_cores(&options.server);
	int error = reaper_start();
	if (!error)
		error = recycle_start(loop_cores());
	if (!error)
		error = door_open("server", &door);
	if (error == -ENOENT)
		log_fatal(
			"there is no capability 'server'; give it the server's side of a channel");
	if (!error)
		error = server_init(&server, &options.server, &options.host);
	if (!error) {
		log_info("{} {} for clients", options.server.core_count,
		         options.server.core_count == 1 ? "core" : "cores");
		error = server_run(&server, door);
	}
	if (error)
		log_fatal("cannot serve: {}", strerror(-error));
	return EXIT_FAILURE;
}
