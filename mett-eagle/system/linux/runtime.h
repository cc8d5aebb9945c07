#pragma once

/*
 * Runtime: a program of ours that runs the functions of a language which is not
 * compiled, and the tree of files it stands on. Both are taken hold of before the
 * launcher leaves the machine's files; a sandbox is then given them as they are.
 */
#include <mett-eagle/common.h>

/**
 * struct runtime - one language's
 * @program: descriptor of the program; -1: there is none, see @missing
 * @tree:    see tree.h
 * @missing: what is not there and how to mend it
 */
struct runtime {
	int program;
	int tree;
	char missing[METT_MESSAGE_MAX];
};

/** struct runtime_paths - the runtimes' programs by language; NULL: it needs none, or has none */
struct runtime_paths {
	const char *program[METT_LANGUAGE_COUNT];
};

/**
 * runtime_open() - take hold of a runtime
 * @option:   of the server that names another, for messages
 * @program:  its path; the files it stands on are listed in "PATH.files", one a
 *            line: those with '?' before them may be missing
 *
 * Call it where tree_make() may be called. A machine without the runtime serves
 * all else: what is missing is told to who asks for it.
 */
void runtime_open(struct runtime *ret, const char *option, const char *program);
