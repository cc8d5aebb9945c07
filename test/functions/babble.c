/*
 * Says and does to its server what comes to its mind: its argument is the seed.
 * Messages of all kinds, right and wrong, with descriptors right and wrong;
 * writes to its window; and one of many ends. The same for the same seed.
 */
#include "hostile.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS_MAX = 40 };

static uint64_t state;
static sys_cap lent = SYS_NO_CAP;

static unsigned below(unsigned end)
{
	return (unsigned)(hostile_random(&state) % end);
}

static void scribble(unsigned char *window)
{
	for (unsigned count = below(64); count; count--) {
		uint64_t value = hostile_random(&state);

		memcpy(window + 8 * below(sizeof(struct worker_window) / 8), &value, 8);
	}
}

/* Rather small, or at a limit. */
static uint64_t some_size(void)
{
	static const uint64_t sizes[] = {0,
	                                 1,
	                                 METT_INLINE_MAX,
	                                 METT_INLINE_MAX + 1,
	                                 METT_PAYLOAD_MAX,
	                                 METT_PAYLOAD_MAX + 1,
	                                 ~0ULL};

	return below(2) ? sizes[below(7)] : below(200000);
}

/* A message of a worker as it ought to be, but for what it says. */
static size_t make_message(void *data)
{
	struct message_invoke *invoke = data;
	struct message_dataspace *ask = data;
	struct message_signal *signal = data;
	struct message_exit *leave = data;

	switch (below(8)) {
	case 0:
		leave->header.type = MESSAGE_EXIT;
		leave->error = below(4) ? 0 : (int32_t)hostile_random(&state);
		leave->size = some_size();
		leave->times.end_function = hostile_random(&state);
		return sizeof(*leave);
	case 1:
		signal->header.type = MESSAGE_SIGNAL;
		signal->signal = (int32_t)below(80) - 8;
		return sizeof(*signal);
	case 2:
	case 3:
		invoke->header = (struct message_header){MESSAGE_INVOKE, below(3)};
		message_name_set(&invoke->name, below(4) ? "echo" : "babble");
		invoke->size = below(2) ? below(METT_INLINE_MAX) : some_size();
		invoke->slot = below(8) ? 0 : below(3);
		invoke->config.timeout_us = below(100000);
		return sizeof(*invoke);
	default:
		ask->header.type = MESSAGE_DATASPACE;
		ask->size = some_size();
		return sizeof(*ask);
	}
}

static void speak(void)
{
	static _Alignas(8) unsigned char bytes[2 * MESSAGE_MAX];
	const sys_cap all[] = {HOSTILE_GATE, HOSTILE_LOG, 0, lent};
	sys_cap caps[] = {all[below(4)], all[below(4)], all[below(4)], all[below(4)]};

	memset(bytes, 0, sizeof(struct message_exit) + sizeof(struct message_invoke));
	size_t size = make_message(bytes);
	if (!below(24)) /* any kind, of any size */
		bytes[0] = (unsigned char)below(MESSAGE_TYPE_COUNT + 2);
	if (!below(32))
		size = 1 + below(below(8) ? 512 : sizeof(bytes));
	if (!below(16))
		memset(bytes + 8 * below(32), (int)below(256), 8);
	unsigned count = below(12) ? 0 : 1 + below(below(4) ? 1 : SYS_CAPS_MAX);
	if (lent != SYS_NO_CAP && !below(4))
		count = 1;
	if (lent != SYS_NO_CAP && count == 1)
		caps[0] = lent;
	hostile_send(bytes, size, caps, count);
}

/* Takes an answer, if there is one soon, and what it brings. */
static void listen(void)
{
	static _Alignas(8) unsigned char bytes[MESSAGE_MAX];
	struct sys_received received;

	sys_gate_wait(HOSTILE_GATE, 0, sys_clock_ns() + 1000000);
	if (sys_gate_recv(HOSTILE_GATE, bytes, sizeof(bytes), &received))
		return;
	if (received.cap_count) {
		sys_cap_close(lent);
		lent = received.caps[0];
		received.caps[0] = SYS_NO_CAP;
	}
	sys_received_close(&received);
}

static int end(void)
{
	switch (below(8)) {
	case 0:
		abort();
	case 1:
		_exit((int)below(256));
	case 2:
		close(HOSTILE_GATE);
		return 0;
	case 3:
		return chdir("/"); /* forbidden */
	case 4:
		return (int)below(4) - 2;
	default:
		return faas_answer_text("done");
	}
}

int faas_main(const void *argument, size_t size)
{
	unsigned char *window =
		(unsigned char *)argument - offsetof(struct worker_window, serve.argument);
	char digits[24] = "";

	memcpy(digits, argument, size < sizeof(digits) ? size : sizeof(digits) - 1);
	state = (strtoull(digits, NULL, 10) + 1) * 0x9e3779b97f4a7c15;
	for (unsigned rounds = below(ROUNDS_MAX); rounds; rounds--) {
		if (!below(8))
			scribble(window);
		else if (!below(3))
			speak();
		else
			listen();
	}
	return end();
}
