/* mett bench: how long calls of an action take, and how many it answers. */
#include "connection.h"
#include "json.h"
#include "load.h"
#include "progress.h"
#include "request.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	BAR = 40,
	DURATION_USUAL_US = 5000000,
	CALLS_MAX = 1000000000,
	RATE_MAX = 10000000,
};

static const double percents[] = {50, 90, 99, 99.9};

enum { PERCENTS = sizeof(percents) / sizeof(*percents) };

static struct load load;
static volatile sig_atomic_t interrupted;

/* Once is "stop and print what there is"; twice is "now". */
static void on_interrupt(int number)
{
	interrupted = 1;
	load_stop(&load);
}

static void show(const struct load *running)
{
	unsigned long long begun = running->begun;

	if (running->calls)
		progress_change("%llu of %llu calls", begun, (unsigned long long)running->calls);
	else
		progress_change("%llu calls", begun);
}

/* The first call of each client makes its workers; it is no part of the measure. */
static int warm_up(struct mett_client *client)
{
	struct mett_result result;
	int status = STATUS_GOOD;

	mett_action_invoke(client, load.action, load.argument, load.size, load.config, &result);
	/* How the function fails is counted; whether there is one must be so. */
	if (result.error.reason && mett_reason_errno(result.error.reason) != EFAULT)
		status = connection_refused(client, load.action, &result.error);
	mett_result_deinit(&result);
	return status;
}

static int connect_clients(const struct options *options)
{
	for (unsigned i = 0; i < load.client_count; i++) {
		struct load_client *client = &load.clients[i];
		int status = connection_open(options, &client->connection);

		if (status == STATUS_GOOD)
			status = warm_up(client->connection);
		if (status != STATUS_GOOD)
			return status;
	}
	return STATUS_GOOD;
}

/* What all clients saw together. */
struct outcome {
	struct histogram latency;
	uint64_t failed, by_reason[METT_REASON_COUNT];
	const char *first_failure;
	double seconds, rate;
};

static void sum_up(struct outcome *ret)
{
	*ret = (struct outcome){.first_failure = ""};
	for (unsigned i = 0; i < load.client_count; i++) {
		const struct load_client *client = &load.clients[i];

		histogram_merge(&ret->latency, &client->latency);
		for (unsigned reason = 0; reason < METT_REASON_COUNT; reason++) {
			ret->by_reason[reason] += client->failed[reason];
			ret->failed += client->failed[reason];
		}
		if (!*ret->first_failure)
			ret->first_failure = client->first_failure;
	}
	ret->seconds = (double)(load.end_ns - load.begin_ns) / 1e9;
	ret->rate = (double)ret->latency.total / ret->seconds;
}

/* One row a power of two, between the first and the last that has any. */
static void print_histogram(const struct histogram *latency)
{
	uint64_t row[64] = {0}, most = 1;
	unsigned first = 64, last = 0;
	char from[TEXT_UNIT_MAX], to[TEXT_UNIT_MAX];

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		unsigned power = 63 - (unsigned)__builtin_clzll((histogram_edge(i) - 1) | 1);

		row[power] += latency->count[i];
		if (!latency->count[i])
			continue;
		first = power < first ? power : first;
		last = power;
		most = row[power] > most ? row[power] : most;
	}
	for (unsigned i = first; i <= last; i++) {
		unsigned bar = (unsigned)((double)row[i] / (double)most * BAR + 0.5);

		printf("%9s - %-9s ", text_duration((uint64_t)1 << i, from),
		       text_duration((uint64_t)2 << i, to));
		for (unsigned column = 0; column < BAR; column++)
			fputs(column < bar ? "#" : " ", stdout);
		printf(" %5.1f %%\n", (double)row[i] * 100 / (double)latency->total);
	}
}

static void print(const struct outcome *outcome)
{
	const struct histogram *latency = &outcome->latency;
	struct colours colours = text_colours(stdout);
	char time[TEXT_UNIT_MAX];

	printf("%s%s%s: %llu calls answered in %.2f s by %u %s: %s%.0f/s%s, %llu failed\n",
	       colours.strong, load.action, colours.off, (unsigned long long)latency->total,
	       outcome->seconds, load.client_count, load.client_count == 1 ? "client" : "clients",
	       colours.strong, outcome->rate, colours.off, (unsigned long long)outcome->failed);
	if (outcome->failed)
		say("%s", outcome->first_failure);
	if (!latency->total)
		return;
	printf("\n  min %s", text_duration(latency->least, time));
	for (unsigned i = 0; i < PERCENTS; i++)
		printf("   p%g %s", percents[i],
		       text_duration(histogram_percentile(latency, percents[i]), time));
	printf("   max %s\n\n", text_duration(latency->most, time));
	print_histogram(latency);
}

static void print_json(const struct outcome *outcome)
{
	const struct histogram *latency = &outcome->latency;
	json_t *times = json_object(), *failures = json_object(), *buckets = json_array();
	char name[16];

	json_object_set_new(times, "min", json_integer((json_int_t)latency->least));
	for (unsigned i = 0; i < PERCENTS; i++) {
		snprintf(name, sizeof(name), "p%g", percents[i]);
		json_object_set_new(
			times, name,
			json_integer((json_int_t)histogram_percentile(latency, percents[i])));
	}
	json_object_set_new(times, "max", json_integer((json_int_t)latency->most));
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (latency->count[i])
			json_array_append_new(buckets,
			                      json_pack("{s:I, s:I}", "below_ns",
			                                (json_int_t)histogram_edge(i), "count",
			                                (json_int_t)latency->count[i]));
	for (unsigned i = 0; i < METT_REASON_COUNT; i++)
		if (outcome->by_reason[i])
			json_object_set_new(failures, mett_reason_name(i),
			                    json_integer((json_int_t)outcome->by_reason[i]));
	json_print(json_pack("{s:s, s:i, s:f, s:I, s:f, s:o, s:o, s:o}", "action", load.action,
	                     "clients", (int)load.client_count, "seconds", outcome->seconds,
	                     "answered", (json_int_t)latency->total, "rate", outcome->rate,
	                     "latency_ns", times, "failures", failures, "histogram", buckets));
}

static int measure(const struct options *options)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
	struct outcome *outcome = text_need(malloc(sizeof(*outcome)));

	sigaction(SIGINT, &action, NULL);
	progress_begin("0 calls");
	int error = load_run(&load, show);
	progress_end();
	if (error) {
		say("cannot start %u threads: %s; ask for fewer --clients", load.client_count,
		    strerror(-error));
		free(outcome);
		return STATUS_FAILED;
	}
	sum_up(outcome);
	if (options->json)
		print_json(outcome);
	else
		print(outcome);
	int status = outcome->by_reason[METT_GONE] ? STATUS_UNREACHABLE
	             : outcome->failed             ? STATUS_FAILED
	             : interrupted                 ? STATUS_SIGNAL + SIGINT
	                                           : STATUS_GOOD;
	free(outcome);
	return status;
}

static double read_rate(const struct options *options, const char *text)
{
	char *end;
	double rate = strtod(text, &end);

	if (end == text || *end || !isfinite(rate) || rate <= 0 || rate > RATE_MAX)
		options_wrong(options, "--rate: '%s' is no number of calls a second up to %d", text,
		              RATE_MAX);
	return rate;
}

static void read_options(struct options *options, struct request *request)
{
	static const struct option own[] = {
		{"calls", required_argument, NULL, 'c'},
		{"duration", required_argument, NULL, 'd'},
		{"rate", required_argument, NULL, 'r'},
		{"parallel", required_argument, NULL, 'p'},
		{"file", required_argument, NULL, 'f'},
		{"timeout", required_argument, NULL, REQUEST_TIMEOUT},
		{"memory", required_argument, NULL, REQUEST_MEMORY},
		{0},
	};
	int letter;

	load.client_count = 1;
	while ((letter = options_next(options, "c:d:r:p:f:", own)) != OPTIONS_END)
		switch (letter) {
		case 'c':
			load.calls = options_count(options, "--calls", optarg, 1, CALLS_MAX);
			break;
		case 'd':
			load.duration_ns =
				1000 * options_duration_us(options, "--duration", optarg);
			break;
		case 'r':
			load.rate = read_rate(options, optarg);
			break;
		case 'p':
			load.client_count = (unsigned)options_count(options, "--parallel", optarg,
			                                            1, LOAD_CLIENTS_MAX);
			break;
		default:
			request_option(request, options, letter);
		}
	options_operands(options, 1, 2, "which action");
	if (!load.calls && !load.duration_ns)
		load.duration_ns = DURATION_USUAL_US * 1000ull;
}

static int run(struct options *options)
{
	struct request request = {0};

	read_options(options, &request);
	int status = request_read(&request, options, options->operands[1]);
	load.action = options->operands[0];
	load.argument = request.argument;
	load.size = request.size;
	load.config =
		request.config.memory_limit || request.config.timeout_us ? &request.config : NULL;
	load.clients = text_need(calloc(load.client_count, sizeof(*load.clients)));
	if (status == STATUS_GOOD)
		status = connect_clients(options);
	if (status == STATUS_GOOD)
		status = measure(options);
	for (unsigned i = 0; i < load.client_count; i++)
		mett_client_free(load.clients[i].connection);
	free(load.clients);
	request_deinit(&request);
	return status;
}

const struct verb verb_bench = {
	.name = "bench",
	.summary = "measure how fast an action answers",
	.usage = "[OPTION]... NAME [ARGUMENT]",
	.text = "Invokes an action again and again, and tells how long it took, as seen from here: how\n"
		"many were answered a second, percentiles, and how the times are spread. The first\n"
		"call of each client, which makes its workers, is left out. With --rate calls begin\n"
		"at their time, whether or not those before are done with theirs, as far as there\n"
		"are clients, and the time of each counts from there. Ctrl-C ends it early.\n"
		"\n"
		"  -c, --calls=N            so many calls in all\n"
		"  -d, --duration=TIME      for so long, as 10s (5s, unless --calls is given)\n"
		"  -r, --rate=N             so many calls a second in all (as fast as they go)\n"
		"  -p, --parallel=N         clients at the same time (1)\n"
		"  -f, --file=FILE          read the argument from FILE; -: the standard input\n"
		"      --timeout=TIME       limit of each call, as 200ms\n"
		"      --memory=SIZE        limit of each call's memory, as 64M\n",
	.examples = "  mett bench hello world --calls 1000\n"
		    "  mett bench hello world --duration 1s --rate 500 --parallel 2\n",
	.run = run,
};
