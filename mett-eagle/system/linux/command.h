#pragma once

/*
 * Command: how the server and the recorder beside it read their command lines. What is wrong
 * with one is told on the standard error, with the way to --help.
 */
#include <libfmt/fmt.h>

#include <stdint.h>

/* What functions that read options return, besides 0: the exit status that is due, +1. */
enum { COMMAND_DONE = 1, COMMAND_FAILED, COMMAND_MISTAKE };

/** command_name - of the program, as "mett-eagle"; the program defines it */
extern const char command_name[];

/** WRONG(), command_wrong() - tell what is wrong, in libfmt's way; returns COMMAND_MISTAKE */
int command_wrong(const char *format, const struct fmt_arg *args, size_t count);
#define WRONG(format_, ...) command_wrong(format_, FMT_ARGS(__VA_ARGS__))

/**
 * command_common() - do what an option says that all programs have, or what getopt did not know
 * @option: 'h', 'V', or anything else, of which getopt has told what is wrong with it
 * @help:   what --help prints
 *
 * Return: COMMAND_DONE, COMMAND_FAILED (it could not be printed, and why was told), or
 * COMMAND_MISTAKE.
 */
int command_common(int option, const char *help);

/** command_parse_size() - understand a number up to @most, with K, M, G or T behind it or none */
bool command_parse_size(const char *text, uint64_t most, uint64_t *ret);

/**
 * command_number(), command_size() - take a number, or one that may have a unit
 * @name: of the option, without "--"
 *
 * Return: 0 or COMMAND_MISTAKE.
 */
int command_number(const char *name, const char *text, uint64_t least, uint64_t most,
                   uint64_t *ret);
int command_size(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret);

/** command_socket_mode() - take --socket-mode, in octal; returns 0 or COMMAND_MISTAKE */
int command_socket_mode(const char *text, unsigned *ret);

/** command_path() - take a path for which there are @size bytes; returns 0 or COMMAND_MISTAKE */
int command_path(const char *name, const char *text, char *ret, size_t size);

/**
 * command_finish() - see that nothing but options is left, when all of them were taken
 * @socket: the server's, of @size bytes; if it is "", filled in with where it is by default
 *
 * Return: 0 or COMMAND_MISTAKE.
 */
int command_finish(int argc, char **argv, char *socket, size_t size);
