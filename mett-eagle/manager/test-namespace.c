#include "namespace.h"

#include <stdio.h>
#include <string.h>

#include <system/fake/fake.h>

#include <test.h>

static void clear(struct namespace *space)
{
	struct action *action;

	while ((action = namespace_any(space)))
		namespace_remove(space, action);
	CHECK_EQ(space->count, 0);
}

static void add_many(struct namespace *space, unsigned count)
{
	char name[METT_NAME_MAX + 1];

	for (unsigned i = 0; i < count; i++) {
		/* In no order, and more than there are buckets. */
		snprintf(name, sizeof(name), "a%04u", i * 7919 % count);
		CHECK(!namespace_find(space, name));
		CHECK(namespace_add(space, name));
	}
}

TEST(what_is_added_is_found_until_removed)
{
	static struct namespace space;

	add_many(&space, 5000);
	CHECK_EQ(space.count, 5000);
	struct action *action = namespace_find(&space, "a4711");
	CHECK(action);
	CHECK_STR(action->name, "a4711");
	namespace_remove(&space, action);
	CHECK(!namespace_find(&space, "a4711"));
	CHECK(namespace_find(&space, "a4710"));
	CHECK_EQ(space.count, 4999);
	clear(&space);
	CHECK(!namespace_find(&space, "a4710"));
}

TEST(names_may_be_as_long_as_allowed)
{
	static struct namespace space;
	char name[METT_NAME_MAX + 1] = "", shorter[METT_NAME_MAX + 1] = "";

	memset(name, 'x', METT_NAME_MAX);
	memset(shorter, 'x', METT_NAME_MAX - 1);
	CHECK(namespace_add(&space, name));
	CHECK(!namespace_find(&space, shorter));
	CHECK_STR(namespace_find(&space, name)->name, name);
	clear(&space);
}

TEST(list_is_sorted_and_goes_on_behind_a_name)
{
	static struct namespace space;
	struct action *found[60];
	char after[METT_NAME_MAX + 1] = "";
	unsigned count, total = 0;

	add_many(&space, 1000);
	while ((count = namespace_list(&space, after, found, 60))) {
		for (unsigned i = 0; i < count; i++) {
			char name[METT_NAME_MAX + 1];

			snprintf(name, sizeof(name), "a%04u", total++);
			CHECK_STR(found[i]->name, name);
		}
		strcpy(after, found[count - 1]->name);
	}
	CHECK_EQ(total, 1000);
	CHECK_EQ(namespace_list(&space, "a0998", found, 60), 1);
	CHECK_EQ(namespace_list(&space, "a", found, 1), 1);
	CHECK_STR(found[0]->name, "a0000");
	clear(&space);
	CHECK_EQ(namespace_list(&space, "", found, 60), 0);
}

TEST(no_memory_adds_nothing)
{
	static struct namespace space;

	fake_fail(0);
	CHECK(!namespace_add(&space, "a"));
	CHECK(fake_failed());
	CHECK_EQ(space.count, 0);
	CHECK(!namespace_any(&space));
}
