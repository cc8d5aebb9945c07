#pragma once

/*
 * Private server: one of our own, for as long as we want it. It has no state and no
 * folder, and ends when this process does, however that comes about: the kernel tells it,
 * and it removes its socket itself.
 */
#include <mett-eagle/common.h>

#include <sys/types.h>

struct private_server {
	pid_t pid;
	char socket[108];
	char space[METT_NAME_MAX + 1]; /* namespace: there is but the user's own */
};

/**
 * private_server_start() - start one and wait until it can be reached
 * @why: why there is none; what the server itself had to say stands on stderr
 *
 * To be called from the main thread: the server ends with the thread that started it.
 *
 * Return: 0 or a negative errno.
 */
int private_server_start(struct private_server *ret, char *why, size_t size);

/** private_server_stop() - end it, with all that runs in it, and wait for that */
void private_server_stop(struct private_server *server);
