#include "run.h"

#include "os.h"
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REAPED_ROWS = 256,   /* the server notes no more */
	REAPED_EVERY = 16,   /* invocations; nested ones leave notes too */
	REAPED_REACH = 1024, /* samples back from the last that a note can belong to */
};

static atomic_bool stopped;

void load_stop(void)
{
	stopped = true;
}

static void sleep_until(uint64_t time_ns)
{
	while (!stopped && os_clock_ns() < time_ns)
		os_sleep_until(time_ns);
}

int load_new(const struct options *options, struct load **ret)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load)
		return -ENOMEM;
	load->options = options;
	pthread_mutex_init(&load->lock, NULL);
	pthread_cond_init(&load->change, NULL);
	load->clients = calloc(options->threads, sizeof(*load->clients));
	for (unsigned i = 0; load->clients && i < options->threads; i++) {
		struct client *client = &load->clients[i];

		client->load = load;
		client->samples = calloc(options->iterations, sizeof(*client->samples));
		if (!client->samples)
			break;
		if (i + 1 == options->threads) {
			*ret = load;
			return 0;
		}
	}
	load_free(load);
	return -ENOMEM;
}

void load_free(struct load *load)
{
	if (!load)
		return;
	for (unsigned i = 0; load->clients && i < load->options->threads; i++)
		free(load->clients[i].samples);
	free(load->clients);
	pthread_cond_destroy(&load->change);
	pthread_mutex_destroy(&load->lock);
	free(load);
}

static int prepare(struct client *client)
{
	const struct options *options = client->load->options;
	int failure = mett_register_client(options->socket, &client->connection, &client->error);

	for (unsigned i = 0; !failure && i < options->action_count; i++) {
		const struct action *action = &options->actions[i];
		const struct mett_action_options how = {
			action->language,    options->policy, {0, 0}, options->grants, 0,
			options->environment};

		failure = action->source
		                  ? mett_action_create_fd(client->connection, action->name,
		                                          action->program, &how, &client->error)
		                  : mett_action_create_path(client->connection, action->name,
		                                            action->path, &how, &client->error);
	}
	if (failure)
		return failure;
	/* A client and its functions share a core: they take turns, and stay warm. */
	client->pinned = os_pin(mett_client_core(client->connection));
	/* Touched now, so that no page fault falls into a measurement. */
	memset(client->samples, 1, options->iterations * sizeof(*client->samples));
	return 0;
}

static bool wait_for_start(struct client *client)
{
	struct load *load = client->load;

	pthread_mutex_lock(&load->lock);
	load->ready++;
	pthread_cond_broadcast(&load->change);
	while (load->state == LOAD_PREPARING)
		pthread_cond_wait(&load->change, &load->lock);
	bool go = load->state == LOAD_RUNNING;
	pthread_mutex_unlock(&load->lock);
	return go;
}

/* The whole microseconds of a decimal number, or 0 for what is none. */
static uint64_t read_duration(const char *answer, size_t size)
{
	char *end;
	size_t digits = strspn(answer, "0123456789");
	size_t length = digits;

	if (digits && answer[digits] == '.')
		length += 1 + strspn(answer + digits + 1, "0123456789");
	if (!digits || length != size)
		return 0;
	return strtoull(answer, &end, 10);
}

static bool in_order(const struct sample *sample)
{
	const struct mett_metadata *times = &sample->times;

	return sample->start <= times->start_worker &&
	       times->start_worker <= times->start_runtime &&
	       times->start_runtime <= times->start_function &&
	       times->start_function <= times->end_function &&
	       times->end_function <= times->end_runtime &&
	       times->end_runtime <= times->end_worker && times->end_worker <= sample->end;
}

static void count_failure(struct client *client, unsigned kind, const char *message)
{
	if (client->failures[kind]++ == 0)
		snprintf(client->first_failure[kind], METT_MESSAGE_MAX, "%s", message);
}

/* Returns false when there is no server any more. */
static bool invoke(struct client *client, struct sample *sample)
{
	const struct options *options = client->load->options;
	struct mett_result result;

	*sample = (struct sample){.start = os_clock_ns()};
	mett_action_invoke(client->connection, options->actions[0].name, options->argument,
	                   strlen(options->argument), &options->config, &result);
	sample->end = os_clock_ns();

	enum mett_reason reason = result.error.reason;
	sample->times = result.metadata;
	sample->activation = result.activation;
	sample->answered = reason == METT_OK && in_order(sample);
	if (sample->answered)
		sample->internal_us = read_duration(result.answer, result.answer_size);
	else if (reason == METT_OK)
		count_failure(client, FAILURE_DISORDER,
		              "the server's times contradict each other or ours");
	else
		count_failure(client, reason, result.error.message);
	mett_result_deinit(&result);
	return reason != METT_GONE;
}

/* Returns how many of the notes are about our own samples. */
static size_t collect_reaped(struct client *client, size_t made)
{
	struct mett_reaped rows[REAPED_ROWS];
	size_t count = mett_client_reaped(client->connection, rows, REAPED_ROWS), found = 0;

	for (size_t row = 0; row < count; row++)
		for (size_t back = 1; back <= made && back <= REAPED_REACH; back++) {
			struct sample *sample = &client->samples[made - back];

			if (sample->activation != rows[row].activation)
				continue;
			sample->reaped = rows[row].time_ns;
			found++;
			break;
		}
	return found;
}

/* Workers are destroyed after their answer has left: give the last ones a moment. */
static void await_reaped(struct client *client, size_t made, size_t missing)
{
	enum { PATIENCE_MS = 100 };

	for (int i = 0; missing > 0 && i < PATIENCE_MS && !stopped; i++) {
		sleep_until(os_clock_ns() + 1000000);
		missing -= collect_reaped(client, made);
	}
}

static void invoke_all(struct client *client)
{
	const struct options *options = client->load->options;
	uint64_t begin = os_clock_ns();
	size_t made = 0, reaped = 0, answered = 0;
	bool there = true;

	while (there && made < options->iterations && !stopped) {
		if (options->rate > 0)
			sleep_until(begin + (uint64_t)((double)made * 1e9 / options->rate));
		if (stopped)
			break;
		there = invoke(client, &client->samples[made]);
		answered += client->samples[made].answered;
		made++;
		atomic_store_explicit(&client->made, made, memory_order_relaxed);
		if (made % REAPED_EVERY == 0)
			reaped += collect_reaped(client, made);
	}
	await_reaped(client, made, answered > reaped ? answered - reaped : 0);
}

static void *client_main(void *argument)
{
	struct client *client = argument;
	struct load *load = client->load;

	prepare(client);
	if (wait_for_start(client))
		invoke_all(client);
	mett_client_free(client->connection);
	pthread_mutex_lock(&load->lock);
	load->running--;
	pthread_cond_broadcast(&load->change);
	pthread_mutex_unlock(&load->lock);
	return NULL;
}

static bool start_threads(struct load *load)
{
	for (unsigned i = 0; i < load->options->threads; i++) {
		struct client *client = &load->clients[i];
		int error = pthread_create(&client->thread, NULL, client_main, client);

		if (error) {
			fprintf(stderr,
			        "mett-eagle-client: cannot start thread %u of %u: %s; ask for "
			        "fewer "
			        "with --threads\n",
			        i + 1, load->options->threads, strerror(error));
			return false;
		}
		load->started++;
	}
	return true;
}

/* One sentence for each cause, not one for each client. */
static bool all_prepared(const struct load *load)
{
	const char *last = "";
	bool all = true;

	for (unsigned i = 0; i < load->started; i++) {
		const struct mett_error *error = &load->clients[i].error;

		if (error->reason == METT_OK)
			continue;
		if (strcmp(error->message, last) != 0)
			fprintf(stderr, "mett-eagle-client: client %u of %u: %s\n", i + 1,
			        load->options->threads, error->message);
		last = error->message;
		all = false;
	}
	return all;
}

bool load_run(struct load *load)
{
	/* The threads count themselves out under the lock. */
	pthread_mutex_lock(&load->lock);
	bool good = start_threads(load);
	load->running = load->started;
	while (load->ready < load->started)
		pthread_cond_wait(&load->change, &load->lock);
	good = all_prepared(load) && good && !stopped;
	load->state = good ? LOAD_RUNNING : LOAD_CANCELLED;
	pthread_cond_broadcast(&load->change);
	if (good)
		progress_follow(load);
	pthread_mutex_unlock(&load->lock);
	for (unsigned i = 0; i < load->started; i++)
		pthread_join(load->clients[i].thread, NULL);
	return good;
}
