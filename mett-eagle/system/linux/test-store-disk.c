/* The store on a disk that is full or may not be written to. */
#include "../test-shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PAGE = 4096, DISK_PAGES = 64 };

/* A file system of a few pages, seen by this test alone, at a store's folder. */
static void mount_disk(const char *path)
{
	char options[64];

	if (geteuid())
		test_skip("only root can mount a disk of its own");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		test_skip("no mounts here: %s", strerror(errno));
	snprintf(options, sizeof(options), "size=%d,mode=0700", DISK_PAGES * PAGE);
	if (mount("disk", path, "tmpfs", 0, options) < 0)
		test_skip("no tmpfs here: %s", strerror(errno));
}

/* shelf_new() made its folder on the disk below. */
static void move_to_disk(struct shelf *shelf)
{
	sys_store_close(shelf->store);
	shelf->store = NULL;
	mount_disk(shelf->path);
	shelf_reopen(shelf);
}

static void leave_disk(struct shelf *shelf)
{
	sys_store_close(shelf->store);
	shelf->store = NULL;
	CHECK_EQ(umount(shelf->path), 0);
	shelf_free(shelf);
}

TEST(a_full_disk)
{
	static char data[3 * PAGE], program[4 * PAGE];
	char digest[SYS_STORE_DIGEST_SIZE], name[16];
	struct shelf shelf;
	int error = 0, count = 0;

	shelf_new(&shelf);
	move_to_disk(&shelf);
	shelf_put(&shelf, "u0", "first", "old");
	while (!error && count < DISK_PAGES) {
		snprintf(name, sizeof(name), "a%d", count++);
		error = sys_store_put(shelf.store, "u1", name, data, sizeof(data));
	}
	CHECK_EQ(error, -ENOSPC);
	CHECK_EQ(sys_store_put(shelf.store, "u0", "first", data, sizeof(data)), -ENOSPC);
	sys_cap dataspace = shelf_program(program, sizeof(program));
	CHECK_EQ(sys_store_put_code(shelf.store, dataspace, digest), -ENOSPC);
	CHECK_EQ(shelf_count(&shelf, "draft"), 0);
	CHECK_EQ(shelf_count(&shelf, "code"), 0);
	CHECK_EQ(shelf_count(&shelf, "records"), count);
	CHECK_EQ(strncmp(shelf_records(&shelf), "u0/first=old;u1/a0=", 19), 0);
	/* It serves on; with room again it takes more. */
	shelf_reopen(&shelf);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		CHECK_EQ(sys_store_remove(shelf.store, "u1", name), 0);
	}
	shelf_put(&shelf, "u0", "first", "new");
	CHECK_EQ(sys_store_put_code(shelf.store, dataspace, digest), 0);
	sys_cap_close(dataspace);
	CHECK_EQ(strncmp(shelf_records(&shelf), "u0/first=new;u1/a10=", 20), 0);
	leave_disk(&shelf);
}

TEST(a_disk_that_may_not_be_written_to)
{
	char why[256] = "";
	struct shelf shelf;

	shelf_new(&shelf);
	move_to_disk(&shelf);
	shelf_put(&shelf, "u0", "a", "old");
	sys_store_close(shelf.store);
	shelf.store = NULL;
	CHECK_EQ(mount(NULL, shelf.path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_EQ(sys_store_open(shelf.path, &shelf.store, why, sizeof(why)), -EROFS);
	CHECK(strstr(why, "Read-only file system") && strstr(why, shelf.path));
	CHECK_EQ(mount(NULL, shelf.path, NULL, MS_REMOUNT, NULL), 0);
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf), "u0/a=old;");
	leave_disk(&shelf);
}

TEST(a_limit_of_files_sizes)
{
	static char data[3 * PAGE];
	struct rlimit limit = {PAGE, RLIM_INFINITY};
	struct shelf shelf;

	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "a", "old");
	signal(SIGXFSZ, SIG_IGN); /* as the server does */
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(sys_store_put(shelf.store, "u0", "a", data, sizeof(data)), -EFBIG);
	CHECK_EQ(shelf_count(&shelf, "draft"), 0);
	CHECK_STR(shelf_records(&shelf), "u0/a=old;");
	shelf_put(&shelf, "u0", "a", "new");
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf), "u0/a=new;");
	shelf_free(&shelf);
}
