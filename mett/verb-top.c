/* mett top: what the actions of a namespace do right now. */
#include "connection.h"
#include "json.h"
#include "rates.h"
#include "table.h"
#include "terminal.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPTION_ONCE = OPTIONS_LONG, INTERVAL_USUAL_US = 1000000, INTERVAL_LEAST_US = 50000 };

static const struct {
	const char *title, *marked, *word;
	char key;
} orders[RATE_ORDERS] = {
	[RATE_BY_NAME] = {"NAME", "NAME*", "name", 'n'},
	[RATE_BY_CALLS] = {"CALLS/s", "CALLS/s*", "calls", 'c'},
	[RATE_BY_P50] = {"P50", "P50*", "p50", '5'},
	[RATE_BY_P99] = {"P99", "P99*", "p99", '9'},
	[RATE_BY_ERRORS] = {"ERRORS/s", "ERRORS/s*", "errors", 'e'},
	[RATE_BY_RUNNING] = {"RUNNING", "RUNNING*", "running", 'r'},
	[RATE_BY_PARKED] = {"PARKED", "PARKED*", "parked", 'p'},
	[RATE_BY_MEMORY] = {"MEMORY", "MEMORY*", "memory", 'm'},
};

struct top {
	struct mett_client *client;
	struct look before, now;
	struct rate *rates;
	size_t count;
	uint64_t interval_us;
	enum rate_order order;
	bool once;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void pause_us(uint64_t us)
{
	nanosleep(&(struct timespec){(time_t)(us / 1000000), (long)(us % 1000000) * 1000}, NULL);
}

/* Look again, and compare with what was seen last. */
static int look(struct top *top, struct mett_error *error)
{
	struct look next = {.time_ns = now_ns()};
	int failure = mett_action_stats(top->client, &next.row, &next.count, error);

	if (failure)
		return failure;
	free(top->before.row);
	top->before = top->now;
	top->now = next;
	free(top->rates);
	top->rates = text_need(calloc(next.count + 1, sizeof(*top->rates)));
	top->count = next.count;
	rates_make(&top->before, &top->now, top->rates);
	rates_sort(top->rates, top->count, top->order);
	return 0;
}

static void fill_row(struct table *table, const struct rate *rate)
{
	char unit[TEXT_UNIT_MAX];

	table_cell(table, "%s", rate->name);
	table_cell(table, "%.*f", rate->calls < 10 ? 1 : 0, rate->calls);
	table_cell(table, "%s", rate->p50 ? text_duration(rate->p50, unit) : "-");
	table_cell(table, "%s", rate->p99 ? text_duration(rate->p99, unit) : "-");
	table_cell(table, "%.*f", rate->errors < 10 ? 1 : 0, rate->errors);
	table_cell(table, "%u", rate->running);
	table_cell(table, "%u", rate->parked);
	table_cell(table, "%s", rate->memory ? text_size(rate->memory, unit) : "-");
}

static void write_table(const struct top *top, FILE *out, unsigned columns)
{
	struct column heads[RATE_ORDERS];

	for (unsigned i = 0; i < RATE_ORDERS; i++)
		heads[i] = (struct column){
			i == top->order ? orders[i].marked : orders[i].title,
			i == RATE_BY_NAME ? COLUMN_LEFT : COLUMN_RIGHT,
			i == RATE_BY_NAME,
		};
	struct table *table = table_new(heads, RATE_ORDERS);
	for (size_t i = 0; i < top->count; i++)
		fill_row(table, &top->rates[i]);
	table_write(table, "No action is deployed; 'mett deploy FILE' does it.", out, columns);
}

static void draw(const struct top *top, const struct terminal *terminal)
{
	char *frame = NULL;
	size_t size = 0;
	double calls = 0;
	FILE *out = text_need(open_memstream(&frame, &size));

	for (size_t i = 0; i < top->count; i++)
		calls += top->rates[i].calls;
	fprintf(out, "%zu %s, %.0f calls/s; q quits, n c 5 9 e r p m or arrows sort\n\n",
	        top->count, top->count == 1 ? "action" : "actions", calls);
	write_table(top, out, terminal->columns);
	fclose(out);
	terminal_draw(terminal, text_need(frame));
	free(frame);
}

/* Returns false when it is time to go. */
static bool take_key(struct top *top, int key)
{
	if (key == 'q' || key == TERMINAL_END)
		return false;
	if (key == TERMINAL_LEFT || key == TERMINAL_RIGHT)
		top->order =
			(top->order + (key == TERMINAL_LEFT ? RATE_ORDERS - 1 : 1)) % RATE_ORDERS;
	for (unsigned i = 0; i < RATE_ORDERS; i++)
		if (key == orders[i].key)
			top->order = i;
	rates_sort(top->rates, top->count, top->order);
	return true;
}

static int live(struct top *top)
{
	struct terminal terminal;
	struct mett_error error;
	bool going = true;
	int failure = 0;

	if (terminal_enter(&terminal) < 0) {
		say("standard input is no terminal to read keys from; add --once");
		return STATUS_USAGE;
	}
	while (going && !failure) {
		uint64_t until = top->now.time_ns + top->interval_us * 1000, now = now_ns();

		draw(top, &terminal);
		if (now < until)
			going = take_key(top,
			                 terminal_wait(&terminal,
			                               (int64_t)(until - now + 999999) / 1000000));
		if (going && now_ns() >= until)
			failure = look(top, &error);
	}
	terminal_leave(&terminal);
	return failure ? say_error(&error) : STATUS_GOOD;
}

static void print_json(const struct top *top)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < top->count; i++) {
		const struct rate *rate = &top->rates[i];

		json_array_append_new(
			rows,
			json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:i, s:i, s:I}", "name",
		                  rate->name, "calls_per_second", rate->calls, "errors_per_second",
		                  rate->errors, "p50_ns", (json_int_t)rate->p50, "p99_ns",
		                  (json_int_t)rate->p99, "calls", (json_int_t)rate->total_calls,
		                  "errors", (json_int_t)rate->total_errors, "running",
		                  (int)rate->running, "parked", (int)rate->parked, "memory",
		                  (json_int_t)rate->memory));
	}
	json_print_line(json_pack("{s:o}", "actions", rows));
}

/* One table; or lines of JSON, one or as long as somebody reads them. */
static int print(struct top *top, bool json)
{
	struct mett_error error;

	for (;;) {
		pause_us(top->interval_us);
		if (look(top, &error))
			return say_error(&error);
		if (!json)
			write_table(top, stdout, text_columns(stdout));
		else
			print_json(top);
		if (!json || top->once || ferror(stdout))
			return STATUS_GOOD;
	}
}

static enum rate_order read_order(const struct options *options, const char *word)
{
	const char *words[RATE_ORDERS + 1] = {NULL};

	for (unsigned i = 0; i < RATE_ORDERS; i++) {
		words[i] = orders[i].word;
		if (!strcmp(word, words[i]))
			return i;
	}
	const char *nearest = text_nearest(word, words);
	options_wrong(options,
	              "--sort: there is no '%s'%s%s%s; say name, calls, p50, p99, errors, "
	              "running, parked or memory",
	              word, nearest ? ", but '" : "", nearest ? nearest : "", nearest ? "'" : "");
}

static void read_options(struct options *options, struct top *top)
{
	static const struct option own[] = {
		{"interval", required_argument, NULL, 'i'},
		{"once", no_argument, NULL, OPTION_ONCE},
		{"sort", required_argument, NULL, 'o'},
		{0},
	};
	int letter;

	while ((letter = options_next(options, "i:o:", own)) != OPTIONS_END)
		switch (letter) {
		case 'i':
			top->interval_us = options_duration_us(options, "--interval", optarg);
			break;
		case 'o':
			top->order = read_order(options, optarg);
			break;
		case OPTION_ONCE:
			top->once = true;
			break;
		}
	options_operands(options, 0, 0, "");
	if (top->interval_us < INTERVAL_LEAST_US)
		options_wrong(options, "--interval: say 50ms or more");
}

static int run(struct options *options)
{
	struct top top = {.interval_us = INTERVAL_USUAL_US, .order = RATE_BY_CALLS};
	struct mett_error error;

	read_options(options, &top);
	int status = connection_open(options, &top.client);
	if (status)
		return status;
	if (look(&top, &error))
		status = say_error(&error);
	else if (options->json || top.once || !isatty(STDOUT_FILENO))
		status = print(&top, options->json);
	else
		status = live(&top);
	mett_client_free(top.client);
	free(top.before.row);
	free(top.now.row);
	free(top.rates);
	return status;
}

const struct verb verb_top = {
	.name = "top",
	.summary = "show what the actions do right now",
	.usage = "[OPTION]...",
	.text = "Shows for each action of the namespace, for all its clients together: calls and\n"
		"failed calls a second, half and 99 of 100 of the calls' times, calls that run,\n"
		"workers that are ready, and the most memory one of them had. On a terminal it goes on\n"
		"until 'q'; the keys n, c, 5, 9, e, r, p, m and the arrows choose what to sort by. Else\n"
		"it prints one table; with --json one line for each interval.\n"
		"\n"
		"  -i, --interval=TIME      time between two looks (1s)\n"
		"  -o, --sort=COLUMN        name, calls, p50, p99, errors, running, parked or\n"
		"                           memory (calls)\n"
		"      --once               print once, and end\n",
	.examples = "  mett top --once\n"
		    "  mett top --once --json --interval 100ms\n",
	.run = run,
};
