#pragma once

/*
 * Completion: what a shell may offer for a command line that is being typed. All is taken
 * from the verbs' own help, so that a new option needs no word here.
 */
#include <stdio.h>

/**
 * complete() - print candidates, one a line, with a tab and a description where there is one
 * @words: those behind `mett`, the last of them unfinished, perhaps empty
 * @count: at least 1
 *
 * A line ":files" asks the shell for names of files.
 */
void complete(char *const *words, int count, FILE *out);
