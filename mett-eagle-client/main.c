/*
 * The client that Mett-Eagle is measured with. See run.c for how a client
 * registers, creates actions and invokes them.
 */
#include "options.h"
#include "output.h"
#include "run.h"
#include "statistics.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_GOOD, EXIT_BAD, EXIT_USAGE };

static void on_interrupt(int number)
{
	load_stop();
}

/* Once is "stop and print what there is"; twice is "now". */
static void catch_interrupts(void)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Once for all clients. */
static bool compile(struct options *options)
{
	struct mett_error error;

	for (unsigned i = 0; i < options->action_count; i++) {
		struct action *action = &options->actions[i];

		if (!action->source || !mett_compile_c(action->path, &action->program, &error))
			continue;
		fprintf(stderr, "mett-eagle-client: %s\n", error.message);
		return false;
	}
	return true;
}

static int measure(const struct options *options)
{
	struct statistics statistics;
	struct load *load = NULL;
	int status = EXIT_BAD, error;

	if (load_new(options, &load) < 0) {
		fprintf(stderr,
		        "mett-eagle-client: no memory for %u times %zu samples; ask for fewer with "
		        "--iterations\n",
		        options->threads, options->iterations);
		return EXIT_BAD;
	}
	catch_interrupts();
	if (load_run(load)) {
		error = statistics_make(load, &statistics);
		if (!error)
			error = output_print(load, &statistics);
		if (error)
			fprintf(stderr, "mett-eagle-client: cannot print the result: %s\n",
			        strerror(-error));
		else if (statistics.answered == statistics.asked)
			status = EXIT_GOOD;
	}
	load_free(load);
	return status;
}

int main(int argc, char **argv)
{
	static struct options options; /* stacks can be small */

	switch (options_read(argc, argv, &options)) {
	case OPTIONS_DONE:
		return EXIT_GOOD;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	case OPTIONS_FAILED:
		return EXIT_BAD;
	default:
		return compile(&options) ? measure(&options) : EXIT_BAD;
	}
}
