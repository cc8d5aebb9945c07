#pragma once

/* Follow a file by its name, whoever writes it and however: editors put a new one in its place. */
struct follow {
	int fd; /* polls readable when something happened in its folder */
	char *name;
};

/** follow_init() - from now on; returns 0 or a negative errno */
int follow_init(struct follow *ret, const char *path);

/** follow_deinit() - no longer */
void follow_deinit(struct follow *follow);

/**
 * follow_saved() - was it written?
 *
 * Where it was, waits until nobody writes it for a moment: one save is often several steps.
 * Return: 1, 0, or a negative errno when its folder is gone.
 */
int follow_saved(struct follow *follow);
