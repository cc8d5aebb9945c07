/* What store.h says of any store: run with Linux's, and with the fake one. */
#include "test-shelf.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

TEST(records_outlive_their_store)
{
	struct shelf shelf;

	shelf_new(&shelf);
	CHECK_STR(shelf_records(&shelf), "");
	shelf_put(&shelf, "u0", "", "mine");
	shelf_put(&shelf, "u0", "b", "two");
	shelf_put(&shelf, "u0", "a", "one");
	shelf_put(&shelf, "other", "", "");
	shelf_put(&shelf, "..", "..", "dots");
	shelf_put(&shelf, ".", ".record", "more");
	shelf_put(&shelf, "u0", "b", "three");
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf),
	          "../..=dots;./.record=more;other/=;u0/=mine;u0/a=one;u0/b=three;");
	CHECK_EQ(sys_store_remove(shelf.store, "u0", "a"), 0);
	CHECK_EQ(sys_store_remove(shelf.store, "u0", "a"), 0);
	CHECK_EQ(sys_store_remove(shelf.store, "u0", ""), 0);
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf), "../..=dots;./.record=more;other/=;u0/b=three;");
	shelf_free(&shelf);
}

TEST(records_have_lawful_names_and_sizes)
{
	static char large[SYS_STORE_RECORD_MAX + 1];
	char name[METT_NAME_MAX + 2];
	struct shelf shelf;

	memset(name, 'n', sizeof(name));
	name[METT_NAME_MAX] = 0;
	shelf_new(&shelf);
	CHECK_EQ(sys_store_put(shelf.store, name, name, large, SYS_STORE_RECORD_MAX), 0);
	CHECK_EQ(sys_store_put(shelf.store, "s", "k", large, sizeof(large)), -EINVAL);
	CHECK_EQ(sys_store_remove(shelf.store, name, name), 0);
	name[METT_NAME_MAX] = 'n';
	name[METT_NAME_MAX + 1] = 0;
	const char *const bad[] = {name, "a/b", "../x", "a@b", "\n", " "};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(sys_store_put(shelf.store, bad[i], "k", "", 0), -EINVAL);
		CHECK_EQ(sys_store_put(shelf.store, "s", bad[i], "", 0), -EINVAL);
		CHECK_EQ(sys_store_remove(shelf.store, "s", bad[i]), -EINVAL);
	}
	CHECK_EQ(sys_store_put(shelf.store, "", "k", "", 0), -EINVAL);
	CHECK_STR(shelf_records(&shelf), "");
	shelf_free(&shelf);
}

static int dislike_b(void *context, const char *space, const char *key, const void *data,
                     size_t size)
{
	return !strcmp(key, "b") ? -EBADMSG : !strcmp(key, "c") ? *(int *)context : 0;
}

TEST(who_sees_records_may_find_them_senseless_or_end)
{
	struct shelf shelf;
	int error = 0;

	shelf_new(&shelf);
	shelf_put(&shelf, "u0", "a", "1");
	shelf_put(&shelf, "u0", "b", "2");
	shelf_put(&shelf, "u0", "c", "3");
	CHECK_EQ(sys_store_each(shelf.store, dislike_b, &error), 1);
	CHECK_EQ(sys_store_each(shelf.store, dislike_b, &error), 0);
	CHECK_STR(shelf_records(&shelf), "u0/a=1;u0/c=3;");
	error = -ENOMEM;
	CHECK_EQ(sys_store_each(shelf.store, dislike_b, &error), -ENOMEM);
	CHECK_STR(shelf_records(&shelf), "u0/a=1;u0/c=3;");
	shelf_free(&shelf);
}

TEST(programs_are_kept_by_what_they_contain)
{
	char digest[SYS_STORE_DIGEST_SIZE], longer[SYS_STORE_DIGEST_SIZE + 1];
	struct shelf shelf;
	sys_cap program;

	shelf_new(&shelf);
	strcpy(digest, shelf_code(&shelf, "abc", 3));
	CHECK_EQ(strlen(digest), SYS_STORE_DIGEST_SIZE - 1);
	CHECK(strcmp(shelf_code(&shelf, "abd", 3), digest) != 0);
	CHECK_STR(shelf_code(&shelf, "abc", 3), digest);
	shelf_reopen(&shelf);
	CHECK_EQ(shelf_has_code(&shelf, digest, "abc", 3), 0);
	CHECK_EQ(sys_store_drop_code(shelf.store, digest), 0);
	CHECK_EQ(sys_store_drop_code(shelf.store, digest), 0);
	CHECK_EQ(sys_store_get_code(shelf.store, digest, &program), -ENOENT);
	strcpy(longer, digest);
	strcat(longer, "0");
	const char *const bad[] = {"", "abc", "../lock", longer, NULL};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(sys_store_get_code(shelf.store, bad[i], &program), -EINVAL);
		CHECK_EQ(sys_store_drop_code(shelf.store, bad[i]), -EINVAL);
	}
	shelf_free(&shelf);
}

TEST(programs_are_sealed_dataspaces)
{
	char digest[SYS_STORE_DIGEST_SIZE];
	struct shelf shelf;
	sys_cap open_one, ends[2];

	shelf_new(&shelf);
	CHECK_EQ(sys_dataspace_new("open", 4096, 1, &open_one), 0);
	CHECK_EQ(sys_store_put_code(shelf.store, open_one, digest), -EINVAL);
	sys_cap_close(open_one);
	CHECK_EQ(sys_gate_pair(ends), 0);
	CHECK_EQ(sys_store_put_code(shelf.store, ends[0], digest), -EINVAL);
	CHECK_EQ(sys_store_put_code(shelf.store, SYS_NO_CAP, digest), -EINVAL);
	sys_cap_close(ends[0]);
	sys_cap_close(ends[1]);
	shelf_free(&shelf);
}

static int is_named(void *context, const char *digest)
{
	return !strcmp(digest, context);
}

TEST(programs_that_nobody_needs_are_swept)
{
	char digest[SYS_STORE_DIGEST_SIZE];
	struct shelf shelf;

	shelf_new(&shelf);
	shelf_code(&shelf, "abc", 3);
	shelf_code(&shelf, "abcd", 4);
	strcpy(digest, shelf_code(&shelf, "abcde", 5));
	CHECK_EQ(sys_store_sweep_code(shelf.store, is_named, digest), 2);
	CHECK_EQ(sys_store_sweep_code(shelf.store, is_named, digest), 0);
	CHECK_EQ(shelf_has_code(&shelf, digest, "abcde", 5), 0);
	shelf_free(&shelf);
}

enum { THREADS = 4, ROUNDS = 50 };

static void *use(void *data)
{
	struct shelf *shelf = data;
	char digest[SYS_STORE_DIGEST_SIZE];
	sys_cap program = shelf_program("shared", 6), got;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(sys_store_put(shelf->store, "u0", "a", "whole", 5), 0);
		CHECK_EQ(sys_store_put(shelf->store, "u0", "b", "other", 5), 0);
		CHECK_EQ(sys_store_remove(shelf->store, "u0", "b"), 0);
		CHECK_EQ(sys_store_put_code(shelf->store, program, digest), 0);
		CHECK_EQ(sys_store_get_code(shelf->store, digest, &got), 0);
		sys_cap_close(got);
	}
	sys_cap_close(program);
	return NULL;
}

TEST(any_thread_may_use_it)
{
	pthread_t threads[THREADS];
	struct shelf shelf;

	shelf_new(&shelf);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, use, &shelf), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	shelf_reopen(&shelf);
	CHECK_STR(shelf_records(&shelf), "u0/a=whole;");
	CHECK_EQ(shelf_has_code(&shelf, shelf_code(&shelf, "shared", 6), "shared", 6), 0);
	shelf_free(&shelf);
}

TEST(two_cannot_have_it)
{
	char why[256] = "";
	struct sys_store *store;
	struct shelf shelf;

	shelf_new(&shelf);
	CHECK_EQ(sys_store_open(shelf.path, &store, why, sizeof(why)), -EBUSY);
	CHECK(strstr(why, shelf.path));
	shelf_reopen(&shelf);
	shelf_free(&shelf);
}
