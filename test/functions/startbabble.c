/*
 * Says what comes to its mind to its server before it is ready, and goes on like
 * any other program. What it says is chosen by its action's name, as "17".
 */
#include "hostile.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t state;

static unsigned below(unsigned end)
{
	return (unsigned)(hostile_random(&state) % end);
}

/* A real child of the server, as a zygote makes them, which then does nothing. */
static int make_process(void)
{
	int handle;
	long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, 0, &handle, 0, 0);

	if (pid == 0)
		for (;;)
			pause();
	return pid > 0 ? handle : HOSTILE_LOG;
}

static void speak(void)
{
	static const enum message_type types[] = {MESSAGE_BUILT,  MESSAGE_UNBUILT, MESSAGE_READY,
	                                          MESSAGE_FORKED, MESSAGE_EXIT,    MESSAGE_INVOKE};
	static _Alignas(8) unsigned char bytes[1024];
	const sys_cap all[] = {HOSTILE_GATE, HOSTILE_LOG, make_process()};
	const sys_cap caps[] = {all[below(3)], all[below(3)]};
	struct message_header *header = (void *)bytes;

	for (size_t i = 0; i < 64; i++)
		bytes[i] = below(4) ? 0 : (unsigned char)below(256);
	header->type = types[below(sizeof(types) / sizeof(types[0]))];
	size_t size = 8 * (1 + below(3));
	hostile_send(bytes, size, caps, header->type == MESSAGE_BUILT ? 2 : below(3));
	for (int i = 0; i < 3; i++)
		if (all[i] > HOSTILE_GATE)
			close(all[i]);
}

int faas_init(void)
{
	state = (strtoull(program_invocation_name, NULL, 10) + 1) * 0x9e3779b97f4a7c15;
	for (unsigned count = 1 + below(4); count; count--)
		speak();
	return 0;
}

int faas_main(const void *argument, size_t size)
{
	return faas_answer_text("done");
}
