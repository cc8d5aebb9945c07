#pragma once

/* The verbs of the command, one a file. main.c has the table. */
#include "options.h"

/* Exit status of every verb. */
enum status {
	STATUS_GOOD = 0,
	STATUS_FAILED = 1,      /* the function failed, or its answer could not be written */
	STATUS_USAGE = 2,       /* command line or mett.yaml is wrong */
	STATUS_UNREACHABLE = 3, /* no server */
	STATUS_REFUSED = 4,     /* by the server; or what was named is not there */
	STATUS_SIGNAL = 128,    /* and the signal's number: interrupted */
};

/**
 * struct verb - one word of `mett WORD`
 * @name:     the word
 * @summary:  one line for `mett help`; NULL: not shown there
 * @usage:    what goes behind "mett NAME "
 * @text:     what it does, then its options: lines of "  -x, --long=VALUE  what it is for";
 *            those all verbs have are in options.c
 * @examples: lines of "  mett …"; a test runs each as it is written
 * @run:      does it; @options is fresh. Returns an enum status
 */
struct verb {
	const char *name;
	const char *summary;
	const char *usage;
	const char *text;
	const char *examples;
	int (*run)(struct options *options);
};

extern const struct verb verb_activations, verb_delete, verb_deploy, verb_invoke, verb_list,
	verb_logs, verb_new, verb_ns, verb_rollback, verb_show;

extern const struct verb verb_bench, verb_complete, verb_completion, verb_doctor, verb_run,
	verb_top, verb_watch;

/** verbs_all() - the table, in the order of `mett help`; ends with NULL */
const struct verb *const *verbs_all(void);

/** verb_find() - the verb of that name, or NULL */
const struct verb *verb_find(const char *name);

/** verb_help() - print all there is to say of a verb to the standard output */
void verb_help(const struct verb *verb);
