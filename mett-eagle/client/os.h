#pragma once

/* What the client library needs of its world besides what every process stands on. */
#include "private.h"

/**
 * mett_os_connect() - knock at a server's door
 * @path:        where, as the user said it
 * @deadline_ns: on sys_clock_ns()
 * @ret:         gate to the registry, written on success only
 *
 * Return: 0, or a negative errno with @error.
 */
int mett_os_connect(const char *path, uint64_t deadline_ns, sys_cap *ret, struct mett_error *error);

/** mett_os_lasts() - is this memory of @size bytes or more, and stays so? */
bool mett_os_lasts(sys_cap cap, size_t size);

/** mett_os_poll_open() - make the client's descriptor for poll, if there is such; 0 or -errno */
int mett_os_poll_open(struct mett_client *client);

/** mett_os_poll_close() - give it back; does nothing when there is none */
void mett_os_poll_close(struct mett_client *client);

/** mett_os_poll_signal() - it is to poll readable whatever comes, or no more */
void mett_os_poll_signal(struct mett_client *client, bool on);

/** mett_os_wait_for_any() - wait until a gate has room or a message; true: a message */
bool mett_os_wait_for_any(sys_cap gate);

/**
 * mett_os_map_answer() - the first @size bytes of a dataspace, and @more writable ones
 * @ret_size: bytes mapped in all, for mett_os_unmap_answer()
 *
 * The @more bytes begin at the first whole page behind the answer. What is written there
 * or to the answer nobody else sees.
 *
 * Return: NULL: no memory.
 */
char *mett_os_map_answer(sys_cap cap, size_t size, size_t more, size_t *ret_size);

/** mett_os_protect_answer() - it is complete */
void mett_os_protect_answer(void *memory, size_t size);

/** mett_os_unmap_answer() - give it back */
void mett_os_unmap_answer(void *memory, size_t size);

/** mett_os_user() - user id that the server knows this process by */
unsigned mett_os_user(void);

/** mett_os_page() - bytes of a page */
size_t mett_os_page(void);
