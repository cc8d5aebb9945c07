#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "stats.h"
#include "targets.h"

static const char help[] =
	"Usage: bench [OPTION]...\n"
	"Measure what an invocation costs beside what waking, forking, starting and confining a\n"
	"process costs on the same core, at the same pace, in the same run.\n"
	"\n"
	"  -q, --quick          few samples: whether it works, in seconds; the figures are rough\n"
	"  -r, --rounds=N       rounds, 1 to 25 (5)\n"
	"  -O, --only=NAME,...  only these targets\n"
	"  -j, --json           print JSON in place of the table\n"
	"  -o, --output=FILE    write JSON to FILE too\n"
	"  -b, --build=FOLDER   where the server and the functions were built (this program's)\n"
	"  -h, --help           print this\n"
	"  -V, --version        print the version\n"
	"\n"
	"Targets:";

static const char epilogue[] =
	"\n\nExit status: 0 if all was measured, whether targets are met or not; 1 if something\n"
	"could not be measured; 2 if the command line is wrong.\n";

static const struct option long_options[] = {
	{"quick", no_argument, NULL, 'q'},
	{"rounds", required_argument, NULL, 'r'},
	{"only", required_argument, NULL, 'O'},
	{"json", no_argument, NULL, 'j'},
	{"output", required_argument, NULL, 'o'},
	{"build", required_argument, NULL, 'b'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static void print_help(void)
{
	unsigned column = 80;

	fputs(help, stdout);
	for (unsigned i = 0; i < TARGET_COUNT; i++) {
		const char *name = target_table[i].name;

		column += (unsigned)strlen(name) + 1;
		if (column > 80) {
			fputs("\n ", stdout);
			column = (unsigned)strlen(name) + 2;
		}
		fmt_print(stdout, " {}", name);
	}
	fputs(epilogue, stdout);
}

static bool wrong(const char *option, const char *value, const char *what)
{
	fmt_print(stderr, "bench: --{}: '{}' {}\nTry 'bench --help'.\n", option, value, what);
	return false;
}

static bool read_rounds(const char *text, unsigned *ret)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number < 1 || number > ROUNDS_MAX)
		return wrong("rounds", text, "is not a whole number from 1 to 25");
	*ret = (unsigned)number;
	return true;
}

static bool read_only(char *text, unsigned *ret)
{
	char *rest;

	*ret = 0;
	for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		unsigned i = 0;

		while (i < TARGET_COUNT && strcmp(target_table[i].name, name))
			i++;
		if (i == TARGET_COUNT)
			return wrong("only", name, "is no target");
		*ret |= 1U << i;
	}
	return *ret || wrong("only", "", "names no target");
}

static bool read_option(int option, struct options *options, const char **build)
{
	switch (option) {
	case 'q':
		options->quick = true;
		return true;
	case 'r':
		return read_rounds(optarg, &options->rounds);
	case 'O':
		options->all = false;
		return read_only(optarg, &options->targets);
	case 'j':
		options->json = true;
		return true;
	case 'o':
		options->output = optarg;
		return true;
	case 'b':
		*build = optarg;
		return true;
	default:
		fmt_print(stderr, "Try 'bench --help'.\n");
		return false;
	}
}

/* Whether all programs are there. */
static bool find_files(const char *build, struct files *ret)
{
	char own[256];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	/* BUILD/bench/bench */
	for (unsigned slashes = 0; length > 0 && slashes < 2;)
		slashes += own[--length] == '/';
	own[length > 0 ? length : 0] = 0;
	if (!build)
		build = own;
	const struct {
		char *path;
		const char *name;
	} programs[] = {
		{ret->server, "mett-eagle/mett-eagle"},
		{ret->recorder, "recorder/mett-recorder"},
		{ret->program, "bench/bench-program"},
		{ret->small, "bench/bench-small"},
		{ret->empty, "mett-eagle-client/functions/empty"},
		{ret->echo, "mett-eagle-client/functions/echo"},
		{ret->call, "mett-eagle-client/functions/call"},
	};
	fmt_format(ret->python, FILES_PATH, "{}/libfaas/python/python-faas3", build);
	if (access(ret->python, X_OK) < 0)
		ret->python[0] = 0;
	else
		fmt_format(ret->python, FILES_PATH, "{}/mett-eagle-client/functions/empty.py",
		           build);
	fmt_format(ret->python_sleep, FILES_PATH, "{}/mett-eagle-client/functions/sleep.py", build);
	fmt_format(ret->python_imports, FILES_PATH, "{}/bench/imports.py", build);
	for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		fmt_format(programs[i].path, FILES_PATH, "{}/{}", build, programs[i].name);
		if (access(programs[i].path, X_OK) < 0)
			return wrong("build", programs[i].path, strerror(errno));
	}
	return true;
}

enum options_outcome options_read(int argc, char **argv, struct options *ret)
{
	const char *build = NULL;
	int option;

	*ret = (struct options){.rounds = 5, .targets = (1U << TARGET_COUNT) - 1, .all = true};
	while ((option = getopt_long(argc, argv, "qr:O:jo:b:hV", long_options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return OPTIONS_DONE;
		}
		if (option == 'V') {
			fputs("bench " METT_VERSION "\n", stdout);
			return OPTIONS_DONE;
		}
		if (!read_option(option, ret, &build))
			return OPTIONS_WRONG;
	}
	if (optind < argc) {
		fmt_print(stderr, "bench: '{}' belongs to no option\nTry 'bench --help'.\n",
		          argv[optind]);
		return OPTIONS_WRONG;
	}
	return find_files(build, &ret->files) ? OPTIONS_RUN : OPTIONS_WRONG;
}
