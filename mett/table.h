#pragma once

/*
 * Table for people: aligned columns, no wider than the terminal. Without one, as wide as
 * need be.
 */
#include <stdbool.h>
#include <stdio.h>

enum column_align { COLUMN_LEFT, COLUMN_RIGHT };

/**
 * struct column - of a table
 * @title:   its head
 * @align:   which way
 * @shrinks: may be cut short when the terminal is narrow
 */
struct column {
	const char *title;
	enum column_align align;
	bool shrinks;
};

struct table;

/** table_new() - @columns must outlive it; without memory the program ends, here and below */
struct table *table_new(const struct column *columns, unsigned count);

/** table_cell() - fill in the next cell, from left to right, row by row */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);

/** table_print() - print it to the standard output and free it; without rows just @empty, or NULL:
 * nothing */
void table_print(struct table *table, const char *empty);

/** table_write() - the same to @to, in @room columns; 0: as many as need be */
void table_write(struct table *table, const char *empty, FILE *to, unsigned room);
