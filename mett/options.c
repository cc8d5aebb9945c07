#include "options.h"

#include "text.h"
#include "verbs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 32, LETTERS_MAX = 64 };

const char options_common[] =
	"  -s, --socket=PATH        server's socket ($METT_SOCKET, or the usual place)\n"
	"  -n, --namespace=NAME     namespace ($METT_NAMESPACE, or the user's own)\n"
	"  -j, --json               print what a program can read\n"
	"  -h, --help               tell what the verb does\n"
	"  -V, --version            print the version\n";

static const char common_letters[] = "s:n:jhV";
static const struct option common[] = {
	{"socket", required_argument, NULL, 's'}, {"namespace", required_argument, NULL, 'n'},
	{"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
};

enum { COMMON_COUNT = sizeof(common) / sizeof(common[0]) };

void options_wrong(const struct options *options, const char *format, ...)
{
	va_list args;
	const char *verb = options->verb->name;

	va_start(args, format);
	char *what = text_vformat(format, args);
	va_end(args);
	say("%s%s%s; see 'mett help%s%s'", verb, *verb ? ": " : "", what, *verb ? " " : "", verb);
	free(what);
	exit(STATUS_USAGE);
}

/* The verb's own options, and then those of all; returns how many. */
static unsigned merge(const struct option *own, struct option all[OPTIONS_MAX + 1])
{
	unsigned count = 0;

	while (own && own->name && count < OPTIONS_MAX - COMMON_COUNT)
		all[count++] = *own++;
	memcpy(&all[count], common, sizeof(common));
	count += COMMON_COUNT;
	all[count] = (struct option){0};
	return count;
}

__attribute__((noreturn)) static void no_option(const struct options *options, const char *word,
                                                const struct option *all)
{
	const char *names[OPTIONS_MAX + 1];
	char name[64]; /* an option's is shorter */
	unsigned count = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	if (strncmp(word, "--", 2))
		options_wrong(options, "there is no option '-%c'", optopt);
	for (; all->name; all++)
		names[count++] = all->name;
	names[count] = NULL;
	const char *nearest = text_nearest(name + 2, names);
	if (nearest)
		options_wrong(options, "there is no option '%s', but there is '--%s'", name,
		              nearest);
	options_wrong(options, "there is no option '%s'", name);
}

/* getopt says little of what it did not understand. */
__attribute__((noreturn)) static void misunderstood(const struct options *options, int letter,
                                                    const struct option *all)
{
	const char *word = options->argv[optind - 1];

	if (letter == ':')
		options_wrong(options, "option '%s' needs a value", word);
	for (const struct option *option = all; option->name; option++)
		if (optopt && option->val == optopt) /* --json=x */
			options_wrong(options, "option '--%s' takes no value", option->name);
	if (!strncmp(word, "--", 2) && !optopt) {
		unsigned fitting = 0;

		for (const struct option *option = all; option->name; option++)
			fitting += !strncmp(option->name, word + 2, strcspn(word + 2, "="));
		if (fitting > 1)
			options_wrong(options, "option '%s' can mean several", word);
	}
	no_option(options, word, all);
}

static void take_common(struct options *options, int letter)
{
	switch (letter) {
	case 's':
		options->socket = optarg;
		break;
	case 'n':
		options->space = optarg;
		break;
	case 'j':
		options->json = true;
		break;
	case 'V':
		puts("mett " METT_VERSION);
		exit(text_finish(STATUS_GOOD));
	default:
		if (*options->verb->name)
			verb_help(options->verb);
		else
			verb_find("help")->run(&(struct options){
				.verb = options->verb, .argc = 1, .argv = options->argv});
		exit(text_finish(STATUS_GOOD));
	}
}

int options_next(struct options *options, const char *letters, const struct option *own)
{
	struct option all[OPTIONS_MAX + 1];
	char all_letters[LETTERS_MAX];
	int letter;

	merge(own, all);
	/* A missing value is told apart by the colon, which follows a plus. */
	bool plus = *letters == '+';
	snprintf(all_letters, sizeof(all_letters), "%s:%s%s", plus ? "+" : "", letters + plus,
	         common_letters);
	if (!options->operands) {
		optind = 0;
		options->operands = options->argv;
	}
	opterr = 0;
	while ((letter = getopt_long(options->argc, options->argv, all_letters, all, NULL)) != -1) {
		if (letter == '?' || letter == ':')
			misunderstood(options, letter, all);
		bool is_own = letter >= OPTIONS_LONG || strchr(letters, letter);
		if (is_own)
			return letter;
		take_common(options, letter);
	}
	options->operands = options->argv + optind;
	options->operand_count = options->argc - optind;
	return OPTIONS_END;
}

void options_operands(const struct options *options, int least, int most, const char *what)
{
	if (options->operand_count < least)
		options_wrong(options, "say %s", what);
	if (options->operand_count > most)
		options_wrong(options, "'%s' is one argument too many", options->operands[most]);
}

uint64_t options_size(const struct options *options, const char *name, const char *text)
{
	uint64_t size = 0;

	if (!text_to_size(text, &size))
		options_wrong(options, "%s: '%s' is no size; say it as 64M, 1.5G or 4096", name,
		              text);
	return size;
}

uint64_t options_memory(const struct options *options, const char *text)
{
	uint64_t size = 0;

	if (!text_to_memory(text, &size))
		options_wrong(options,
		              "--memory: '%s' is no size from 64K, the least that a process can "
		              "live with; say it as 64M or 1.5G",
		              text);
	return size;
}

uint64_t options_duration_us(const struct options *options, const char *name, const char *text)
{
	uint64_t us = 0;

	if (!text_to_duration(text, &us))
		options_wrong(options, "%s: '%s' is no time with a unit; say it as 200ms or 1.5s",
		              name, text);
	return us;
}

uint64_t options_count(const struct options *options, const char *name, const char *text,
                       uint64_t least, uint64_t most)
{
	uint64_t count = 0;

	if (!text_to_count(text, least, most, &count))
		options_wrong(options, "%s: '%s' is no whole number from %llu to %llu", name, text,
		              (unsigned long long)least, (unsigned long long)most);
	return count;
}
