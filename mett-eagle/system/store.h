#pragma once

/*
 * Store: what must outlive the server. Programs by what they contain, and small
 * records by name. Whatever ends the server or the machine, at any moment: each
 * record and each program is then there as it was before, or as it is after.
 *
 * What lies there may have been damaged, cut, or put there by somebody: nothing is
 * handed out that is not what was once put. What is not is moved aside and logged,
 * and the rest serves.
 *
 * All functions but open and close may be called from any thread. They wait for the disk.
 */
#include "ipc.h"

struct sys_store;

enum {
	SYS_STORE_RECORD_MAX = 64 << 10, /* bytes of a record */
	SYS_STORE_DIGEST_SIZE = 65,      /* of a program, in hexadecimal, with its zero */
};

/**
 * sys_store_open() - open the store of that name, or make it
 * @path: where; on Linux a folder
 * @why:  memory of @size bytes for a text that says what failed, on what, and how to mend it
 *
 * Removes what a writer that was killed has left half done. Call it before rights are
 * given up: what is needed for good is opened here. Nobody else can open the same store
 * until it is closed, or the process has ended.
 *
 * Return: 0, -EBUSY when another server has it, or a negative errno, with @why filled in.
 */
int sys_store_open(const char *path, struct sys_store **ret, char *why, size_t size);

/** sys_store_close() - when no call is under way; NULL is fine */
void sys_store_close(struct sys_store *store);

/**
 * sys_store_name_code() - what name a program has, or would have; writes nothing
 * @ret: SYS_STORE_DIGEST_SIZE bytes
 *
 * Return: 0, -EINVAL when @program is no sealed dataspace or empty, or another negative errno.
 */
int sys_store_name_code(sys_cap program, char *ret);

/**
 * sys_store_put_code() - keep a program
 * @program: sealed dataspace; stays the caller's
 * @ret:     SYS_STORE_DIGEST_SIZE bytes: the name it has from now on
 *
 * Writes nothing when the very same is there already. It lasts once this has returned.
 *
 * Return: 0, -EINVAL when @program is no sealed dataspace or empty, -ENOSPC, -EROFS, or another
 * negative errno; nothing has changed then.
 */
int sys_store_put_code(struct sys_store *store, sys_cap program, char *ret);

/**
 * sys_store_get_code() - fetch a program
 * @ret_program: new sealed dataspace, executable, the caller's
 *
 * Return: 0, -ENOENT when there is none of that name, -EBADMSG when it was damaged and so
 * has been moved aside, -EINVAL when @digest is no name of a program, or a negative errno.
 */
int sys_store_get_code(struct sys_store *store, const char *digest, sys_cap *ret_program);

/** sys_store_drop_code() - nobody needs it any more; 0, also if it is not there, or an errno */
int sys_store_drop_code(struct sys_store *store, const char *digest);

/**
 * sys_store_sweep_code() - drop the programs that nobody needs
 * @wanted: 1 for one to be kept, else 0
 *
 * For the start, once all records are known: a writer may have ended between a program and the
 * record that names it.
 *
 * Return: number of those dropped, or a negative errno.
 */
int sys_store_sweep_code(struct sys_store *store, int (*wanted)(void *context, const char *digest),
                         void *context);

/**
 * sys_store_put() - keep a record, in place of the one that was there
 * @space: lawful name, see mett_name_valid()
 * @key:   lawful name, or "": the space's own record
 * @size:  at most SYS_STORE_RECORD_MAX
 *
 * It lasts once this has returned.
 *
 * Return: 0, -EINVAL for unlawful names or too large a record, -ENOSPC, -EROFS, or another
 * negative errno: the one that was there stays. Only when the disk itself fails in the
 * very last step, -EIO, it is open which of the two will be found later.
 */
int sys_store_put(struct sys_store *store, const char *space, const char *key, const void *data,
                  size_t size);

/** sys_store_remove() - forget a record, for good once this has returned; as sys_store_put() */
int sys_store_remove(struct sys_store *store, const char *space, const char *key);

/**
 * sys_store_each() - see all records: sorted by space, its own record first, then by key
 * @each: returns 0 to go on, -EBADMSG when it can make nothing of this one, which is then moved
 *        aside as damaged, or another negative errno to end. What it gets is valid during the
 *        call, and @data aligned for any type. It must not change the store.
 *
 * Damaged records are moved aside and not seen. A space's own record may be missing.
 *
 * Return: how many were not seen, or made no sense: of what they name nothing is known. Or what
 * @each ended it with, or another negative errno: then not all were looked at.
 */
int sys_store_each(struct sys_store *store,
                   int (*each)(void *context, const char *space, const char *key, const void *data,
                               size_t size),
                   void *context);
