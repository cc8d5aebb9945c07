#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test-stage.h"

enum { FLIPS = 20000 };

static _Alignas(8) unsigned char room[SYS_STORE_RECORD_MAX];
static struct server server;

static struct version *make_version(uint32_t number, const char *environment, size_t size)
{
	const struct mett_action_options options = {
		.language = METT_LANGUAGE_PYTHON,
		.policy = METT_POLICY_REUSE,
		.defaults = {.memory_limit = 1 << 20, .timeout_us = 77},
		.grants = METT_GRANT_SYSTEM,
		.concurrency = 5,
	};
	struct version *version = version_new(&options, environment, size, SYS_NO_CAP, 4711);

	CHECK(version);
	version->number = number;
	memset(version->digest, 'a' + (char)(number % 6), SYS_STORE_DIGEST_SIZE - 1);
	return version;
}

static void drop(struct lineup *lineup)
{
	for (unsigned i = 0; i < lineup->count; i++)
		version_unref(&server, lineup->versions[i]);
	*lineup = (struct lineup){0};
}

/* As many as can be, each with as much as it can have. */
static struct lineup largest(void)
{
	struct lineup lineup = {.count = METT_VERSIONS_MAX, .current = 4, .highest = 1000};
	static char environment[METT_ENVIRONMENT_MAX];

	memset(environment, 'v', sizeof(environment) - 1);
	memcpy(environment, "K=", 2);
	for (unsigned i = 0; i < lineup.count; i++)
		lineup.versions[i] = make_version(10 + 2 * i, environment, sizeof(environment));
	return lineup;
}

TEST(an_action_comes_back_as_it_was)
{
	struct lineup lineup = largest(), again = {0};
	size_t size = state_write_action(&lineup, room);

	CHECK(size <= sizeof(room));
	CHECK_EQ(state_read_action(&server, room, size, &again), 0);
	CHECK_EQ(again.count, lineup.count);
	CHECK_EQ(again.current, lineup.current);
	CHECK_EQ(again.highest, lineup.highest);
	for (unsigned i = 0; i < again.count; i++) {
		const struct version *was = lineup.versions[i], *is = again.versions[i];

		CHECK_EQ(is->number, was->number);
		CHECK_EQ(is->deployed_us, was->deployed_us);
		CHECK_EQ(is->size, was->size);
		CHECK_STR(is->digest, was->digest);
		CHECK(!memcmp(&is->options, &was->options, sizeof(is->options)));
		CHECK_EQ(is->environment_size, was->environment_size);
		CHECK(!memcmp(is->environment, was->environment, is->environment_size));
		CHECK_EQ(is->program, SYS_NO_CAP);
	}
	drop(&again);
	drop(&lineup);
}

TEST(what_is_cut_is_none)
{
	struct lineup lineup = {
		.versions = {make_version(3, "A=b\0C=", 7)}, .count = 1, .highest = 3};
	struct lineup again;
	size_t size = state_write_action(&lineup, room);

	for (size_t cut = 0; cut < size; cut++) {
		void *exact = malloc(cut + !cut); /* for who watches reads behind the end */

		CHECK(exact);
		memcpy(exact, room, cut);
		CHECK_EQ(state_read_action(&server, exact, cut, &again), -EBADMSG);
		free(exact);
	}
	CHECK_EQ(state_read_action(&server, room, size + 8, &again), -EBADMSG);
	CHECK_EQ(state_read_action(&server, room, size, &again), 0);
	drop(&again);
	drop(&lineup);
}

/* The store's checksum keeps chance away, not who can write there. */
TEST(what_was_tampered_with_is_lawful_or_none)
{
	struct lineup lineup = largest(), again = {0};
	size_t size = state_write_action(&lineup, room);
	unsigned refused = 0;

	srand(1);
	for (unsigned i = 0; i < FLIPS; i++) {
		/* Often where it hurts: the first record, and few bytes of each. */
		size_t place = (size_t)rand() % (i % 2 ? 160 : size);
		unsigned char was = room[place];

		room[place] = (unsigned char)rand();
		if (state_read_action(&server, room, size, &again)) {
			refused++;
		} else {
			CHECK(again.count <= METT_VERSIONS_MAX && again.current < again.count);
			for (unsigned k = 0; k < again.count; k++)
				CHECK_EQ(strlen(again.versions[k]->digest),
				         SYS_STORE_DIGEST_SIZE - 1);
			drop(&again);
		}
		room[place] = was;
	}
	CHECK(refused > FLIPS / 8);
	drop(&lineup);
}

TEST(a_space_comes_back_as_it_was)
{
	const struct mett_quota quota = {1, 2, 3, 4, 5, 6};
	struct space_record record, again;
	struct mett_quota limits;
	struct space *space = space_new(&server, "team", 42), *other = space_new(&server, "t", 42);

	CHECK(space && other);
	for (uint32_t i = 0; i < METT_MEMBERS_MAX; i++)
		space->members[space->member_count++] = 1000 + i;
	space->alone = true;
	quota_set(&space->quota, &quota);
	state_of_space(space, &record);
	CHECK_EQ(state_read_space(&record, sizeof(record), &again), 0);
	CHECK_EQ(again.owner, 42);
	state_to_space(&again, other);
	CHECK(other->kept && other->alone);
	CHECK_EQ(other->member_count, METT_MEMBERS_MAX);
	CHECK_EQ(other->members[METT_MEMBERS_MAX - 1], 1000 + METT_MEMBERS_MAX - 1);
	quota_limits(&other->quota, &limits);
	CHECK(!memcmp(&limits, &quota, sizeof(quota)));
	CHECK_EQ(state_read_space(&record, sizeof(record) - 1, &again), -EBADMSG);
	record.member_count = METT_MEMBERS_MAX + 1;
	CHECK_EQ(state_read_space(&record, sizeof(record), &again), -EBADMSG);
	record.member_count = 0;
	record.format = 2;
	CHECK_EQ(state_read_space(&record, sizeof(record), &again), -EBADMSG);
	space_free(space);
	space_free(other);
}
