#include <client/os.h>

#include <errno.h>
#include <l4/re/env.h>
#include <l4/sys/consts.h>
#include <l4/sys/semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gate.h"
#include "memory.h"
#include "remote.h"

OBJECTS(8192);

/* The path is the name of a capability that this program was given. */
int mett_os_connect(const char *path, uint64_t deadline_ns, sys_cap *ret, struct mett_error *error)
{
	l4_cap_idx_t door = l4re_env_get_cap(path);

	(void)deadline_ns;
	remote_init();
	if (door & L4_INVALID_CAP_BIT)
		return mett_error_set(
			error, METT_GONE, 0,
			"no server at '%.16s': there is no such capability; give this "
			"program the client's side of the server's channel",
			path);
	int failure = remote_knock(door, ret);
	if (failure)
		return mett_error_set(error, METT_GONE, 0,
		                      "no server at '%.16s': %s; see whether mett-eagle runs", path,
		                      strerror(-failure));
	return 0;
}

bool mett_os_lasts(sys_cap cap, size_t size)
{
	const struct object *object = object_of(cap, OBJECT_SPACE);

	return object && object->size >= size;
}

/* There are no descriptors here. */
int mett_os_poll_open(struct mett_client *client)
{
	client->poll_fd = client->event = SYS_NO_CAP;
	return 0;
}

void mett_os_poll_close(struct mett_client *client)
{
	(void)client;
}

void mett_os_poll_signal(struct mett_client *client, bool on)
{
	(void)client;
	(void)on;
}

bool mett_os_wait_for_any(sys_cap gate)
{
	const struct object *object = object_of(gate, OBJECT_GATE);

	while (object && !gate_readable(object) && !gate_writable(object))
		l4_semaphore_down(object->bell[0], L4_IPC_NEVER);
	return object && gate_readable(object);
}

unsigned mett_os_user(void)
{
	return 0; /* as all are here, see user.c */
}

size_t mett_os_page(void)
{
	return L4_PAGESIZE;
}

/* A copy: the answer is the server's memory, and can be mapped in one piece only. */
char *mett_os_map_answer(sys_cap cap, size_t size, size_t more, size_t *ret_size)
{
	size_t whole = (size + L4_PAGESIZE - 1) / L4_PAGESIZE * L4_PAGESIZE;
	void *memory = mmap(NULL, whole + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                    -1, 0);
	void *answer;

	if (memory == MAP_FAILED)
		return NULL;
	if (sys_map(cap, size, 0, &answer)) {
		munmap(memory, whole + more);
		return NULL;
	}
	memcpy(memory, answer, size);
	sys_unmap(answer, size);
	*ret_size = whole + more;
	return memory;
}

void mett_os_protect_answer(void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void mett_os_unmap_answer(void *memory, size_t size)
{
	munmap(memory, size);
}

int mett_default_socket(char *buffer, size_t size)
{
	const char *given = getenv("METT_SOCKET");

	if (!given || !*given)
		given = "manager";
	if (strlen(given) >= size)
		return -ENAMETOOLONG;
	strcpy(buffer, given);
	return 0;
}

/* There is no place that outlives a server. */
int mett_default_state(char *buffer, size_t size)
{
	(void)size;
	*buffer = 0;
	return -ENOENT;
}

int mett_compile_c(const char *path, int *ret_fd, struct mett_error *error)
{
	(void)ret_fd;
	return mett_error_set(
		error, METT_BAD_PROGRAM, 0,
		"cannot compile '%.100s': there is no compiler on L4Re; give a program",
		path ? path : "");
}
