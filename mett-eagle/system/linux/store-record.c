/* The store's records. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <liblog/log.h>

#include "record.h"

enum { FILE_MAX = sizeof(struct record_header) + SYS_STORE_RECORD_MAX };

typedef int each_record(void *context, const char *space, const char *key, const void *data,
                        size_t size);

int sys_store_put(struct sys_store *store, const char *space, const char *key, const void *data,
                  size_t size)
{
	char name[RECORD_NAME_SIZE];
	struct record_header header;
	const struct folder_part parts[] = {{&header, sizeof(header)}, {data, size}};

	if (record_name(space, key, name) || size > SYS_STORE_RECORD_MAX)
		return -EINVAL;
	record_seal(&header, name, data, size);
	return store_write(store, store->records, "record", name, parts, 2);
}

int sys_store_remove(struct sys_store *store, const char *space, const char *key)
{
	char name[RECORD_NAME_SIZE];

	if (record_name(space, key, name))
		return -EINVAL;
	int error = folder_remove(store->records, name);
	if (error != -EISDIR)
		return error;
	store_set_aside(store, store->records, "record", name, "a folder is in its place");
	return folder_sync(store->records);
}

/* Returns what is wrong with it, or NULL; then there may be an error instead. */
static const char *read_record(struct sys_store *store, const char *name, void *buffer,
                               size_t *ret_size, int *ret_error)
{
	size_t size;
	int file = folder_find(store->records, name, &size), error;

	*ret_error = 0;
	if (file == -EBADMSG)
		return "it is no regular file";
	if (file < 0) {
		*ret_error = file;
		return file == -EIO ? "the disk cannot read it" : NULL;
	}
	if (size > FILE_MAX) {
		close(file);
		return "it is too large";
	}
	error = folder_read(file, buffer, size);
	close(file);
	if (error == -EBADMSG)
		return "it is cut short";
	if (error == -EIO)
		return "the disk cannot read it";
	*ret_error = error;
	return error ? NULL : record_check(buffer, size, name, ret_size);
}

/*
 * Returns 1 for one that is none, else 0 or a negative errno. Only what is surely damaged is
 * set aside: where memory or descriptors lack, nothing is.
 */
static int see_record(struct sys_store *store, const char *name, void *buffer, each_record *each,
                      void *context)
{
	char space[METT_NAME_MAX + 1], key[METT_NAME_MAX + 1];
	size_t size;
	int error;

	if (record_parse(name, space, key)) {
		log_warn("state folder '{}': '{}' in records is no record's name; it stays there",
		         store->path, name);
		return 1;
	}
	const char *wrong = read_record(store, name, buffer, &size, &error);
	if (!wrong && error)
		return error == -ENOENT ? 0 : error;
	if (!wrong) {
		error = each(context, space, key, (struct record_header *)buffer + 1, size);
		if (error != -EBADMSG)
			return error;
		wrong = "what it says makes no sense";
	}
	store_set_aside(store, store->records, "record", name, wrong);
	return 1;
}

int sys_store_each(struct sys_store *store, each_record *each, void *context)
{
	struct dirent **list;
	int count = folder_list(store->records, &list), error = count < 0 ? count : 0, unseen = 0;
	void *buffer = error ? NULL : malloc(FILE_MAX);

	if (!error && !buffer)
		error = -ENOMEM;
	for (int i = 0; i < count && error >= 0; i++) {
		error = see_record(store, list[i]->d_name, buffer, each, context);
		unseen += error > 0;
	}
	free(buffer);
	folder_list_free(list, count);
	return error < 0 ? error : unseen;
}
