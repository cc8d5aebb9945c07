#pragma once

/* Table: things sorted by the name that each begins with, to find them and to go through them. */

/** struct table - zeroed, it is empty */
struct table {
	void **row;
	unsigned count;
	unsigned room;
};

/** table_deinit() - the rows themselves are the owner's */
void table_deinit(struct table *table);

/** table_find() - the row of that name, or NULL */
void *table_find(const struct table *table, const char *name);

/** table_after() - index of the first row with a greater name; the table's count: none has */
unsigned table_after(const struct table *table, const char *name);

/** table_reserve() - the next table_add() will not fail; 0 or -ENOMEM */
int table_reserve(struct table *table);

/** table_add() - the name is free, and there is room; returns nothing that could fail */
void table_add(struct table *table, void *row);

/** table_remove() - a row that is there */
void table_remove(struct table *table, const void *row);
