#include "output.h"

#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Escape sequences for people; empty when they are not wanted. */
struct colours {
	const char *strong, *bad, *off;
};

static struct colours colours_for(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	if (!os_is_terminal(fd) || (no_color && *no_color))
		return (struct colours){"", "", ""};
	return (struct colours){"\033[1m", "\033[31m", "\033[0m"};
}

static double us(uint64_t time_ns)
{
	return (double)time_ns / 1000;
}

static void print_failures(FILE *out, const struct statistics *statistics,
                           const struct colours *colours)
{
	for (unsigned kind = 0; kind < FAILURE_COUNT; kind++)
		if (statistics->failures[kind])
			fprintf(out, "%s%zu failed: %s%s (first: %s)\n", colours->bad,
			        statistics->failures[kind], statistics_failure_name(kind),
			        colours->off, statistics->first_failure[kind]);
	if (statistics->made < statistics->asked)
		fprintf(out, "%s%zu of %zu invocations were not made%s\n", colours->bad,
		        statistics->asked - statistics->made, statistics->asked, colours->off);
}

static void print_summary(const struct load *load, const struct statistics *statistics)
{
	const struct options *options = load->options;
	struct colours colours = colours_for(STDOUT_FILENO);

	printf("%u client%s (%u pinned), %zu invocations, %zu answered; policy %s, %s\n",
	       options->threads, options->threads == 1 ? "" : "s", statistics->pinned,
	       statistics->made, statistics->answered, options_policy_name(options->policy),
	       options->rate > 0 ? "paced" : "saturated");
	printf("%s%-14s %12s %12s %12s %12s %10s%s\n", colours.strong, "us", "min", "p50", "p99",
	       "max", "samples", colours.off);
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++) {
		const struct spread *spread = &statistics->phases[phase];

		if (!spread->samples)
			printf("%-14s %12s %12s %12s %12s %10s\n", statistics_phase_name(phase),
			       "-", "-", "-", "-", "0");
		else
			printf("%-14s %12.3f %12.3f %12.3f %12.3f %10zu\n",
			       statistics_phase_name(phase), us(spread->min), us(spread->p50),
			       us(spread->p99), us(spread->max), spread->samples);
	}
	printf("%.1f invocations/s\n", statistics->per_second);
	print_failures(stdout, statistics, &colours);
}

static void print_json(const struct load *load, const struct statistics *statistics)
{
	const struct options *options = load->options;
	const char *separator = "";

	printf("{\"clients\": %u, \"pinned\": %u, \"policy\": \"%s\", \"rate\": %g, "
	       "\"asked\": %zu, \"made\": %zu, \"answered\": %zu, \"per_second\": %.3f,\n"
	       " \"failures\": {",
	       options->threads, statistics->pinned, options_policy_name(options->policy),
	       options->rate, statistics->asked, statistics->made, statistics->answered,
	       statistics->per_second);
	for (unsigned kind = 0; kind < FAILURE_COUNT; kind++)
		if (statistics->failures[kind]) {
			printf("%s\"%s\": %zu", separator, statistics_failure_name(kind),
			       statistics->failures[kind]);
			separator = ", ";
		}
	printf("},\n \"phases_us\": {");
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++) {
		const struct spread *spread = &statistics->phases[phase];

		printf("%s\n  \"%s\": {\"samples\": %zu, \"min\": %.3f, \"p50\": %.3f, "
		       "\"p99\": %.3f, \"max\": %.3f}",
		       phase ? "," : "", statistics_phase_name(phase), spread->samples,
		       us(spread->min), us(spread->p50), us(spread->p99), us(spread->max));
	}
	printf("\n }}\n");
}

/* Columns of the raw block, in microseconds. */
enum column {
	INVOCATION_START,
	INVOCATION_END,
	WORKER_START,
	WORKER_END,
	RUNTIME_START,
	RUNTIME_END,
	FUNCTION_START,
	FUNCTION_END,
	INTERNAL_DURATION,
};

static uint64_t cell(const struct sample *sample, enum column column)
{
	const uint64_t cells[] = {
		[INVOCATION_START] = sample->start / 1000,
		[INVOCATION_END] = sample->end / 1000,
		[WORKER_START] = sample->times.start_worker / 1000,
		[WORKER_END] = sample->times.end_worker / 1000,
		[RUNTIME_START] = sample->times.start_runtime / 1000,
		[RUNTIME_END] = sample->times.end_runtime / 1000,
		[FUNCTION_START] = sample->times.start_function / 1000,
		[FUNCTION_END] = sample->times.end_function / 1000,
		[INTERNAL_DURATION] = sample->internal_us,
	};

	return cells[column];
}

static void print_column(const struct client *client, const char *name, enum column column)
{
	const char *separator = "";

	printf("\"%s\": [", name);
	for (size_t row = 0; row < client->made; row++) {
		if (!client->samples[row].answered)
			continue;
		printf("%s%llu", separator,
		       (unsigned long long)cell(&client->samples[row], column));
		separator = ",";
	}
	putchar(']');
}

static void print_span(const struct client *client, const char *name, enum column start,
                       enum column end)
{
	printf("\"%s\": {", name);
	print_column(client, "start", start);
	fputs(", ", stdout);
	print_column(client, "end", end);
}

static void print_raw(const struct load *load, const struct statistics *statistics)
{
	struct colours colours = colours_for(STDERR_FILENO);

	puts("====   OUTPUT   ====");
	for (unsigned i = 0; i < load->started; i++) {
		const struct client *client = &load->clients[i];

		fputs(i ? ", {" : "[{", stdout);
		print_span(client, "invocation", INVOCATION_START, INVOCATION_END);
		fputs("}, ", stdout);
		print_span(client, "worker", WORKER_START, WORKER_END);
		fputs("}, ", stdout);
		print_span(client, "runtime", RUNTIME_START, RUNTIME_END);
		fputs("}, ", stdout);
		print_span(client, "function", FUNCTION_START, FUNCTION_END);
		fputs(", ", stdout);
		print_column(client, "internal_duration", INTERNAL_DURATION);
		fputs("}}", stdout);
	}
	puts("]\n==== END OUTPUT ====");
	print_failures(stderr, statistics, &colours);
}

int output_print(const struct load *load, const struct statistics *statistics)
{
	enum output_form form = load->options->form;

	if (form == OUTPUT_BY_TERMINAL)
		form = os_is_terminal(STDOUT_FILENO) ? OUTPUT_SUMMARY : OUTPUT_RAW;
	if (form == OUTPUT_SUMMARY) {
		print_summary(load, statistics);
	} else if (form == OUTPUT_JSON) {
		struct colours colours = colours_for(STDERR_FILENO);

		print_json(load, statistics);
		print_failures(stderr, statistics, &colours);
	} else {
		print_raw(load, statistics);
	}
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout))
		return errno ? -errno : -EIO;
	return 0;
}
