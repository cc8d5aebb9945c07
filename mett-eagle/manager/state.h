#pragma once

/*
 * State: what the store keeps of spaces and their actions, as bytes. What comes back may
 * have been made by anybody, and is believed only if it is whole.
 */
#include "space.h"

/** struct space_record - a space's own */
struct space_record {
	uint32_t format;
	uint32_t owner;
	uint32_t alone;
	uint32_t member_count;
	struct mett_quota quota;
	uint32_t members[METT_MEMBERS_MAX];
};

/** state_of_space() - as it is now */
void state_of_space(const struct space *space, struct space_record *ret);

/** state_to_space() - with the lock: it becomes so, but for its owner */
void state_to_space(const struct space_record *record, struct space *space);

/** state_read_space() - take one from the store; 0, or -EBADMSG */
int state_read_space(const void *data, size_t size, struct space_record *ret);

/**
 * state_write_action() - the record of an action with these versions
 * @ret: memory of SYS_STORE_RECORD_MAX bytes, aligned for any type
 *
 * Return: its size.
 */
size_t state_write_action(const struct lineup *lineup, void *ret);

/**
 * state_read_action() - and back
 * @ret: filled in on success only, with versions whose programs the store has
 *
 * Return: 0, -EBADMSG, or -ENOMEM.
 */
int state_read_action(struct server *server, const void *data, size_t size, struct lineup *ret);
