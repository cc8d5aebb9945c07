#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <test.h>

enum { NAMES = 500 };

static char names[NAMES][16];

TEST(rows_are_found_and_in_order)
{
	struct table table = {0};

	CHECK(!table_find(&table, "a"));
	CHECK_EQ(table_after(&table, ""), 0);
	/* In an order that is none. */
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(names[i], sizeof(names[i]), "n%u", i * 7919 % NAMES);
		CHECK_EQ(table_reserve(&table), 0);
		table_add(&table, names[i]);
	}
	CHECK_EQ(table.count, NAMES);
	for (unsigned i = 0; i < NAMES; i++)
		CHECK(table_find(&table, names[i]) == names[i]);
	for (unsigned i = 1; i < NAMES; i++)
		CHECK(strcmp(table.row[i - 1], table.row[i]) < 0);
	CHECK(!table_find(&table, "n") && !table_find(&table, "n5000") && !table_find(&table, "z"));
	CHECK_EQ(table_after(&table, "n0"), 1);
	CHECK_EQ(table_after(&table, "z"), NAMES);
	for (unsigned i = 0; i < NAMES; i += 2)
		table_remove(&table, names[i]);
	for (unsigned i = 0; i < NAMES; i++)
		CHECK((table_find(&table, names[i]) != NULL) == (i % 2 == 1));
	table_deinit(&table);
	CHECK(!table.row && !table.count);
}
