#include "history.h"
#include "json.h"
#include "text.h"
#include "verbs.h"

#include <string.h>

/* Each line says whose it is, so that lines can be looked for. */
static void print_line(const struct mett_record *record, const char *line, size_t size,
                       const char *begin)
{
	struct colours colours = text_colours(stdout);
	char unit[TEXT_UNIT_MAX];

	printf("%s%s %s %llu%s %s", colours.faint, text_time(record->begin_us, unit),
	       record->action, (unsigned long long)record->activation, colours.off, begin);
	text_print(stdout, line, size);
	printf("%s\n", *begin ? colours.off : "");
}

static void print(const struct mett_record *record, void *ret_any)
{
	const char *line = record->log, *end = line + record->log_size;
	bool failed = record->error.reason != METT_OK;
	char why[HISTORY_WHY_MAX];

	*(bool *)ret_any |= line < end || failed;
	while (line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((next ? next : end) - line);

		print_line(record, line, size, "");
		line += size + 1;
	}
	if (failed) {
		const char *text = history_why(record, why);

		print_line(record, text, strlen(text), text_colours(stdout).bad);
	}
	text_flush();
}

static void print_json(const struct mett_record *record, void *unused)
{
	json_print_line(history_json(record));
}

static int run(struct options *options)
{
	static const struct option own[] = {
		HISTORY_OPTIONS,
		{"follow", no_argument, NULL, 'f'},
		{0},
	};
	struct mett_records_query query = {0};
	bool any = false;
	int letter;

	while ((letter = options_next(options, HISTORY_LETTERS "f", own)) != OPTIONS_END)
		if (letter == 'f')
			query.follow = 1;
		else
			history_option(&query, options, letter);
	options_operands(options, 0, 1, "[NAME]");
	/* Of one id the newest is meant, also when it wrote nothing. */
	query.wrote = !query.activation;
	int status = history_each(options, &query, options->json ? print_json : print, &any);
	if (status == STATUS_GOOD && !any && !options->json)
		fputs("No log is recorded that fits.\n", stderr);
	return status;
}

const struct verb verb_logs = {
	.name = "logs",
	.summary = "show what functions wrote, and how they failed",
	.usage = "[OPTION]... [NAME]",
	.text = "Shows what functions wrote to their output and error output, of all actions or of NAME,\n"
		"the newest last. Each line begins with when the activation began, its action and its\n"
		"id; of one that failed the last says why. With --json each activation is a line.\n"
		"Those that wrote nothing, and did not fail, are not counted.\n"
		"\n"
		"  -f, --follow             go on with what comes, until Ctrl-C\n" HISTORY_HELP,
	.examples = "  mett logs hello\n"
		    "  mett logs --failed --since=10m\n"
		    "  mett logs --json --limit=1 hello\n",
	.run = run,
};
