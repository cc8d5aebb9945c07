/*
 * mett: the command line of Mett-Eagle. Here is the table of its verbs, and what is said to
 * who names none of them; each verb is in a file of its own.
 */
#include "text.h"
#include "verbs.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static int run_help(struct options *options);

static const struct verb verb_help_verb = {
	.name = "help",
	.summary = "tell what a verb does, with examples",
	.usage = "[VERB]",
	.text = "Tells what a verb does, which options it has, and gives examples; without one, what\n"
		"verbs there are.\n",
	.examples = "  mett help deploy\n",
	.run = run_help,
};

static const struct verb *const verbs[] = {
	&verb_new,        &verb_run,      &verb_watch,     &verb_deploy, &verb_invoke,
	&verb_list,       &verb_show,     &verb_top,       &verb_bench,  &verb_activations,
	&verb_logs,       &verb_rollback, &verb_delete,    &verb_ns,     &verb_doctor,
	&verb_completion, &verb_complete, &verb_help_verb, NULL,
};

enum { VERBS_MAX = sizeof(verbs) / sizeof(verbs[0]) };

const struct verb *const *verbs_all(void)
{
	return verbs;
}

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (!strcmp((*verb)->name, name))
			return *verb;
	return NULL;
}

void verb_help(const struct verb *verb)
{
	printf("Usage: mett %s %s\n%s", verb->name, verb->usage, verb->text);
	printf("\nOptions of all verbs:\n%s", options_common);
	if (verb->examples)
		printf("\nExamples:\n%s", verb->examples);
}

static void print_verbs(void)
{
	printf("Usage: mett VERB [OPTION]... [ARGUMENT]...\n"
	       "Deploy functions to the Mett-Eagle server of this machine, and invoke them.\n\n");
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if ((*verb)->summary)
			printf("  %-12s %s\n", (*verb)->name, (*verb)->summary);
	printf("\nOptions of all verbs:\n%s", options_common);
	printf("\nExit status: 0 good, 1 the function failed, 2 the command line or mett.yaml is\n"
	       "wrong, 3 no server, 4 refused.\n");
}

static int no_verb(const char *name)
{
	const char *names[VERBS_MAX], *nearest;
	unsigned count = 0;

	for (const struct verb *const *verb = verbs; *verb; verb++)
		if ((*verb)->summary)
			names[count++] = (*verb)->name;
	names[count] = NULL;
	nearest = text_nearest(name, names);
	if (nearest)
		say("there is no verb '%s'; did you mean '%s'?", name, nearest);
	else
		say("there is no verb '%s'; 'mett help' lists them", name);
	return STATUS_USAGE;
}

static int run_help(struct options *options)
{
	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 0, 1, "[VERB]");
	if (!options->operand_count) {
		print_verbs();
		return STATUS_GOOD;
	}
	const struct verb *verb = verb_find(options->operands[0]);
	if (!verb)
		return no_verb(options->operands[0]);
	verb_help(verb);
	return STATUS_GOOD;
}

/*
 * What we open must not become a standard stream that was closed: a socket would take what is
 * printed. What is opened instead cannot be used as that stream, and so is still an error.
 */
static void occupy_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	static const struct verb before = {.name = "", .usage = "VERB"};
	struct options options = {.verb = &before, .argc = argc, .argv = argv};

	occupy_streams();
	setlocale(LC_CTYPE, "");
	/* Options of all verbs may also stand in front of the verb. */
	while (options_next(&options, "+", NULL) != OPTIONS_END)
		;
	if (!options.operand_count) {
		say("say what to do; 'mett help' lists the verbs");
		return STATUS_USAGE;
	}
	const struct verb *verb = verb_find(options.operands[0]);
	if (!verb)
		return no_verb(options.operands[0]);
	options.verb = verb;
	options.argc = options.operand_count;
	options.argv = options.operands;
	options.operands = NULL;
	return text_finish(verb->run(&options));
}
