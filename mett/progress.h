#pragma once

/*
 * Progress: a line that says what takes so long, for a person only: on stderr when that
 * is a terminal, after a moment, and gone when it is over. From one thread, one at a time.
 */

/** progress_begin() - what follows may take long; @format says what it is, as "compiling f.c" */
__attribute__((format(printf, 1, 2))) void progress_begin(const char *format, ...);

/** progress_change() - say something else, as how far it is */
__attribute__((format(printf, 1, 2))) void progress_change(const char *format, ...);

/** progress_end() - it is over; before anything else is written */
void progress_end(void);
