#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mett-eagle/registry.h>

#include <libfmt/fmt.h>

#include "command.h"
#include "launcher.h"

enum {
	PARKED_DEFAULT = 2,
	PARKED_MAX_DEFAULT = 16,
	PARKED_MAX = 64,
	SPARES_DEFAULT = 2,
	CLIENTS_DEFAULT = 1024,
	CLIENTS_MAX = 65536,
	DRAIN_DEFAULT_MS = 10000,
	QUOTA_ACTIONS_DEFAULT = 1000,
	QUOTA_CODE_DEFAULT = 1 << 30,
};

const char command_name[] = "mett-eagle";

static const char help[] =
	"Usage: mett-eagle [OPTION]...\n"
	"Run functions for local clients, each invocation in a fresh sealed process.\n"
	"\n"
	"  --socket PATH         listen at PATH (default: $METT_SOCKET, else\n"
	"                        $XDG_RUNTIME_DIR/mett-eagle/socket, else\n"
	"                        /run/mett-eagle/socket)\n"
	"  --socket-mode MODE    who may connect, as octal file mode (default 0600)\n"
	"  --state DIR           keep named namespaces and their actions in DIR; 'none': keep\n"
	"                        nothing (default: $XDG_STATE_HOME/mett-eagle, else\n"
	"                        /var/lib/mett-eagle for root, ~/.local/state/mett-eagle for\n"
	"                        others)\n"
	"  --cores LIST          cores for clients, as 0-3,6 (default: all there are)\n"
	"  --core-policy POLICY  when each core has a client: share one, or refuse\n"
	"                        (default share)\n"
	"  --max-clients N       clients at the same time (default 1024)\n"
	"  --max-payload SIZE    largest argument or answer (default and most: 16M)\n"
	"  --max-memory SIZE     most private memory of one worker, 0: no bound\n"
	"                        (default: half of the machine's)\n"
	"  --parked N            workers kept ready for an action in use (default 2)\n"
	"  --max-parked N        the same, for one that uses them up faster than they\n"
	"                        are made (default 16)\n"
	"  --spare-sandboxes N   sandboxes kept ready for the next start of a program\n"
	"                        (default 2)\n"
	"  --quota KEY=N[,...]   what a namespace may have unless it is given its own: actions,\n"
	"                        code, memory, parked, concurrent, rate; 0: no limit (default:\n"
	"                        actions=1000,code=1G)\n"
	"  --drain-timeout MS    how long SIGTERM lets activations end (default 10000)\n"
	"  --exec PATH           what runs actions of language exec and actionloop (default:\n"
	"                        the one that was installed or built with this server)\n"
	"  --python PATH         runtime of actions in Python (default: the one that was\n"
	"                        installed or built with this server)\n"
	"  --ready-fd N          write a line to descriptor N when clients can connect\n"
	"  -n, --check           check the configuration, print it, and exit\n"
	"  -h, --help            print this help and exit\n"
	"  -V, --version         print the version and exit\n"
	"\n"
	"LOG_LEVEL, LOG_FORMAT and NO_COLOR shape the log on stderr. See mett-eagle(8).\n";

/* "0-3,6" into a set, whatever cores there are. */
static bool parse_cores(const char *text, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text || *text == '-')
			return false;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text || *text == '-')
				return false;
		}
		if (last < first || last >= CPU_SETSIZE || (*end && *end != ','))
			return false;
		for (unsigned long core = first; core <= last; core++)
			CPU_SET(core, ret);
		text = *end ? end + 1 : end;
		if (*end && !*text)
			return false;
	}
	return CPU_COUNT(ret) > 0;
}

static int choose_cores(struct options *options, const char *list)
{
	cpu_set_t present;

	if (sched_getaffinity(0, sizeof(present), &present) < 0)
		return WRONG("cannot ask for the cores there are: {}", strerror(errno));
	options->cores = present;
	if (list && !parse_cores(list, &options->cores))
		return WRONG("--cores: '{}' is no list of cores; write it as 0-3,6", list);
	for (unsigned core = 0; core < CPU_SETSIZE; core++) {
		if (!CPU_ISSET(core, &options->cores))
			continue;
		if (!CPU_ISSET(core, &present))
			return WRONG("--cores: core {} is not there, or not this process's to use "
			             "(see taskset -p $$)",
			             core);
		options->server.core_numbers[options->server.core_count++] = core;
	}
	return 0;
}

static void set_defaults(struct options *options)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);

	*options = (struct options){
		.socket_default = true,
		.socket_mode = 0600,
		.state_default = true,
		.server =
			{
				.core_policy = CORES_SHARE,
				.payload_max = METT_PAYLOAD_MAX,
				.parked = PARKED_DEFAULT,
				.parked_max = PARKED_MAX_DEFAULT,
				.clients_max = CLIENTS_DEFAULT,
				.drain_ns = DRAIN_DEFAULT_MS * (uint64_t)1000000,
				.quota = {.actions = QUOTA_ACTIONS_DEFAULT,
	                                  .code = QUOTA_CODE_DEFAULT},
			},
		.spares = SPARES_DEFAULT,
		.memory_max = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 2,
		.ready_fd = -1,
	};
}

/* Where a program is that was installed, or else built, together with this one. */
static void find_beside(const char *installed, const char *built, char ret[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length < 0 ? 0 : length] = 0;
	fmt_format(ret, PATH_MAX, "{}/../{}", dirname(self), installed);
	if (access(ret, F_OK) == 0)
		return;
	char other[PATH_MAX];
	fmt_format(other, sizeof(other), "{}/../{}", self, built);
	if (access(other, F_OK) == 0)
		strcpy(ret, other);
}

static void find_runtimes(struct runtime_paths *ret)
{
	static char exec[PATH_MAX], python[PATH_MAX];

	find_beside("libexec/mett-eagle/python-faas3", "libfaas/python/python-faas3", python);
	ret->program[METT_LANGUAGE_PYTHON] = python;
	find_beside("libexec/mett-eagle/exec-faas", "libfaas/exec/exec-faas", exec);
	ret->program[METT_LANGUAGE_EXEC] = ret->program[METT_LANGUAGE_ACTIONLOOP] = exec;
}

enum option_name {
	OPTION_SOCKET = 256,
	OPTION_SOCKET_MODE,
	OPTION_STATE,
	OPTION_QUOTA,
	OPTION_CORES,
	OPTION_CORE_POLICY,
	OPTION_MAX_CLIENTS,
	OPTION_MAX_PAYLOAD,
	OPTION_MAX_MEMORY,
	OPTION_PARKED,
	OPTION_MAX_PARKED,
	OPTION_SPARES,
	OPTION_DRAIN,
	OPTION_READY_FD,
	OPTION_EXEC,
	OPTION_PYTHON,
};

static int take_state(struct options *options, const char *path)
{
	if (!*path || strlen(path) >= sizeof(options->state))
		return WRONG("--state: a path has 1 to {} bytes; choose another, or none",
		             sizeof(options->state) - 1);
	strcpy(options->state, strcmp(path, "none") ? path : "");
	options->state_default = false;
	return 0;
}

/* What is not named stays as it was. */
static int take_quota(struct mett_quota *quota, const char *text)
{
	const struct {
		const char *key;
		uint64_t *value;
	} known[] = {
		{"actions", &quota->actions},       {"code", &quota->code},
		{"memory", &quota->memory},         {"parked", &quota->parked},
		{"concurrent", &quota->concurrent}, {"rate", &quota->rate},
	};
	char copy[256], *rest = copy, *item, *value;

	if (strlen(text) >= sizeof(copy))
		return WRONG("--quota '{}': too long", text);
	strcpy(copy, text);
	while ((item = strsep(&rest, ","))) {
		unsigned i = 0;

		value = strchr(item, '=');
		if (value)
			*value++ = 0;
		while (i < sizeof(known) / sizeof(*known) && strcmp(item, known[i].key) != 0)
			i++;
		if (i == sizeof(known) / sizeof(*known))
			return WRONG("--quota '{}': no '{}'; there are actions, code, memory, "
			             "parked, concurrent and rate",
			             text, item);
		if (!value || !command_parse_size(value, INT64_MAX, known[i].value))
			return WRONG("--quota '{}': give {} a number, as 10 or 1G", text, item);
	}
	return 0;
}

static int take_policy(struct options *options, const char *text)
{
	if (!strcmp(text, "share"))
		options->server.core_policy = CORES_SHARE;
	else if (!strcmp(text, "refuse"))
		options->server.core_policy = CORES_REFUSE;
	else
		return WRONG("--core-policy: '{}' is none; choose share or refuse", text);
	return 0;
}

static int take_number(struct options *options, int option, const char *text)
{
	uint64_t value = 0;
	int result = 0;

	switch (option) {
	case OPTION_MAX_CLIENTS:
		result = command_number("max-clients", text, 1, CLIENTS_MAX, &value);
		options->server.clients_max = (unsigned)value;
		break;
	case OPTION_MAX_PAYLOAD:
		result = command_size("max-payload", text, METT_INLINE_MAX, METT_PAYLOAD_MAX,
		                      &value);
		options->server.payload_max = value;
		break;
	case OPTION_MAX_MEMORY:
		result = command_size("max-memory", text, 0, (uint64_t)1 << 50, &value);
		options->memory_max = value;
		break;
	case OPTION_PARKED:
		result = command_number("parked", text, 0, PARKED_MAX, &value);
		options->server.parked = (unsigned)value;
		break;
	case OPTION_MAX_PARKED:
		result = command_number("max-parked", text, 0, PARKED_MAX, &value);
		options->server.parked_max = (unsigned)value;
		break;
	case OPTION_SPARES:
		result = command_number("spare-sandboxes", text, 0, LAUNCH_SPARES_MAX, &value);
		options->spares = (unsigned)value;
		break;
	case OPTION_DRAIN:
		result = command_number("drain-timeout", text, 0, 1000000000, &value);
		options->server.drain_ns = value * 1000000;
		break;
	case OPTION_READY_FD:
		result = command_number("ready-fd", text, 0, 65535, &value);
		options->ready_fd = (int)value;
		break;
	}
	return result;
}

static int take_option(struct options *options, int option, const char *text, const char **cores)
{
	switch (option) {
	case OPTION_SOCKET:
		options->socket_default = false;
		return command_path("socket", text, options->socket, sizeof(options->socket));
	case OPTION_SOCKET_MODE:
		return command_socket_mode(text, &options->socket_mode);
	case OPTION_STATE:
		return take_state(options, text);
	case OPTION_QUOTA:
		return take_quota(&options->server.quota, text);
	case OPTION_CORES:
		*cores = text;
		return 0;
	case OPTION_CORE_POLICY:
		return take_policy(options, text);
	case OPTION_EXEC:
		options->runtimes.program[METT_LANGUAGE_EXEC] = text;
		options->runtimes.program[METT_LANGUAGE_ACTIONLOOP] = text;
		return 0;
	case OPTION_PYTHON:
		options->runtimes.program[METT_LANGUAGE_PYTHON] = text;
		return 0;
	case 'n':
		options->check = true;
		return 0;
	case 'h':
	case 'V':
	case '?':
		return command_common(option, help);
	default:
		return take_number(options, option, text);
	}
}

int options_parse(struct options *ret, int argc, char **argv)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"socket-mode", required_argument, NULL, OPTION_SOCKET_MODE},
		{"state", required_argument, NULL, OPTION_STATE},
		{"quota", required_argument, NULL, OPTION_QUOTA},
		{"cores", required_argument, NULL, OPTION_CORES},
		{"core-policy", required_argument, NULL, OPTION_CORE_POLICY},
		{"max-clients", required_argument, NULL, OPTION_MAX_CLIENTS},
		{"max-payload", required_argument, NULL, OPTION_MAX_PAYLOAD},
		{"max-memory", required_argument, NULL, OPTION_MAX_MEMORY},
		{"parked", required_argument, NULL, OPTION_PARKED},
		{"max-parked", required_argument, NULL, OPTION_MAX_PARKED},
		{"spare-sandboxes", required_argument, NULL, OPTION_SPARES},
		{"drain-timeout", required_argument, NULL, OPTION_DRAIN},
		{"ready-fd", required_argument, NULL, OPTION_READY_FD},
		{"exec", required_argument, NULL, OPTION_EXEC},
		{"python", required_argument, NULL, OPTION_PYTHON},
		{"check", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *cores = NULL;
	int option, result;

	set_defaults(ret);
	find_runtimes(&ret->runtimes);
	/* Where there is no place for it, there is none; see main.c. */
	mett_default_state(ret->state, sizeof(ret->state));
	while ((option = getopt_long(argc, argv, "nhV", known, NULL)) != -1)
		if ((result = take_option(ret, option, optarg, &cores)))
			return result;
	result = command_finish(argc, argv, ret->socket, sizeof(ret->socket));
	return result ? result : choose_cores(ret, cores);
}
