/* Sends a thousand messages of random types, sizes, bytes and descriptors, then answers. */
#include "hostile.h"

enum { ROUNDS = 1000 };

int faas_main(const void *argument, size_t size)
{
	static _Alignas(8) unsigned char bytes[2 * MESSAGE_MAX];
	const sys_cap caps[] = {HOSTILE_GATE, HOSTILE_LOG, 0, HOSTILE_GATE};
	uint64_t state = 2; /* the same each time: some rubbish is a lawful exit */

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t choice = hostile_random(&state);
		struct message_header header = {(uint32_t)choice % (MESSAGE_TYPE_COUNT + 2), 0};

		for (size_t at = 0; at < sizeof(bytes); at += 8) {
			uint64_t value = hostile_random(&state);

			memcpy(bytes + at, &value, sizeof(value));
		}
		/* Half of them of a size that could be right. */
		size_t length = choice >> 32 & 1 ? 8 * (1 + (choice >> 33 & 31))
		                                 : 1 + (choice >> 33 & 0x3ffe);
		memcpy(bytes, &header, sizeof(header));
		if (hostile_send(bytes, length, caps,
		                 choice >> 60 & 3 ? 0 : 1 + (choice >> 50 & 3)))
			break;
	}
	return faas_answer_text("done");
}
