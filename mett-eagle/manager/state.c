#include "state.h"

#include <errno.h>
#include <string.h>

#include <protocol/protocol.h>

enum { SPACE_FORMAT = 1, ACTION_FORMAT = 1 };

/* `count` of struct version_record follow, each with its environment, filled up to 8 bytes. */
struct action_record {
	uint32_t format;
	uint32_t count;
	uint32_t current; /* number */
	uint32_t highest;
};

struct version_record {
	uint32_t number;
	uint32_t language;
	uint32_t policy;
	uint32_t grants;
	uint32_t concurrency;
	uint32_t environment_size;
	struct mett_config defaults;
	uint64_t deployed_us;
	uint64_t size;
	char digest[72];
};

_Static_assert(sizeof(struct action_record) + METT_VERSIONS_MAX * (sizeof(struct version_record) +
                                                                   METT_ENVIRONMENT_MAX) <=
                       SYS_STORE_RECORD_MAX,
               "an action's record would be too large");

void state_of_space(const struct space *space, struct space_record *ret)
{
	*ret = (struct space_record){
		.format = SPACE_FORMAT,
		.owner = space->owner,
		.alone = space->alone,
		.member_count = space->member_count,
	};
	quota_limits(&space->quota, &ret->quota);
	memcpy(ret->members, space->members, sizeof(ret->members));
}

void state_to_space(const struct space_record *record, struct space *space)
{
	space->kept = true;
	space->alone = record->alone;
	if (record->alone)
		quota_set(&space->quota, &record->quota);
	space->member_count = record->member_count;
	memcpy(space->members, record->members, sizeof(space->members));
}

int state_read_space(const void *data, size_t size, struct space_record *ret)
{
	const struct space_record *record = data;

	if (size != sizeof(*record) || record->format != SPACE_FORMAT ||
	    record->member_count > METT_MEMBERS_MAX)
		return -EBADMSG;
	*ret = *record;
	return 0;
}

static size_t filled_up(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static size_t write_version(const struct version *version, unsigned char *to)
{
	struct version_record *record = (void *)to;
	const struct mett_action_options *options = &version->options;
	size_t room = filled_up(version->environment_size);

	*record = (struct version_record){
		.number = version->number,
		.language = options->language,
		.policy = options->policy,
		.grants = options->grants,
		.concurrency = options->concurrency,
		.environment_size = (uint32_t)version->environment_size,
		.defaults = options->defaults,
		.deployed_us = version->deployed_us,
		.size = version->size,
	};
	memcpy(record->digest, version->digest, sizeof(version->digest));
	memset(record + 1, 0, room);
	memcpy(record + 1, version->environment, version->environment_size);
	return sizeof(*record) + room;
}

size_t state_write_action(const struct lineup *lineup, void *ret)
{
	struct action_record *record = ret;
	unsigned char *end = (unsigned char *)(record + 1);

	*record =
		(struct action_record){ACTION_FORMAT, lineup->count,
	                               lineup->versions[lineup->current]->number, lineup->highest};
	for (unsigned i = 0; i < lineup->count; i++)
		end += write_version(lineup->versions[i], end);
	return (size_t)(end - (unsigned char *)ret);
}

static bool digest_is_whole(const char digest[72])
{
	return strnlen(digest, 72) == SYS_STORE_DIGEST_SIZE - 1 &&
	       strspn(digest, "0123456789abcdef") == SYS_STORE_DIGEST_SIZE - 1;
}

static bool version_is_whole(const struct version_record *record)
{
	return record->number && record->language < METT_LANGUAGE_COUNT &&
	       record->policy <= METT_POLICY_REUSE && record->policy != METT_POLICY_DEFAULT &&
	       !(record->grants & ~(unsigned)METT_GRANT_ALL) && record->size &&
	       record->size <= METT_PROGRAM_MAX && digest_is_whole(record->digest) &&
	       environment_valid((const char *)(record + 1), record->environment_size);
}

/* Returns what one takes up, 0 when it is none, or -ENOMEM. */
static ptrdiff_t read_version(const unsigned char *from, size_t size, struct version **ret)
{
	const struct version_record *record = (const void *)from;
	struct version *version;

	if (size < sizeof(*record) || record->environment_size > METT_ENVIRONMENT_MAX ||
	    filled_up(record->environment_size) > size - sizeof(*record) ||
	    !version_is_whole(record))
		return 0;
	const struct mett_action_options options = {record->language,    record->policy,
	                                            record->defaults,    record->grants,
	                                            record->concurrency, NULL};
	version = version_new(&options, (const char *)(record + 1), record->environment_size,
	                      SYS_NO_CAP, record->size);
	if (!version)
		return -ENOMEM;
	version->number = record->number;
	version->deployed_us = record->deployed_us;
	memcpy(version->digest, record->digest, sizeof(version->digest));
	*ret = version;
	return (ptrdiff_t)(sizeof(*record) + filled_up(record->environment_size));
}

/* Numbers go up, and the current one is among them. */
static bool lineup_is_whole(const struct lineup *lineup, uint32_t current)
{
	uint32_t last = 0;
	bool found = false;

	for (unsigned i = 0; i < lineup->count; i++) {
		uint32_t number = lineup->versions[i]->number;

		if (number <= last)
			return false;
		last = number;
		found |= number == current;
	}
	/* The next one must have a number too. */
	return found && lineup->highest >= last && lineup->highest < INT32_MAX;
}

static int read_lineup(const struct action_record *record, size_t size, struct lineup *ret)
{
	const unsigned char *from = (const unsigned char *)(record + 1);
	const unsigned char *end = (const unsigned char *)record + size;

	for (unsigned i = 0; i < record->count; i++) {
		ptrdiff_t used = read_version(from, (size_t)(end - from), &ret->versions[i]);

		if (used <= 0)
			return used ? -ENOMEM : -EBADMSG;
		ret->count++;
		if (ret->versions[i]->number == record->current)
			ret->current = i;
		from += used;
	}
	return from == end && lineup_is_whole(ret, record->current) ? 0 : -EBADMSG;
}

int state_read_action(struct server *server, const void *data, size_t size, struct lineup *ret)
{
	const struct action_record *record = data;
	struct lineup lineup = {0};

	if (size < sizeof(*record) || record->format != ACTION_FORMAT || !record->count ||
	    record->count > METT_VERSIONS_MAX)
		return -EBADMSG;
	lineup.highest = record->highest;
	int error = read_lineup(record, size, &lineup);
	for (unsigned i = 0; error && i < lineup.count; i++)
		version_unref(server, lineup.versions[i]);
	if (!error)
		*ret = lineup;
	return error;
}
