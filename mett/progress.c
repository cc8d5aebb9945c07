#include "progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 400, EVERY_MS = 100 };

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	char text[128];
	struct timespec begin;
	bool running, over;
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct timespec later(struct timespec time, long ms)
{
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static double seconds_since(struct timespec begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
}

/* The cursor stays at the line's begin: what a compiler says stands where it would. */
static void *show(void *unused)
{
	struct timespec until = later(progress.begin, PATIENCE_MS);
	bool shown = false;

	pthread_mutex_lock(&progress.lock);
	while (!progress.over) {
		if (pthread_cond_timedwait(&progress.change, &progress.lock, &until) == 0)
			continue;
		fprintf(stderr, "\r%s, %.1f s\033[K\r", progress.text,
		        seconds_since(progress.begin));
		shown = true;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until = later(until, EVERY_MS);
	}
	pthread_mutex_unlock(&progress.lock);
	if (shown)
		fputs("\033[K", stderr);
	return unused;
}

void progress_begin(const char *format, ...)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	vsnprintf(progress.text, sizeof(progress.text), format, args);
	va_end(args);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&progress.change, &attributes);
	pthread_condattr_destroy(&attributes);
	clock_gettime(CLOCK_MONOTONIC, &progress.begin);
	progress.over = false;
	/* Signals are for who waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	progress.running = pthread_create(&progress.thread, NULL, show, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void progress_change(const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&progress.lock);
	va_start(args, format);
	vsnprintf(progress.text, sizeof(progress.text), format, args);
	va_end(args);
	pthread_mutex_unlock(&progress.lock);
}

void progress_end(void)
{
	if (!progress.running)
		return;
	pthread_mutex_lock(&progress.lock);
	progress.over = true;
	pthread_cond_signal(&progress.change);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
	pthread_cond_destroy(&progress.change);
	progress.running = false;
}
