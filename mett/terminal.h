#pragma once

/*
 * Terminal: what a verb needs that draws on the whole screen and reads single keys.
 * Four escape sequences that every terminal of today knows are all it takes, and frames
 * are drawn whole: that is less than a library with its own idea of signals would ask.
 */
#include <stdint.h>

/* What terminal_wait() tells besides keys, which are what they type. */
enum {
	TERMINAL_NOTHING = 256, /* time is over */
	TERMINAL_RESIZED,
	TERMINAL_END, /* there is no terminal any more */
	TERMINAL_LEFT,
	TERMINAL_RIGHT,
};

struct terminal {
	unsigned rows, columns;
};

/**
 * terminal_enter() - take the whole screen of the terminal on stdin and stdout
 *
 * What ends the process from here on, as Ctrl-C, gives it back first. One at a time in a
 * process.
 *
 * Return: 0, or a negative errno.
 */
int terminal_enter(struct terminal *ret);

/** terminal_leave() - give it back as it was, with what stood on it */
void terminal_leave(struct terminal *terminal);

/** terminal_draw() - show lines, cut to the screen, in place of what it shows */
void terminal_draw(const struct terminal *terminal, const char *text);

/** terminal_wait() - wait for a key or @ms to pass; returns a byte or TERMINAL_* */
int terminal_wait(struct terminal *terminal, int64_t ms);
