#pragma once

/*
 * Access: who may read a namespace's records. Root and the recorder's own user, whose
 * home it is, and whom the server names as its owner or members.
 */
#include <stdbool.h>
#include <sys/types.h>

#include <mett-eagle/client.h>

struct access {
	const char *socket_path; /* the server's */
	struct mett_namespace_info *rows;
	size_t count;
	uint64_t until_ns;        /* what is in rows is believed until then */
	uint64_t absent_until_ns; /* what is not, until then */
};

/** access_init() - @socket_path must stay valid */
void access_init(struct access *access, const char *socket_path);

/** access_deinit() */
void access_deinit(struct access *access);

/**
 * access_check() - may @user read?
 * @ret_owner: whose the namespace is, or -1: it does not matter
 * @why:       METT_MESSAGE_MAX bytes, for why not
 *
 * Asks the server when its last answer is older than a second or two, or than a tenth of one
 * where that would refuse; which may take five when the server is stuck.
 *
 * Return: METT_OK, METT_DENIED, or METT_GONE: it cannot be known now.
 */
enum mett_reason access_check(struct access *access, uid_t user, const char *name_space,
                              int64_t *ret_owner, char *why);
