#pragma once

/*
 * What is measured, one call at a time: a way to begin, a call, an end. A call
 * returns 0, or -1 after it has printed why it failed.
 */
struct way {
	const char *name;
	const char *usage;
	int arguments; /* at least so many */
	int (*begin)(char **arguments);
	int (*call)(void);
	void (*end)(void);
};

/** way_start - start a program and wait for its end */
extern const struct way way_start;

/** way_get - HTTP GET over a unix socket, one connection for all */
extern const struct way way_get;

/** way_invoke - invoke a function of ours */
extern const struct way way_invoke;

/** complain() - print to stderr what failed and why; always -1 */
int complain(const char *what, const char *why);
