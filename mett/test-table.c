#include "table.h"

#include <test.h>

#include <stdio.h>
#include <unistd.h>

static const struct column columns[] = {
	{"NAME", COLUMN_LEFT, true},
	{"COUNT", COLUMN_RIGHT},
	{"END", COLUMN_LEFT},
};

/* What a table prints, to a pipe. */
static const char *printed(struct table *table, const char *empty)
{
	static char text[1024];
	int ends[2], out = dup(STDOUT_FILENO);

	fflush(stdout);
	CHECK_EQ(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	table_print(table, empty);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	ssize_t size = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	CHECK(size >= 0);
	text[size] = 0;
	return text;
}

TEST(columns_line_up)
{
	struct table *table = table_new(columns, 3);

	for (int i = 1; i <= 100; i *= 10) {
		table_cell(table, "a%d", i);
		table_cell(table, "%d", i);
		table_cell(table, "%s", i == 10 ? "" : "x");
	}
	CHECK_STR(printed(table, "none"), "NAME  COUNT  END\n"
	                                  "a1        1  x\n"
	                                  "a10      10\n"
	                                  "a100    100  x\n");
}

TEST(a_cell_is_one_line)
{
	struct table *table = table_new(columns, 3);

	table_cell(table, "a\nb\tc\033[1m");
	table_cell(table, "1");
	table_cell(table, "x");
	CHECK_STR(printed(table, "none"), "NAME       COUNT  END\n"
	                                  "a b c [1m      1  x\n");
}

TEST(without_rows_it_says_so)
{
	CHECK_STR(printed(table_new(columns, 3), "There is nothing."), "There is nothing.\n");
	CHECK_STR(printed(table_new(columns, 3), NULL), "");
}
