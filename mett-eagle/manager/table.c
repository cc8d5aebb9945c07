#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void table_deinit(struct table *table)
{
	free(table->row);
	*table = (struct table){0};
}

unsigned table_after(const struct table *table, const char *name)
{
	unsigned low = 0, high = table->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (strcmp(table->row[middle], name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *table_find(const struct table *table, const char *name)
{
	unsigned after = table_after(table, name);

	if (!after || strcmp(table->row[after - 1], name) != 0)
		return NULL;
	return table->row[after - 1];
}

int table_reserve(struct table *table)
{
	unsigned room = table->room ? 2 * table->room : 16;

	if (table->count < table->room)
		return 0;
	void **grown = realloc(table->row, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	table->row = grown;
	table->room = room;
	return 0;
}

void table_add(struct table *table, void *row)
{
	unsigned place = table_after(table, row);

	memmove(&table->row[place + 1], &table->row[place],
	        (table->count - place) * sizeof(*table->row));
	table->row[place] = row;
	table->count++;
}

void table_remove(struct table *table, const void *row)
{
	unsigned behind = table_after(table, row);

	memmove(&table->row[behind - 1], &table->row[behind],
	        (table->count - behind) * sizeof(*table->row));
	table->count--;
}
