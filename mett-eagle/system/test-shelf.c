#include "test-shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS_TEXT = 1 << 20 };

void shelf_reopen(struct shelf *shelf)
{
	char why[256] = "";

	sys_store_close(shelf->store);
	shelf->store = NULL;
	if (sys_store_open(shelf->path, &shelf->store, why, sizeof(why)))
		test_fail(__FILE__, __LINE__, "%s", why);
}

void shelf_new(struct shelf *ret)
{
	const char *folder = getenv("TMPDIR");

	snprintf(ret->path, sizeof(ret->path), "%s/mett-eagle-store-XXXXXX",
	         folder ? folder : "/tmp");
	CHECK(mkdtemp(ret->path));
	ret->store = NULL;
	shelf_reopen(ret);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

void shelf_free(struct shelf *shelf)
{
	sys_store_close(shelf->store);
	CHECK_EQ(nftw(shelf->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *shelf_file(const struct shelf *shelf, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", shelf->path, name);
	return path;
}

int shelf_count(const struct shelf *shelf, const char *folder)
{
	DIR *dir = opendir(shelf_file(shelf, folder));
	int count = 0;

	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return count;
}

static int add_text(void *context, const char *space, const char *key, const void *data,
                    size_t size)
{
	char *text = context;
	size_t used = strlen(text);

	CHECK_EQ((uintptr_t)data % 16, 0);
	snprintf(text + used, RECORDS_TEXT - used, "%s/%s=%.*s;", space, key, (int)size,
	         (const char *)data);
	return 0;
}

const char *shelf_records(struct shelf *shelf)
{
	static char text[RECORDS_TEXT];

	text[0] = 0;
	CHECK(sys_store_each(shelf->store, add_text, text) >= 0);
	return text;
}

void shelf_put(struct shelf *shelf, const char *space, const char *key, const char *text)
{
	CHECK_EQ(sys_store_put(shelf->store, space, key, text, strlen(text)), 0);
}

sys_cap shelf_program(const void *data, size_t size)
{
	sys_cap program;
	void *memory;

	CHECK_EQ(sys_dataspace_new("test", size, 1, &program), 0);
	CHECK_EQ(sys_map(program, size, 1, &memory), 0);
	memcpy(memory, data, size);
	sys_unmap(memory, size);
	CHECK_EQ(sys_dataspace_seal(program), 0);
	return program;
}

const char *shelf_code(struct shelf *shelf, const void *data, size_t size)
{
	static char digest[SYS_STORE_DIGEST_SIZE];
	char name[SYS_STORE_DIGEST_SIZE];
	sys_cap program = shelf_program(data, size);

	CHECK_EQ(sys_store_name_code(program, name), 0);
	CHECK_EQ(sys_store_put_code(shelf->store, program, digest), 0);
	CHECK_STR(name, digest);
	sys_cap_close(program);
	return digest;
}

int shelf_has_code(struct shelf *shelf, const char *digest, const void *data, size_t size)
{
	sys_cap program;
	size_t there;
	void *memory;
	int error = sys_store_get_code(shelf->store, digest, &program);

	if (error)
		return error;
	CHECK_EQ(sys_dataspace_check(program, &there), 0);
	CHECK_EQ(there, size);
	CHECK_EQ(sys_map(program, size, 0, &memory), 0);
	CHECK_EQ(memcmp(memory, data, size), 0);
	sys_unmap(memory, size);
	sys_cap_close(program);
	return 0;
}

void file_write(const char *path, const void *data, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(file >= 0);
	CHECK_EQ(write(file, data, size), size);
	close(file);
}

size_t file_read(const char *path, void *ret, size_t room)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(file >= 0);
	ssize_t size = read(file, ret, room);
	CHECK(size >= 0);
	close(file);
	return (size_t)size;
}
