#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: mett-eagle-client [OPTION]...\n"
	"Measure a Mett-Eagle server: threads, each a client of its own, invoke a function.\n"
	"\n"
	"  -t, --threads=N          clients at the same time (1)\n"
	"  -i, --iterations=I       invocations of each (1000)\n"
	"  -s, --socket=PATH        server's socket ($METT_SOCKET, or the usual place)\n"
	"  -f, --function=FILE      program to invoke (empty); a name without a slash is\n"
	"                           looked for here, then among the client's own functions\n"
	"  -l, --language=LANGUAGE  of it: binary, c, python, exec or actionloop (c for .c,\n"
	"                           python for .py and .zip, else binary)\n"
	"  -g, --grant=WHAT         what the functions see: system, being the machine's /usr,\n"
	"                           /bin and /lib, for reading only, or env:KEY=VALUE in\n"
	"                           their environment; repeatable (nothing)\n"
	"  -a, --arg=TEXT           argument of each invocation\n"
	"  -c, --callee=NAME=FILE   another action, for functions that call one; repeatable\n"
	"  -p, --policy=POLICY      how fresh a worker is: fork, spawn or reuse (fork)\n"
	"      --timeout-us=TIME    limit of an invocation in microseconds\n"
	"      --memory-limit=SIZE  limit of a worker in bytes; K, M and G are understood\n"
	"  -r, --rate=PER_SECOND    pace of each client (as fast as they go)\n"
	"      --summary            print a table (what a terminal gets)\n"
	"      --raw                print all times as the plotting tools read them (what\n"
	"                           a file or pipe gets)\n"
	"      --json               print the table as JSON\n"
	"  -h, --help               print this\n"
	"  -V, --version            print the version\n"
	"\n"
	"Exit status: 0 if all invocations were answered, 1 if not, 2 if the command line is\n"
	"wrong.\n";

enum { LANGUAGE_C = METT_LANGUAGE_COUNT };

enum { OPTION_TIMEOUT = 256, OPTION_MEMORY, OPTION_SUMMARY, OPTION_RAW, OPTION_JSON };

static const struct option long_options[] = {
	{"threads", required_argument, NULL, 't'},
	{"iterations", required_argument, NULL, 'i'},
	{"socket", required_argument, NULL, 's'},
	{"function", required_argument, NULL, 'f'},
	{"grant", required_argument, NULL, 'g'},
	{"language", required_argument, NULL, 'l'},
	{"arg", required_argument, NULL, 'a'},
	{"callee", required_argument, NULL, 'c'},
	{"policy", required_argument, NULL, 'p'},
	{"timeout-us", required_argument, NULL, OPTION_TIMEOUT},
	{"memory-limit", required_argument, NULL, OPTION_MEMORY},
	{"rate", required_argument, NULL, 'r'},
	{"summary", no_argument, NULL, OPTION_SUMMARY},
	{"raw", no_argument, NULL, OPTION_RAW},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static const char *const policies[] = {
	[METT_POLICY_DEFAULT] = "default",
	[METT_POLICY_FORK] = "fork",
	[METT_POLICY_SPAWN] = "spawn",
	[METT_POLICY_REUSE] = "reuse",
};

const char *options_policy_name(enum mett_policy policy)
{
	return policies[policy];
}

__attribute__((format(printf, 1, 2))) static bool wrong(const char *format, ...)
{
	va_list args;

	fputs("mett-eagle-client: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry 'mett-eagle-client --help' for more information.\n", stderr);
	return false;
}

/* A whole number, and with @units one of K, M, G behind it. */
static bool read_number(const char *option, const char *text, bool units, uint64_t min,
                        uint64_t max, uint64_t *ret)
{
	char *end = (char *)text;
	unsigned shift = 0;

	errno = 0;
	uint64_t number = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	if (units && end != text && *end) {
		const char *unit = strchr("KMG", *end);

		if (unit) {
			shift = 10 * (unsigned)(1 + unit - "KMG");
			end++;
		}
	}
	if (end == text || *end || errno || number > max >> shift || number << shift < min)
		return wrong("--%s: '%s' is not a whole number from %llu to %llu%s", option, text,
		             (unsigned long long)min, (unsigned long long)max,
		             units ? ", K, M and G understood" : "");
	*ret = number << shift;
	return true;
}

static bool read_rate(const char *text, double *ret)
{
	char *end;
	double rate = strtod(text, &end);

	if (end == text || *end || !isfinite(rate) || rate <= 0)
		return wrong("--rate: '%s' is not a positive number of invocations a second", text);
	*ret = rate;
	return true;
}

/* LANGUAGE_C is the client's own: to the server it sends a program. */
static bool read_language(const char *text, int *ret)
{
	if (!strcmp(text, "c")) {
		*ret = LANGUAGE_C;
		return true;
	}
	for (int language = 0; language < METT_LANGUAGE_COUNT; language++)
		if (!strcmp(text, mett_language_name((enum mett_language)language))) {
			*ret = language;
			return true;
		}
	return wrong("--language: there is no '%s'; say binary, c, python, exec or actionloop",
	             text);
}

/* Whether the key is a lawful one the library says, and the limit in bytes. */
static bool read_variable(const char *text, struct options *options)
{
	if (!strchr(text, '=') || *text == '=')
		return wrong("--grant: 'env:%s' is not of the form env:KEY=VALUE", text);
	if (options->variable_count == VARIABLES_MAX)
		return wrong("--grant: more than %d of env:", VARIABLES_MAX);
	options->environment[options->variable_count++] = text;
	return true;
}

static bool read_grant(const char *text, struct options *options)
{
	static const char variable[] = "env:";

	if (!strncmp(text, variable, strlen(variable)))
		return read_variable(text + strlen(variable), options);
	if (strcmp(text, "system"))
		return wrong("--grant: there is no '%s'; say system, or env:KEY=VALUE", text);
	options->grants |= METT_GRANT_SYSTEM;
	return true;
}

static bool read_policy(const char *text, enum mett_policy *ret)
{
	for (unsigned i = METT_POLICY_FORK; i <= METT_POLICY_REUSE; i++)
		if (!strcmp(text, policies[i])) {
			*ret = i;
			return true;
		}
	return wrong("--policy: there is no '%s'; say fork, spawn or reuse", text);
}

/* Where our own functions are: beside this program before it is installed. */
static void own_function(const char *name, char *ret)
{
	char self[PATH_SIZE] = "";
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	while (length > 0 && self[length - 1] != '/')
		length--;
	snprintf(ret, PATH_SIZE, "%.*sfunctions/%s", length > 0 ? (int)length : 0, self, name);
	if (length <= 0 || access(ret, F_OK) < 0)
		snprintf(ret, PATH_SIZE, METT_FUNCTIONS "/%s", name);
}

static bool ends_in(const char *file, const char *end)
{
	size_t length = strlen(file), end_length = strlen(end);

	return length > end_length && !strcmp(file + length - end_length, end);
}

static void set_language(struct action *action, int language)
{
	action->source = language == LANGUAGE_C;
	action->language = action->source ? METT_LANGUAGE_BINARY : (enum mett_language)language;
}

static int language_of(const char *file)
{
	if (ends_in(file, ".c"))
		return LANGUAGE_C;
	return ends_in(file, ".py") || ends_in(file, ".zip") ? METT_LANGUAGE_PYTHON
	                                                     : METT_LANGUAGE_BINARY;
}

static void set_action(struct action *action, const char *name, const char *file)
{
	action->name = name;
	action->program = -1;
	set_language(action, language_of(file));
	if (strchr(file, '/') || access(file, F_OK) == 0)
		snprintf(action->path, sizeof(action->path), "%s", file);
	else
		own_function(file, action->path);
}

/* Cuts NAME=FILE in two. */
static bool read_callee(char *text, struct options *options)
{
	char *file = strchr(text, '=');

	if (!file || !file[1])
		return wrong("--callee: '%s' is not of the form NAME=FILE", text);
	*file++ = 0;
	if (!mett_name_valid(text))
		return wrong("--callee: '%s' is no name for an action; use [A-Za-z0-9._-]{1,%d}",
		             text, METT_NAME_MAX);
	if (options->action_count == ACTIONS_MAX)
		return wrong("--callee: more than %d", ACTIONS_MAX - 1);
	set_action(&options->actions[options->action_count++], text, file);
	return true;
}

static bool read_form(struct options *options, enum output_form form)
{
	if (options->form != OUTPUT_BY_TERMINAL && options->form != form)
		return wrong("--summary, --raw and --json exclude each other");
	options->form = form;
	return true;
}

static bool read_option(int option, struct options *options, int *language)
{
	uint64_t number = 0;
	bool good;

	switch (option) {
	case 't':
		good = read_number("threads", optarg, false, 1, THREADS_MAX, &number);
		options->threads = (unsigned)number;
		return good;
	case 'i':
		good = read_number("iterations", optarg, true, 1, 1000000000, &number);
		options->iterations = number;
		return good;
	case 's':
		options->socket = optarg;
		return true;
	case 'f':
		set_action(&options->actions[0], "function", optarg);
		return true;
	case 'l':
		return read_language(optarg, language);
	case 'g':
		return read_grant(optarg, options);
	case 'a':
		options->argument = optarg;
		return true;
	case 'c':
		return read_callee(optarg, options);
	case 'p':
		return read_policy(optarg, &options->policy);
	case OPTION_TIMEOUT:
		return read_number("timeout-us", optarg, false, 1, 1000000000000,
		                   &options->config.timeout_us);
	case OPTION_MEMORY:
		return read_number("memory-limit", optarg, true, 1, UINT64_MAX >> 1,
		                   &options->config.memory_limit);
	case 'r':
		return read_rate(optarg, &options->rate);
	case OPTION_SUMMARY:
		return read_form(options, OUTPUT_SUMMARY);
	case OPTION_RAW:
		return read_form(options, OUTPUT_RAW);
	case OPTION_JSON:
		return read_form(options, OUTPUT_JSON);
	default:
		fputs("Try 'mett-eagle-client --help' for more information.\n", stderr);
		return false;
	}
}

enum options_outcome options_read(int argc, char **argv, struct options *ret)
{
	int option, language = -1;

	*ret = (struct options){
		.threads = 1,
		.iterations = 1000,
		.argument = "",
		.policy = METT_POLICY_FORK,
		.action_count = 1,
		.actions[0] = {.name = "function", .program = -1},
	};
	own_function("empty", ret->actions[0].path);
	optind = 0;
	while ((option = getopt_long(argc, argv, "t:i:s:f:l:g:a:c:p:r:hV", long_options, NULL)) !=
	       -1) {
		if (option == 'h' || option == 'V') {
			fputs(option == 'h' ? help : "mett-eagle-client " METT_VERSION "\n",
			      stdout);
			if (!fflush(stdout))
				return OPTIONS_DONE;
			fprintf(stderr, "mett-eagle-client: cannot print: %s\n", strerror(errno));
			return OPTIONS_FAILED;
		}
		if (!read_option(option, ret, &language))
			return OPTIONS_WRONG;
	}
	if (language >= 0)
		set_language(&ret->actions[0], language);
	if (optind < argc) {
		wrong("'%s' belongs to no option", argv[optind]);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}
