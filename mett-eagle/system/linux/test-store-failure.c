/*
 * The store on a system that fails, or a process that ends, at each call it makes; and
 * whether what is said to last has been told to the disk. Linked so that the calls come
 * here first (--wrap), those that know large files by the names they have then.
 */
#include "../test-shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store.h"

enum { CALLS_MAX = 200, UNSYNCED_MAX = 16, ENDED = 42 };

enum harm {
	HARM_NONE,
	HARM_FAIL, /* the call fails, with nothing done */
	HARM_END,  /* the process ends before it */
	HARM_HALF, /* it ends in the middle of a write, or behind any other call */
};

static struct {
	enum harm harm;
	int error;
	int after;                    /* calls that go well before */
	bool done;                    /* the harm */
	bool in_sync;                 /* the harm hit an fsync() */
	bool watched;                 /* what follows is kept */
	ino_t unsynced[UNSYNCED_MAX]; /* 0: free */
} world;

static void harm_from(enum harm harm, int error, int after)
{
	world.harm = harm;
	world.error = error;
	world.after = after;
	world.done = world.in_sync = false;
}

/* True when the call is to fail, with errno set. */
static bool harmed(void)
{
	if (world.harm == HARM_NONE || world.done || world.after-- > 0)
		return false;
	world.done = true;
	if (world.harm == HARM_END)
		_exit(ENDED);
	errno = world.error;
	return world.harm == HARM_FAIL;
}

static void harmed_behind(void)
{
	if (world.harm == HARM_HALF && world.done)
		_exit(ENDED);
}

static ino_t number_of(int fd)
{
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	return status.st_ino;
}

static bool is_unsynced(ino_t number)
{
	for (int i = 0; i < UNSYNCED_MAX; i++)
		if (world.unsynced[i] == number)
			return true;
	return false;
}

static void note(ino_t number)
{
	for (int i = 0; i < UNSYNCED_MAX && world.watched && !is_unsynced(number); i++)
		if (!world.unsynced[i])
			world.unsynced[i] = number;
}

static void note_synced(ino_t number)
{
	for (int i = 0; i < UNSYNCED_MAX; i++)
		if (world.unsynced[i] == number)
			world.unsynced[i] = 0;
}

#define WRAP(result_, name_, parameters_)                                                          \
	result_ __real_##name_ parameters_;                                                        \
	result_ __wrap_##name_ parameters_;                                                        \
	result_ __wrap_##name_ parameters_

int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);

int __wrap_openat64(int folder, const char *name, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if (harmed())
		return -1;
	int result = __real_openat64(folder, name, flags, mode);
	harmed_behind();
	return result;
}

WRAP(int, mkdirat, (int folder, const char *name, mode_t mode))
{
	if (harmed())
		return -1;
	int result = __real_mkdirat(folder, name, mode);
	harmed_behind();
	return result;
}

WRAP(ssize_t, write, (int fd, const void *data, size_t size))
{
	if (fd <= STDERR_FILENO) /* the harness's and the log's */
		return __real_write(fd, data, size);
	if (harmed())
		return -1;
	if (world.harm == HARM_HALF && world.done)
		size /= 2;
	ssize_t result = __real_write(fd, data, size);
	harmed_behind();
	note(number_of(fd));
	return result;
}

WRAP(ssize_t, pread64, (int fd, void *data, size_t size, off_t at))
{
	return harmed() ? -1 : __real_pread64(fd, data, size, at);
}

WRAP(int, fsync, (int fd))
{
	bool before = world.done;

	if (harmed()) {
		world.in_sync = true;
		return -1;
	}
	int result = __real_fsync(fd);
	world.in_sync |= world.done && !before;
	harmed_behind();
	note_synced(number_of(fd));
	return result;
}

WRAP(int, renameat, (int from, const char *old, int to, const char *new))
{
	struct stat status;

	if (harmed())
		return -1;
	if (world.watched) {
		/* Its name must not be there before its bytes are. */
		CHECK_EQ(fstatat(from, old, &status, AT_SYMLINK_NOFOLLOW), 0);
		CHECK(!is_unsynced(status.st_ino));
	}
	int result = __real_renameat(from, old, to, new);
	harmed_behind();
	note(number_of(to));
	return result;
}

WRAP(int, unlinkat, (int folder, const char *name, int flags))
{
	if (harmed())
		return -1;
	int result = __real_unlinkat(folder, name, flags);
	harmed_behind();
	note(number_of(folder));
	return result;
}

WRAP(int, flock, (int fd, int operation))
{
	return harmed() ? -1 : __real_flock(fd, operation);
}

WRAP(void *, malloc, (size_t size))
{
	return harmed() ? NULL : __real_malloc(size);
}

WRAP(void *, mmap64, (void *at, size_t size, int protection, int flags, int fd, off_t offset))
{
	return harmed() ? MAP_FAILED : __real_mmap64(at, size, protection, flags, fd, offset);
}

/* What is tried: each leads from the same state to another. */

static const char program[] = "of a program";
static char digest[SYS_STORE_DIGEST_SIZE], kept_digest[SYS_STORE_DIGEST_SIZE];
static sys_cap dataspace;

#define BEFORE "u0/=own;u0/a=one;u0/b=two;"

static int do_put_new(struct shelf *shelf)
{
	return sys_store_put(shelf->store, "u0", "c", "three", 5);
}

static int do_replace(struct shelf *shelf)
{
	return sys_store_put(shelf->store, "u0", "a", "other", 5);
}

static int do_remove(struct shelf *shelf)
{
	return sys_store_remove(shelf->store, "u0", "a");
}

static int do_put_code(struct shelf *shelf)
{
	return sys_store_put_code(shelf->store, dataspace, digest);
}

static int do_get_code(struct shelf *shelf)
{
	sys_cap got;
	int error = sys_store_get_code(shelf->store, kept_digest, &got);

	if (!error)
		sys_cap_close(got);
	return error;
}

static int do_drop_code(struct shelf *shelf)
{
	return sys_store_drop_code(shelf->store, digest);
}

static int see(void *context, const char *space, const char *key, const void *data, size_t size)
{
	return 0;
}

static int do_each(struct shelf *shelf)
{
	int unseen = sys_store_each(shelf->store, see, NULL);

	return unseen < 0 ? unseen : 0;
}

static int do_reopen(struct shelf *shelf)
{
	char why[256] = "";

	sys_store_close(shelf->store);
	shelf->store = NULL;
	int error = sys_store_open(shelf->path, &shelf->store, why, sizeof(why));
	CHECK(!error || strstr(why, shelf->path));
	return error;
}

static const struct deed {
	const char *name;
	int (*run)(struct shelf *shelf);
	const char *after; /* records */
} deeds[] = {
	{"put a record", do_put_new, BEFORE "u0/c=three;"},
	{"replace a record", do_replace, "u0/=own;u0/a=other;u0/b=two;"},
	{"remove a record", do_remove, "u0/=own;u0/b=two;"},
	{"put a program", do_put_code, BEFORE},
	{"put it again", do_put_code, BEFORE},
	{"get a program", do_get_code, BEFORE},
	{"drop a program", do_drop_code, BEFORE},
	{"see the records", do_each, BEFORE},
	{"open", do_reopen, BEFORE},
};

enum { DEEDS = sizeof(deeds) / sizeof(*deeds) };

static void set_up(struct shelf *ret)
{
	shelf_new(ret);
	shelf_put(ret, "u0", "", "own");
	shelf_put(ret, "u0", "a", "one");
	shelf_put(ret, "u0", "b", "two");
	strcpy(kept_digest, shelf_code(ret, "kept", 4));
	dataspace = shelf_program(program, sizeof(program));
}

/* Back to where each deed begins. */
static void restore(struct shelf *shelf, const struct deed *deed)
{
	shelf_reopen(shelf);
	shelf_put(shelf, "u0", "a", "one");
	CHECK_EQ(sys_store_remove(shelf->store, "u0", "c"), 0);
	CHECK_EQ(do_put_code(shelf), 0);
	if (deed->run == do_put_code && strcmp(deed->name, "put it again"))
		CHECK_EQ(do_drop_code(shelf), 0);
}

static void tear_down(struct shelf *shelf)
{
	sys_cap_close(dataspace);
	shelf_free(shelf);
}

/* A server that starts anew must find the old or the new, whole, and nothing else. */
static bool is_new(struct shelf *shelf, const struct deed *deed, int after)
{
	shelf_reopen(shelf);
	bool new = !strcmp(shelf_records(shelf), deed->after);
	if (!new &&strcmp(shelf_records(shelf), BEFORE))
		test_fail(__FILE__, __LINE__, "%s, after %d calls: %s", deed->name, after,
		          shelf_records(shelf));
	CHECK_EQ(shelf_has_code(shelf, kept_digest, "kept", 4), 0);
	int code = shelf_has_code(shelf, digest, program, sizeof(program));
	CHECK(code == 0 || code == -ENOENT);
	CHECK_EQ(shelf_count(shelf, "code"), code ? 1 : 2);
	CHECK_EQ(shelf_count(shelf, "quarantine"), 0);
	CHECK_EQ(shelf_count(shelf, "draft"), 0);
	return new;
}

TEST_TIMEOUT(every_call_may_fail, 300)
{
	static const int errors[] = {ENOSPC, EROFS, EMFILE, ENOMEM, EDQUOT};
	struct shelf shelf;
	unsigned failures = 0;

	set_up(&shelf);
	for (unsigned i = 0; i < DEEDS * sizeof(errors) / sizeof(*errors); i++) {
		const struct deed *deed = &deeds[i % DEEDS];

		for (int after = 0;; after++) {
			CHECK(after < CALLS_MAX);
			restore(&shelf, deed);
			harm_from(HARM_FAIL, errors[i / DEEDS], after);
			int result = deed->run(&shelf);
			world.harm = HARM_NONE;
			bool new = is_new(&shelf, deed, after);
			if (!world.done) {
				CHECK_EQ(result, 0);
				CHECK(new);
				break;
			}
			failures++;
			/* What was not done has not changed; but the last step may be open. */
			CHECK(result == 0 || result < 0);
			if (result && new &&strcmp(deed->after, BEFORE))
				CHECK(world.in_sync);
			if (!result)
				CHECK(new);
		}
	}
	printf("%u failures\n", failures);
	CHECK(failures > 100);
	tear_down(&shelf);
}

TEST_TIMEOUT(the_process_may_end_at_every_call, 300)
{
	struct shelf shelf;
	unsigned ends = 0;
	int status;

	set_up(&shelf);
	for (unsigned i = 0; i < 2 * DEEDS; i++) {
		const struct deed *deed = &deeds[i % DEEDS];

		for (int after = 0;; after++) {
			CHECK(after < CALLS_MAX);
			restore(&shelf, deed);
			sys_store_close(shelf.store);
			shelf.store = NULL;
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				shelf_reopen(&shelf);
				harm_from(i < DEEDS ? HARM_END : HARM_HALF, 0, after);
				_exit(deed->run(&shelf) != 0);
			}
			CHECK_EQ(waitpid(pid, &status, 0), pid);
			CHECK(WIFEXITED(status));
			bool new = is_new(&shelf, deed, after);
			if (WEXITSTATUS(status) == ENDED) {
				ends++;
				continue;
			}
			CHECK_EQ(WEXITSTATUS(status), 0);
			CHECK(new);
			break;
		}
	}
	printf("%u ends\n", ends);
	CHECK(ends > 60);
	tear_down(&shelf);
}

/* Power may fail as soon as a call has returned: then nothing of it may still be only in memory. */
TEST(what_is_done_has_reached_the_disk)
{
	struct shelf shelf;

	set_up(&shelf);
	for (unsigned i = 0; i < DEEDS; i++) {
		restore(&shelf, &deeds[i]);
		world.watched = true;
		CHECK_EQ(deeds[i].run(&shelf), 0);
		world.watched = false;
		for (int n = 0; n < UNSYNCED_MAX; n++)
			if (world.unsynced[n])
				test_fail(__FILE__, __LINE__, "%s: unsynced", deeds[i].name);
	}
	tear_down(&shelf);
}

/* A disk that cannot be read is damage; memory or descriptors that lack are none. */
TEST(what_cannot_be_read_is_set_aside)
{
	struct shelf shelf;

	set_up(&shelf);
	/* Of the first record: its folder's opening, its own, its bytes. */
	for (int after = 0; after < CALLS_MAX && shelf_count(&shelf, "quarantine") == 0; after++) {
		harm_from(HARM_FAIL, EIO, after);
		do_each(&shelf);
		world.harm = HARM_NONE;
	}
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 1);
	CHECK_STR(shelf_records(&shelf), "u0/a=one;u0/b=two;");
	tear_down(&shelf);
}
