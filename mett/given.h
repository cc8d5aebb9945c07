#pragma once

/* What a verb that takes a function's file is told about it on the command line. */
#include "deployment.h"
#include "options.h"

/* For the verb's letters, its table and its help. */
#define GIVEN_LETTERS "l:p:g:"
/* clang-format off */
#define GIVEN_OPTIONS \
	{"language", required_argument, NULL, 'l'}, \
	{"policy", required_argument, NULL, 'p'}, \
	{"grant", required_argument, NULL, 'g'}
/* clang-format on */
#define GIVEN_HELP                                                                                 \
	"  -l, --language=LANGUAGE  c, c++, python, exec, actionloop or binary (by the file)\n"    \
	"  -p, --policy=POLICY      how fresh a worker is: fork, spawn or reuse (fork)\n"          \
	"  -g, --grant=WHAT         what the function sees besides its own; repeatable:\n"         \
	"                           system, being the machine's programs and libraries, for\n"     \
	"                           reading only; env:KEY=VALUE, a variable\n"

/** given_option() - take one of them; false: it is another. What is wrong ends the program. */
bool given_option(struct deployment *deployment, const struct options *options, int letter);
