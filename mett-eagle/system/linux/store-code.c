/* The store's programs. */
#include "store.h"

#include <errno.h>
#include <sha2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mett-eagle/common.h>

enum { COMPARED_AT_ONCE = 64 << 10 };

_Static_assert(SYS_STORE_DIGEST_SIZE == SHA256_DIGEST_STRING_LENGTH, "hexadecimal, and a zero");

static bool is_digest(const char *text)
{
	return text && strnlen(text, SYS_STORE_DIGEST_SIZE) == SYS_STORE_DIGEST_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == SYS_STORE_DIGEST_SIZE - 1;
}

static void set_aside(struct sys_store *store, const char *digest, const char *why)
{
	store_set_aside(store, store->code, "program", digest, why);
}

static int compare(int file, const char *memory, size_t size, bool *ret_same)
{
	char buffer[COMPARED_AT_ONCE];

	*ret_same = true;
	for (size_t done = 0; done < size && *ret_same;) {
		ssize_t count = pread(file, buffer, sizeof(buffer), (off_t)done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno != EIO)
			return -errno;
		*ret_same = count > 0 && (size_t)count <= size - done &&
		            !memcmp(buffer, memory + done, (size_t)count);
		done += count > 0 ? (size_t)count : 0;
	}
	return 0;
}

/* Is this program there already? What is not it, and has its name, is set aside. */
static int find_same(struct sys_store *store, const char *digest, const void *memory, size_t size,
                     bool *ret_same)
{
	size_t there = 0;
	int file = folder_find(store->code, digest, &there), error = 0;

	*ret_same = false;
	if (file < 0 && file != -EBADMSG)
		return file == -ENOENT ? 0 : file;
	if (file >= 0) {
		if (there == size)
			error = compare(file, memory, size, ret_same);
		close(file);
	}
	if (!error && !*ret_same)
		set_aside(store, digest, "it is not what it was");
	return error;
}

static int map_program(sys_cap program, size_t *ret_size, void **ret)
{
	if (sys_dataspace_check(program, ret_size) || !*ret_size)
		return -EINVAL;
	return sys_map(program, *ret_size, 0, ret);
}

int sys_store_name_code(sys_cap program, char *ret)
{
	size_t size;
	void *memory;
	int error = map_program(program, &size, &memory);

	if (error)
		return error;
	SHA256Data(memory, size, ret);
	sys_unmap(memory, size);
	return 0;
}

int sys_store_put_code(struct sys_store *store, sys_cap program, char *ret)
{
	struct folder_part part;
	void *memory;
	bool same;
	int error = map_program(program, &part.size, &memory);

	if (error)
		return error;
	char digest[SYS_STORE_DIGEST_SIZE];
	SHA256Data(memory, part.size, digest);
	part.data = memory;
	error = find_same(store, digest, memory, part.size, &same);
	if (!error)
		error = same ? folder_sync(store->code)
		             : store_write(store, store->code, "program", digest, &part, 1);
	sys_unmap(memory, part.size);
	if (!error)
		memcpy(ret, digest, sizeof(digest));
	return error;
}

/* A copy is checked, not the file: that may change while one looks. */
static int copy_checked(int file, size_t size, const char *digest, sys_cap dataspace)
{
	char found[SYS_STORE_DIGEST_SIZE];
	void *memory;
	int error = sys_map(dataspace, size, 1, &memory);

	if (error)
		return error;
	error = folder_read(file, memory, size);
	if (!error) {
		SHA256Data(memory, size, found);
		if (strcmp(found, digest) != 0)
			error = -EBADMSG;
	}
	sys_unmap(memory, size);
	return error ? error : sys_dataspace_seal(dataspace);
}

int sys_store_get_code(struct sys_store *store, const char *digest, sys_cap *ret_program)
{
	sys_cap dataspace = SYS_NO_CAP;
	size_t size = 0;

	if (!is_digest(digest))
		return -EINVAL;
	int file = folder_find(store->code, digest, &size), error = file < 0 ? file : 0;
	if (!error && (!size || size > METT_PROGRAM_MAX))
		error = -EBADMSG;
	if (!error)
		error = sys_dataspace_new("program", size, 1, &dataspace);
	if (!error)
		error = copy_checked(file, size, digest, dataspace);
	if (file >= 0)
		close(file);
	if (error == -EBADMSG || error == -EIO) {
		set_aside(store, digest, "its checksum is wrong");
		error = -EBADMSG;
	}
	if (error)
		sys_cap_close(dataspace);
	else
		*ret_program = dataspace;
	return error;
}

int sys_store_drop_code(struct sys_store *store, const char *digest)
{
	return is_digest(digest) ? folder_remove(store->code, digest) : -EINVAL;
}

int sys_store_sweep_code(struct sys_store *store, int (*wanted)(void *context, const char *digest),
                         void *context)
{
	struct dirent **list;
	int count = folder_list(store->code, &list), dropped = 0;

	for (int i = 0; i < count; i++) {
		const char *name = list[i]->d_name;

		if (is_digest(name) && !wanted(context, name) &&
		    unlinkat(store->code, name, 0) == 0)
			dropped++;
	}
	folder_list_free(list, count);
	int error = dropped ? folder_sync(store->code) : 0;
	return count < 0 ? count : error ? error : dropped;
}
