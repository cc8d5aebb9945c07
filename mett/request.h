#pragma once

/* Request: an invocation as the command line asks for it, and what is shown of its outcome. */
#include "options.h"

struct request {
	const char *file; /* of the argument; NULL: none was named */
	struct mett_config config;
	bool time;
	const char *argument; /* filled in by request_read() */
	size_t size;
	char *data;
};

enum { REQUEST_TIMEOUT = OPTIONS_LONG + 32, REQUEST_MEMORY };

/* What a verb that invokes puts into its letters, its table and its help. */
#define REQUEST_LETTERS "f:t"
/* clang-format off */
#define REQUEST_OPTIONS \
	{"file", required_argument, NULL, 'f'}, \
	{"time", no_argument, NULL, 't'}, \
	{"timeout", required_argument, NULL, REQUEST_TIMEOUT}, \
	{"memory", required_argument, NULL, REQUEST_MEMORY}
/* clang-format on */
#define REQUEST_HELP                                                                               \
	"  -f, --file=FILE          read the argument from FILE; -: the standard input\n"          \
	"  -t, --time               show what the time went into, on the standard error\n"         \
	"      --timeout=TIME       limit for this invocation, as 200ms or 1.5s\n"                 \
	"      --memory=SIZE        limit for this invocation, as 64M\n"

/** request_option() - take one of them; false: it is another */
bool request_option(struct request *request, const struct options *options, int letter);

/**
 * request_read() - get the argument: the word, else the file, else the standard input unless
 * somebody would have to type it
 * @word: NULL: there is none on the command line
 *
 * Return: STATUS_GOOD, or the exit status; what is wrong was told.
 */
int request_read(struct request *request, const struct options *options, const char *word);

/**
 * request_make() - invoke an action, and print what comes of it
 * @client: is freed, and NULL, when somebody interrupted it
 *
 * Return: the exit status.
 */
int request_make(const struct request *request, struct mett_client **client, const char *name,
                 bool json);

/** request_deinit() - free what is its own; a zeroed one is fine too */
void request_deinit(struct request *request);
