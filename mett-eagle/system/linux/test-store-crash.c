/* A writer that is killed at any moment, a thousand times; and how long a start takes. */
#include "../test-shelf.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	KILLS = 1000,
	KEYS = 4,
	TEXT_MAX = 6000,
	LIVE_US_MAX = 3000,
	RECORDS = 1000,
	START_MS_MAX = 5000, /* far above what it takes */
};

/* What the writer has told: versions of each record, 0: none. Lives in memory that outlives it. */
struct told {
	_Atomic uint32_t began[KEYS], done[KEYS];
	_Atomic uint32_t writes;
};

static uint32_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* Each version has its own length and bytes, and names the program it goes with. */
static size_t text_of(uint32_t key, uint32_t version, const char *digest, char *ret)
{
	size_t size = 100 + (key * 7919 + version * 104729) % (TEXT_MAX - 200);

	memset(ret, 'a' + (int)(version % 26), size);
	int head = snprintf(ret, 100, "%u %u %s ", key, version, digest);
	ret[head] = 'z';
	return size;
}

static void program_of(uint32_t key, uint32_t version, char ret[4096])
{
	memset(ret, (int)(key + version), 4096);
	memcpy(ret, &version, sizeof(version));
}

static void write_version(struct shelf *shelf, struct told *told, uint32_t key, uint32_t version)
{
	char program[4096], text[TEXT_MAX], name[8], digest[SYS_STORE_DIGEST_SIZE];

	program_of(key, version, program);
	snprintf(name, sizeof(name), "k%u", key);
	strcpy(digest, shelf_code(shelf, program, sizeof(program)));
	size_t size = text_of(key, version, digest, text);
	atomic_store(&told->began[key], version);
	CHECK_EQ(sys_store_put(shelf->store, "u0", name, text, size), 0);
	atomic_store(&told->done[key], version);
	atomic_fetch_add(&told->writes, 1);
}

static void remove_key(struct shelf *shelf, struct told *told, uint32_t key)
{
	char name[8];

	snprintf(name, sizeof(name), "k%u", key);
	atomic_store(&told->began[key], 0);
	CHECK_EQ(sys_store_remove(shelf->store, "u0", name), 0);
	atomic_store(&told->done[key], 0);
}

__attribute__((noreturn)) static void be_writer(struct shelf *shelf, struct told *told,
                                                uint64_t seed)
{
	uint32_t version = told->writes + 1 + 1000 * (uint32_t)seed;

	shelf_reopen(shelf);
	for (;;) {
		uint32_t key = random_next(&seed) % KEYS;

		if (random_next(&seed) % 5 == 0)
			remove_key(shelf, told, key);
		else
			write_version(shelf, told, key, version++);
	}
}

struct found {
	struct shelf *shelf;
	uint32_t version[KEYS];
};

static int find(void *context, const char *space, const char *key, const void *data, size_t size)
{
	struct found *found = context;
	char program[4096], text[TEXT_MAX], digest[SYS_STORE_DIGEST_SIZE];
	uint32_t number, version;

	CHECK(size >= 100 && size < TEXT_MAX);
	CHECK_EQ(sscanf(data, "%u %u %64s", &number, &version, digest), 3);
	CHECK_EQ(number, atoi(key + 1));
	CHECK_EQ(text_of(number, version, digest, text), size);
	CHECK_EQ(memcmp(text, data, size), 0);
	found->version[number] = version;
	/* A record that is there has its program. */
	program_of(number, version, program);
	CHECK_EQ(shelf_has_code(found->shelf, digest, program, sizeof(program)), 0);
	return 0;
}

static int is_wanted(void *context, const char *digest)
{
	return 0;
}

static void check_state(struct shelf *shelf, struct told *told)
{
	struct found found = {.shelf = shelf};

	shelf_reopen(shelf);
	CHECK_EQ(shelf_count(shelf, "draft"), 0);
	CHECK_EQ(sys_store_each(shelf->store, find, &found), 0);
	CHECK_EQ(shelf_count(shelf, "quarantine"), 0);
	for (int key = 0; key < KEYS; key++) {
		uint32_t version = found.version[key];

		if (version != told->done[key] && version != told->began[key])
			test_fail(__FILE__, __LINE__, "k%d has version %u, not %u or %u", key,
			          version, told->done[key], told->began[key]);
		told->done[key] = told->began[key] = version;
	}
}

TEST_TIMEOUT(a_thousand_kills, 300)
{
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = 1;
	struct shelf shelf;
	int status;

	CHECK(told != MAP_FAILED);
	/* Memory keeps what a killed process has done as a disk does, and many times as fast. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	shelf_new(&shelf);
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		long live_us = random_next(&seed) % LIVE_US_MAX;

		sys_store_close(shelf.store);
		shelf.store = NULL;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			be_writer(&shelf, told, (uint64_t)kill_number);
		nanosleep(&(struct timespec){.tv_nsec = live_us * 1000}, NULL);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_state(&shelf, told);
		if (kill_number % 100 == 99) /* or it grows without end */
			CHECK(sys_store_sweep_code(shelf.store, is_wanted, NULL) >= 0);
		if (kill_number % 100 == 99)
			for (uint32_t key = 0; key < KEYS; key++)
				remove_key(&shelf, told, key);
	}
	printf("%d kills amid %u writes\n", KILLS, told->writes);
	CHECK(told->writes > 0);
	shelf_free(&shelf);
	munmap(told, sizeof(*told));
}

static int count_one(void *context, const char *space, const char *key, const void *data,
                     size_t size)
{
	++*(unsigned *)context;
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

TEST_TIMEOUT(a_start_with_a_thousand_records, 300)
{
	char data[2000], name[16];
	struct shelf shelf;
	unsigned count = 0;

	memset(data, 'x', sizeof(data));
	shelf_new(&shelf);
	for (int i = 0; i < RECORDS; i++) {
		snprintf(name, sizeof(name), "action%d", i);
		CHECK_EQ(sys_store_put(shelf.store, "u0", name, data, sizeof(data)), 0);
	}
	uint64_t begin = now_us();
	shelf_reopen(&shelf);
	CHECK_EQ(sys_store_each(shelf.store, count_one, &count), 0);
	uint64_t took = now_us() - begin;
	printf("open and all of %d records: %.1f ms\n", RECORDS, (double)took / 1000);
	CHECK_EQ(count, RECORDS);
	CHECK(took < START_MS_MAX * 1000);
	shelf_free(&shelf);
}
