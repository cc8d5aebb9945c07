/* The store with files that are not what was once written. Logs nothing, see meson.build. */
#include "../test-shelf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_ROOM = 8 << 10, PROGRAM_SIZE = 1500, TEXT_SIZE = 300 };

/* One record that is whole, and one to be damaged. */
struct victim {
	struct shelf shelf;
	char path[128];
	unsigned char file[FILE_ROOM];
	size_t size;
	int aside; /* how many are in quarantine */
};

static void victim_new(struct victim *ret)
{
	char text[TEXT_SIZE + 1];

	memset(text, 'x', TEXT_SIZE);
	text[TEXT_SIZE] = 0;
	shelf_new(&ret->shelf);
	shelf_put(&ret->shelf, "u0", "a", "whole");
	shelf_put(&ret->shelf, "u0", "b", text);
	strcpy(ret->path, shelf_file(&ret->shelf, "records/u0@b"));
	ret->size = file_read(ret->path, ret->file, FILE_ROOM);
	CHECK(ret->size > TEXT_SIZE && ret->size < FILE_ROOM);
	ret->aside = 0;
}

/* With these bytes as its file it must not be seen; the other is. */
static void expect_aside(struct victim *victim, const void *data, size_t size, size_t at)
{
	file_write(victim->path, data, size);
	if (strcmp(shelf_records(&victim->shelf), "u0/a=whole;"))
		test_fail(__FILE__, __LINE__, "damaged at %zu: %s", at,
		          shelf_records(&victim->shelf));
	CHECK(access(victim->path, F_OK) < 0);
	victim->aside++;
}

TEST(records_cut_or_longer)
{
	struct victim victim;

	victim_new(&victim);
	for (size_t cut = 0; cut < victim.size; cut++)
		expect_aside(&victim, victim.file, cut, cut);
	victim.file[victim.size] = 0;
	expect_aside(&victim, victim.file, victim.size + 1, victim.size);
	expect_aside(&victim, victim.file, FILE_ROOM, victim.size);
	CHECK_EQ(shelf_count(&victim.shelf, "quarantine"), victim.aside);
	/* And what was not damaged is a record still. */
	file_write(victim.path, victim.file, victim.size);
	CHECK(strstr(shelf_records(&victim.shelf), "u0/b=xxx"));
	shelf_free(&victim.shelf);
}

TEST(records_with_a_bit_flipped)
{
	struct victim victim;

	victim_new(&victim);
	for (size_t at = 0; at < victim.size; at++) {
		victim.file[at] ^= (unsigned char)(1 << at % 8);
		expect_aside(&victim, victim.file, victim.size, at);
		victim.file[at] ^= (unsigned char)(1 << at % 8);
	}
	CHECK_EQ(shelf_count(&victim.shelf, "quarantine"), victim.aside);
	shelf_free(&victim.shelf);
}

/* Blocks that a file system never wrote are zeros. */
TEST(records_with_zeros)
{
	static unsigned char spoiled[FILE_ROOM];
	struct victim victim;

	victim_new(&victim);
	for (size_t from = 0; from < victim.size; from += 16) {
		memset(spoiled, 0, sizeof(spoiled));
		memcpy(spoiled, victim.file, from);
		expect_aside(&victim, spoiled, victim.size, from);
	}
	shelf_free(&victim.shelf);
}

TEST(records_of_another_name)
{
	struct victim victim;

	victim_new(&victim);
	size_t size = file_read(shelf_file(&victim.shelf, "records/u0@a"), victim.file, FILE_ROOM);
	expect_aside(&victim, victim.file, size, 0);
	file_write(shelf_file(&victim.shelf, "records/u1@a"), victim.file, size);
	CHECK_STR(shelf_records(&victim.shelf), "u0/a=whole;");
	file_write(shelf_file(&victim.shelf, "records/u0@"), victim.file, size);
	CHECK_STR(shelf_records(&victim.shelf), "u0/a=whole;");
	CHECK_EQ(shelf_count(&victim.shelf, "quarantine"), 3);
	shelf_free(&victim.shelf);
}

TEST(records_without_end)
{
	struct victim victim;

	victim_new(&victim);
	CHECK_EQ(truncate(victim.path, 1L << 40), 0);
	CHECK_STR(shelf_records(&victim.shelf), "u0/a=whole;");
	CHECK_EQ(shelf_count(&victim.shelf, "quarantine"), 1);
	shelf_free(&victim.shelf);
}

TEST(programs_cut_or_longer_or_with_a_bit_flipped)
{
	static unsigned char program[PROGRAM_SIZE + 1];
	char digest[SYS_STORE_DIGEST_SIZE], path[128];
	struct shelf shelf;

	for (size_t i = 0; i < PROGRAM_SIZE; i++)
		program[i] = (unsigned char)(i * 37);
	shelf_new(&shelf);
	strcpy(digest, shelf_code(&shelf, program, PROGRAM_SIZE));
	snprintf(path, sizeof(path), "%s/code/%s", shelf.path, digest);
	for (size_t at = 0; at <= PROGRAM_SIZE; at++) {
		file_write(path, program, at < PROGRAM_SIZE ? at : at + 1);
		CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), -EBADMSG);
		CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), -ENOENT);
		program[at] ^= 16;
		file_write(path, program, PROGRAM_SIZE + (at == PROGRAM_SIZE));
		program[at] ^= 16;
		CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), -EBADMSG);
	}
	CHECK_EQ(shelf_count(&shelf, "quarantine"), 2 * (PROGRAM_SIZE + 1));
	CHECK_EQ(truncate(path, 0), -1);
	file_write(path, "", 0);
	CHECK_EQ(truncate(path, 1L << 40), 0);
	CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), -EBADMSG);
	/* Who deploys it again mends it, whether the damage was seen or not. */
	CHECK_STR(shelf_code(&shelf, program, PROGRAM_SIZE), digest);
	CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), 0);
	program[PROGRAM_SIZE / 2] ^= 1;
	file_write(path, program, PROGRAM_SIZE);
	program[PROGRAM_SIZE / 2] ^= 1;
	CHECK_STR(shelf_code(&shelf, program, PROGRAM_SIZE), digest);
	CHECK_EQ(shelf_has_code(&shelf, digest, program, PROGRAM_SIZE), 0);
	shelf_free(&shelf);
}

/* What the log says while another process sees all records. */
static const char *log_of_each(struct shelf *shelf)
{
	static char text[4096];
	size_t used = 0;
	ssize_t got;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		shelf_records(shelf);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = 0;
	close(ends[0]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	return text;
}

TEST(the_log_names_file_and_reason)
{
	struct shelf shelf;

	setenv("LOG_LEVEL", "error", 1);
	shelf_new(&shelf);
	file_write(shelf_file(&shelf, "records/u0@a"), "", 0);
	file_write(shelf_file(&shelf, "records/u0@b"),
	           "rubbish of some length, enough for all of a header", 50);
	CHECK_EQ(symlink("/etc/passwd", shelf_file(&shelf, "records/u0@c")), 0);
	const char *log = log_of_each(&shelf);
	const char *const parts[] = {shelf.path, "record 'u0@a' is damaged: it is cut short",
	                             "'u0@b' is damaged: it is no record",
	                             "'u0@c' is damaged: it is no regular file",
	                             "moved to quarantine/u0@c."};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strstr(log, parts[i]))
			test_fail(__FILE__, __LINE__, "no '%s' in: %s", parts[i], log);
	shelf_free(&shelf);
}
