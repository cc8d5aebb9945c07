/* The store on Linux: how it lies in its folder, and what others put there. */
#include "../test-shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rights.h"

#define ABC_DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static unsigned mode_of(const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	return status.st_mode & 07777;
}

static int open_at(const char *path, char *why, size_t size)
{
	struct sys_store *store;
	int error = sys_store_open(path, &store, why, size);

	if (!error)
		sys_store_close(store);
	return error;
}

TEST(programs_are_files_named_by_their_sha256)
{
	struct shelf shelf;
	struct stat first, second;

	shelf_new(&shelf);
	CHECK_STR(shelf_code(&shelf, "abc", 3), ABC_DIGEST);
	CHECK_EQ(stat(shelf_file(&shelf, "code/" ABC_DIGEST), &first), 0);
	/* What is there is not written again. */
	CHECK_STR(shelf_code(&shelf, "abc", 3), ABC_DIGEST);
	CHECK_EQ(stat(shelf_file(&shelf, "code/" ABC_DIGEST), &second), 0);
	CHECK_EQ(first.st_ino, second.st_ino);
	CHECK_EQ(shelf_count(&shelf, "draft"), 0);
	shelf_free(&shelf);
}

TEST(nobody_else_can_read_it)
{
	struct shelf shelf;

	umask(0);
	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "a", "secret");
	shelf_code(&shelf, "abc", 3);
	CHECK_EQ(mode_of(shelf_file(&shelf, "code")), 0700);
	CHECK_EQ(mode_of(shelf_file(&shelf, "records")), 0700);
	CHECK_EQ(mode_of(shelf_file(&shelf, "records/u0@a")), 0600);
	CHECK_EQ(mode_of(shelf_file(&shelf, "code/" ABC_DIGEST)), 0600);
	CHECK_EQ(mode_of(shelf_file(&shelf, "lock")), 0600);
	/* Somebody was generous. */
	CHECK_EQ(chmod(shelf_file(&shelf, "records"), 0777), 0);
	shelf_reopen(&shelf);
	CHECK_EQ(mode_of(shelf_file(&shelf, "records")), 0700);
	shelf_free(&shelf);
}

TEST(folders_above_are_made)
{
	struct shelf shelf;
	char why[256], path[512];

	shelf_new(&shelf);
	strcpy(path, shelf_file(&shelf, "a/b//c/"));
	CHECK_EQ(open_at(path, why, sizeof(why)), 0);
	CHECK_EQ(mode_of(shelf_file(&shelf, "a/b/c/code")), 0700);
	CHECK_EQ(open_at("", why, sizeof(why)), -ENOENT);
	shelf_free(&shelf);
}

static void expect_refusal(const char *path, int error, const char *text)
{
	char why[256] = "";

	CHECK_EQ(open_at(path, why, sizeof(why)), error);
	if (!strstr(why, text) || !strstr(why, path) || !strstr(why, "--state"))
		test_fail(__FILE__, __LINE__, "%s", why);
}

TEST(folders_that_will_not_do_are_refused)
{
	struct shelf shelf;

	shelf_new(&shelf);
	sys_store_close(shelf.store);
	shelf.store = NULL;
	CHECK_EQ(chmod(shelf.path, 0777), 0);
	expect_refusal(shelf.path, -EPERM, "chmod go-w");
	CHECK_EQ(chmod(shelf.path, 0755), 0);
	file_write(shelf_file(&shelf, "file"), "", 0);
	expect_refusal(shelf_file(&shelf, "file"), -ENOTDIR, "Not a directory");
	expect_refusal(shelf_file(&shelf, "file/under"), -ENOTDIR, "Not a directory");
	expect_refusal("/proc/nothing", -ENOENT, "No such file");
	/* Its own folders are no links, wherever they lead. */
	CHECK_EQ(rename(shelf_file(&shelf, "records"), shelf_file(&shelf, "elsewhere")), 0);
	CHECK_EQ(symlink("elsewhere", shelf_file(&shelf, "records")), 0);
	expect_refusal(shelf.path, -ENOTDIR, "/records");
	CHECK_EQ(unlink(shelf_file(&shelf, "records")), 0);
	CHECK_EQ(unlink(shelf_file(&shelf, "lock")), 0);
	CHECK_EQ(symlink("file", shelf_file(&shelf, "lock")), 0);
	expect_refusal(shelf.path, -ELOOP, "/lock");
	CHECK_EQ(unlink(shelf_file(&shelf, "lock")), 0);
	if (geteuid() == 0) {
		CHECK_EQ(chown(shelf_file(&shelf, "code"), 12345, 12345), 0);
		expect_refusal(shelf.path, -EPERM, "/code");
		CHECK_EQ(chown(shelf.path, 12345, 12345), 0);
		expect_refusal(shelf.path, -EPERM, "belongs to user 12345");
	}
	shelf_free(&shelf);
}

TEST(what_a_killed_writer_left_is_removed)
{
	struct shelf shelf;

	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "a", "whole");
	file_write(shelf_file(&shelf, "draft/0"), "half", 4);
	file_write(shelf_file(&shelf, "draft/17"), "half", 4);
	CHECK_EQ(symlink("../records/u0@a", shelf_file(&shelf, "draft/1")), 0);
	CHECK_EQ(mkdir(shelf_file(&shelf, "draft/2"), 0700), 0);
	shelf_reopen(&shelf);
	CHECK_EQ(shelf_count(&shelf, "draft"), 1);
	shelf_put(&shelf, "u0", "b", "one");
	shelf_put(&shelf, "u0", "c", "two");
	shelf_put(&shelf, "u0", "d", "three");
	CHECK_STR(shelf_records(&shelf), "u0/a=whole;u0/b=one;u0/c=two;u0/d=three;");
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 0);
	CHECK_EQ(shelf_count(&shelf, "draft"), 1);
	shelf_free(&shelf);
}

TEST(what_is_no_file_is_set_aside)
{
	struct shelf shelf;

	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "whole", "1");
	file_write(shelf_file(&shelf, "victim"), "untouched", 9);
	CHECK_EQ(symlink("../victim", shelf_file(&shelf, "records/u0@link")), 0);
	CHECK_EQ(symlink("/dev/zero", shelf_file(&shelf, "records/u0@device")), 0);
	CHECK_EQ(mkfifo(shelf_file(&shelf, "records/u0@fifo"), 0600), 0);
	CHECK_EQ(mkdir(shelf_file(&shelf, "records/u0@folder"), 0700), 0);
	CHECK_EQ(symlink("../victim", shelf_file(&shelf, "code/" ABC_DIGEST)), 0);
	CHECK_STR(shelf_records(&shelf), "u0/whole=1;");
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 4);
	CHECK_EQ(shelf_has_code(&shelf, ABC_DIGEST, "", 0), -EBADMSG);
	CHECK_EQ(shelf_has_code(&shelf, ABC_DIGEST, "", 0), -ENOENT);
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 5);
	shelf_free(&shelf);
}

TEST(what_is_in_the_way_is_replaced_or_set_aside)
{
	struct shelf shelf;
	char text[16] = "";

	shelf_new(&shelf);
	file_write(shelf_file(&shelf, "victim"), "untouched", 9);
	CHECK_EQ(symlink("../victim", shelf_file(&shelf, "records/u0@link")), 0);
	CHECK_EQ(mkdir(shelf_file(&shelf, "records/u0@folder"), 0700), 0);
	file_write(shelf_file(&shelf, "records/u0@folder/file"), "", 0);
	CHECK_EQ(mkdir(shelf_file(&shelf, "records/u0@gone"), 0700), 0);
	CHECK_EQ(symlink("../victim", shelf_file(&shelf, "code/" ABC_DIGEST)), 0);
	shelf_put(&shelf, "u0", "link", "1");
	shelf_put(&shelf, "u0", "folder", "2");
	CHECK_EQ(sys_store_remove(shelf.store, "u0", "gone"), 0);
	CHECK_STR(shelf_code(&shelf, "abc", 3), ABC_DIGEST);
	CHECK_STR(shelf_records(&shelf), "u0/folder=2;u0/link=1;");
	CHECK_EQ(shelf_has_code(&shelf, ABC_DIGEST, "abc", 3), 0);
	CHECK_EQ(file_read(shelf_file(&shelf, "victim"), text, sizeof(text)), 9);
	CHECK_STR(text, "untouched");
	shelf_free(&shelf);
}

TEST(foreign_files_stay_where_they_are)
{
	struct shelf shelf;

	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "a", "1");
	file_write(shelf_file(&shelf, "records/README"), "x", 1);
	file_write(shelf_file(&shelf, "records/u0@a~"), "x", 1);
	file_write(shelf_file(&shelf, "records/u0@a@b"), "x", 1);
	file_write(shelf_file(&shelf, "records/@"), "x", 1);
	file_write(shelf_file(&shelf, "records.sqlite"), "x", 1);
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf), "u0/a=1;");
	CHECK_EQ(shelf_count(&shelf, "records"), 5);
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 0);
	shelf_free(&shelf);
}

/* The server has none left when it writes. */
TEST(it_needs_no_rights_once_open)
{
	struct shelf shelf;

	shelf_new(&shelf);
	CHECK_EQ(rights_drop(), 0);
	shelf_put(&shelf, "u0", "a", "1");
	shelf_put(&shelf, "u0", "a", "2");
	shelf_put(&shelf, "u0", "b", "3");
	CHECK_EQ(sys_store_remove(shelf.store, "u0", "b"), 0);
	CHECK_STR(shelf_code(&shelf, "abc", 3), ABC_DIGEST);
	CHECK_EQ(shelf_has_code(&shelf, ABC_DIGEST, "abc", 3), 0);
	file_write(shelf_file(&shelf, "records/u0@c"), "x", 1);
	CHECK_STR(shelf_records(&shelf), "u0/a=2;");
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 1);
	shelf_free(&shelf);
}

TEST(quarantine_forgets_nothing)
{
	struct shelf shelf;

	shelf_new(&shelf);
	for (int i = 0; i < 5; i++) {
		file_write(shelf_file(&shelf, "records/u0@a"), "x", 1);
		CHECK_STR(shelf_records(&shelf), "");
	}
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 5);
	shelf_free(&shelf);
}
