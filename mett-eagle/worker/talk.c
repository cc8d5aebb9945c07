/*
 * Talking to the server. A worker can do nothing of use without it, and has
 * nothing of its own to save: so whatever goes wrong here ends the process.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void mett_worker_die(const char *why)
{
	static const char prefix[] = "mett-worker: ", end[] = "\n";

	mett_program_say(prefix, sizeof(prefix) - 1);
	mett_program_say(why, strlen(why));
	mett_program_say(end, sizeof(end) - 1);
	mett_program_leave(1);
}

void mett_worker_send(const void *message, size_t size, const sys_cap *caps, unsigned count)
{
	const struct timespec moment = {.tv_nsec = 100000};
	int result;

	while ((result = sys_gate_send(WORKER_GATE, message, size, caps, count)) == SYS_AGAIN ||
	       result == -ETOOMANYREFS) {
		/* No more may be under way than could be open here: the server must take some. */
		if (result == SYS_AGAIN)
			sys_gate_wait(WORKER_GATE, 1, 0);
		else
			nanosleep(&moment, NULL);
	}
	if (result == SYS_CLOSED)
		mett_program_leave(0);
	if (result < 0)
		mett_worker_die("cannot send to the server");
}

void mett_worker_receive(enum message_type type, void *message, size_t size,
                         struct sys_received *ret)
{
	int result;

	while ((result = sys_gate_recv(WORKER_GATE, message, size, ret)) == SYS_AGAIN)
		sys_gate_wait(WORKER_GATE, 0, 0);
	if (result == SYS_CLOSED)
		mett_program_leave(0);
	if (result || message_check(message, ret->size, ret->cap_count, FROM_SERVER) != type)
		mett_worker_die("message from the server is not the one expected");
}

int mett_worker_space_ask(struct mett_worker *worker, size_t size, struct worker_space *ret)
{
	struct message_dataspace ask = {{MESSAGE_DATASPACE, ++worker->tag}, size};
	struct {
		struct message_status status;
		char text[METT_MESSAGE_MAX];
	} reply;
	struct sys_received received;
	void *memory;

	mett_worker_send(&ask, sizeof(ask), NULL, 0);
	mett_worker_receive(MESSAGE_STATUS, &reply, sizeof(reply), &received);
	if (reply.status.reason != METT_OK || !received.cap_count) {
		sys_received_close(&received);
		return reply.status.reason == METT_TOO_LARGE ? -EMSGSIZE : -ENOMEM;
	}
	if (sys_map(received.caps[0], size, 1, &memory) < 0) {
		sys_received_close(&received);
		return -ENOMEM;
	}
	*ret = (struct worker_space){received.caps[0], size, memory};
	return 0;
}

void mett_worker_space_unmap(struct worker_space *space)
{
	sys_unmap(space->memory, space->size);
	space->memory = NULL;
}

void mett_worker_space_drop(struct worker_space *space)
{
	if (!space->size)
		return;
	mett_worker_space_unmap(space);
	sys_cap_close(space->cap);
	*space = (struct worker_space){.cap = SYS_NO_CAP};
}
