#pragma once

/*
 * The command line of a verb. A verb takes its options in a loop:
 *
 *	while ((letter = options_next(options, "f:", own)) != OPTIONS_END)
 *		if (letter == 'f')
 *			file = optarg;
 *
 * and finds the options that all verbs have in @options, and what is left in its operands.
 * What is wrong ends the program: it is told on the standard error, with exit status 2.
 */
#include <mett-eagle/client.h>

#include <getopt.h>
#include <stdbool.h>

struct verb;

/**
 * struct options - a command line that is being read
 * @verb:          whose it is
 * @argc:          as main()'s, beginning with the verb's name
 * @argv:          the same
 * @socket:        of the server; NULL: where it listens by default
 * @space:         namespace; NULL: the user's home
 * @json:          for machines
 * @operands:      what belongs to no option; set once OPTIONS_END was returned, ends with NULL
 * @operand_count: number of them
 */
struct options {
	const struct verb *verb;
	int argc;
	char **argv;
	const char *socket;
	const char *space;
	bool json;
	char **operands;
	int operand_count;
};

enum { OPTIONS_END = -1, OPTIONS_LONG = 256 /* first value for options without a letter */ };

/** options_common - lines of help for the options that all verbs have */
extern const char options_common[];

/**
 * options_next() - the next of the verb's own options
 * @letters: as getopt_long()'s, of the verb's own
 * @own:     as getopt_long()'s, ends with a zeroed row; NULL: none
 *
 * Return: its letter or value, with optarg, or OPTIONS_END. --help and --version end the program.
 */
int options_next(struct options *options, const char *letters, const struct option *own);

/** options_wrong() - say what is wrong with the command line, and end with STATUS_USAGE */
__attribute__((noreturn, format(printf, 2, 3))) void options_wrong(const struct options *options,
                                                                   const char *format, ...);

/** options_operands() - see that there are at least @least operands and at most @most */
void options_operands(const struct options *options, int least, int most, const char *what);

/**
 * options_size() - a size in bytes, as 64M
 * @name: of the option, as "--memory"
 */
uint64_t options_size(const struct options *options, const char *name, const char *text);

/** options_memory() - --memory, a limit that a process can live with; or say so and exit */
uint64_t options_memory(const struct options *options, const char *text);

/** options_duration_us() - a time in microseconds, as 200ms */
uint64_t options_duration_us(const struct options *options, const char *name, const char *text);

/** options_count() - a whole number from @least to @most */
uint64_t options_count(const struct options *options, const char *name, const char *text,
                       uint64_t least, uint64_t most);
