#pragma once

/*
 * Folder: files of ours that are always whole. A file is written under another name,
 * made to last, and only then gets its own. Everything goes by descriptors of
 * folders, and never through a link: what anybody puts into them meanwhile is found
 * to be what it is.
 */
#include <dirent.h>
#include <stddef.h>

/** struct folder_part - a piece of what is to be written */
struct folder_part {
	const void *data;
	size_t size;
};

/**
 * folder_open() - open a folder in another, or make it; only its owner has rights in it then
 *
 * Return: descriptor; -ENOTDIR when something else, or a link, has its name; -EPERM when it
 * is somebody else's; or another negative errno.
 */
int folder_open(int parent, const char *name);

/** folder_sync() - what was done in a folder lasts; 0 or a negative errno */
int folder_sync(int folder);

/**
 * folder_write() - put a file into a folder, in place of any that has its name
 * @draft: folder, of the same file system, where it is written first
 * @as:    name it has there, that nobody else uses now
 *
 * Return: 0 once it lasts, or a negative errno: nothing has changed, but see sys_store_put().
 * -EISDIR: what has its name is a folder; -EEXIST: @as was in use.
 */
int folder_write(int folder, const char *name, int draft, const char *as,
                 const struct folder_part *parts, unsigned count);

/**
 * folder_find() - open a regular file for reading
 * @ret_size: in bytes, now
 *
 * Never blocks. Return: descriptor; -EBADMSG when it is a link or no regular file; or another
 * negative errno.
 */
int folder_find(int folder, const char *name, size_t *ret_size);

/** folder_read() - the first @size bytes of a file; 0, -EBADMSG when there are less, or an errno */
int folder_read(int file, void *ret, size_t size);

/**
 * folder_remove() - remove a file; it is gone for good then
 *
 * Return: 0, also if it was not there, or a negative errno.
 */
int folder_remove(int folder, const char *name);

/** folder_clear() - remove all files; what are no files stay */
void folder_clear(int folder);

/**
 * folder_list() - the names in it but "." and "..", sorted by their bytes
 * @ret: from malloc, as is each name
 *
 * Return: their number, or a negative errno.
 */
int folder_list(int folder, struct dirent ***ret);

/** folder_list_free() - let go of @count names */
void folder_list_free(struct dirent **list, int count);
