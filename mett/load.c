#include "load.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVERY_NS = 100000000 };

static const uint64_t second_ns = 1000000000;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

static void sleep_until(const struct load *load, uint64_t time_ns)
{
	uint64_t now;

	/* In pieces: a signal may come to another thread, or just before we sleep. */
	while (!load->stop && (now = now_ns()) < time_ns) {
		uint64_t piece = time_ns - now < EVERY_NS ? time_ns - now : EVERY_NS;

		nanosleep(&(struct timespec){0, (long)piece}, NULL);
	}
}

/* A client and its functions share a core: they take turns, and stay warm. */
static void pin_to(unsigned core)
{
	cpu_set_t set;

	if (core >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Returns whether there is a server to go on with. */
static bool call(struct load_client *client, uint64_t due_ns)
{
	const struct load *load = client->load;
	struct mett_result result;
	uint64_t start = due_ns ? due_ns : now_ns();

	mett_action_invoke(client->connection, load->action, load->argument, load->size,
	                   load->config, &result);
	uint64_t end = now_ns();
	enum mett_reason reason = result.error.reason;
	if (reason == METT_OK)
		histogram_add(&client->latency, end - start);
	else if (client->failed[reason]++ == 0 && !*client->first_failure)
		snprintf(client->first_failure, sizeof(client->first_failure), "%s",
		         result.error.message);
	mett_result_deinit(&result);
	return reason != METT_GONE;
}

/* The next call's number, or false when there is none to make. */
static bool take_number(struct load *load, uint64_t *ret)
{
	*ret = atomic_fetch_add_explicit(&load->begun, 1, memory_order_relaxed);
	if ((load->calls && *ret >= load->calls) ||
	    (load->duration_ns && now_ns() - load->begin_ns >= load->duration_ns))
		load->stop = true;
	return !load->stop;
}

static void *client_main(void *argument)
{
	struct load_client *client = argument;
	struct load *load = client->load;
	uint64_t number, due = 0;
	bool there = true;

	pin_to(mett_client_core(client->connection));
	while (there && take_number(load, &number)) {
		if (load->rate > 0) {
			due = load->begin_ns +
			      (uint64_t)((double)number / load->rate * (double)second_ns);
			if (load->duration_ns && due - load->begin_ns >= load->duration_ns)
				break;
			sleep_until(load, due);
		}
		if (load->stop && due > now_ns())
			break;
		there = call(client, due);
	}
	client->end_ns = now_ns();
	load->running--;
	return NULL;
}

int load_run(struct load *load, void (*each)(const struct load *load))
{
	unsigned started = 0;
	int error = 0;

	load->begin_ns = now_ns();
	load->running = load->client_count;
	for (; started < load->client_count && !error; started++) {
		struct load_client *client = &load->clients[started];

		client->load = load;
		error = pthread_create(&client->thread, NULL, client_main, client);
		if (error) {
			load_stop(load);
			break;
		}
	}
	load->running -= load->client_count - started;
	while (load->running) {
		nanosleep(&(struct timespec){0, EVERY_NS}, NULL);
		each(load);
	}
	/* Not when we see it: we look every now and then. */
	for (unsigned i = 0; i < started; i++) {
		pthread_join(load->clients[i].thread, NULL);
		if (load->clients[i].end_ns > load->end_ns)
			load->end_ns = load->clients[i].end_ns;
	}
	return -error;
}

void load_stop(struct load *load)
{
	load->stop = true;
}
