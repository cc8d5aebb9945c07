#include "table.h"

#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, SHRUNK_MIN = 8, CLIP_ROOM = 3 };

struct table {
	const struct column *columns;
	unsigned column_count;
	char **cells;
	size_t cell_count, cell_room;
};

struct table *table_new(const struct column *columns, unsigned count)
{
	struct table *table = text_need(calloc(1, sizeof(*table)));

	table->columns = columns;
	table->column_count = count;
	return table;
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = text_vformat(format, args);
	va_end(args);
	text = text_need(realloc(text, strlen(text) + 1 + CLIP_ROOM));
	/* A cell is one line, and does nothing to the terminal. */
	for (char *byte = text; *byte; byte++)
		if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
			*byte = ' ';
	if (table->cell_count == table->cell_room) {
		table->cell_room = table->cell_room ? 2 * table->cell_room : 64;
		table->cells = text_need(
			reallocarray(table->cells, table->cell_room, sizeof(*table->cells)));
	}
	table->cells[table->cell_count++] = text;
}

static unsigned whole_width(const struct table *table, const unsigned *widths)
{
	unsigned width = 0;

	for (unsigned i = 0; i < table->column_count; i++)
		width += widths[i] + (i ? GAP : 0);
	return width;
}

/* Take from the widest column that can give. */
static void fit(const struct table *table, unsigned *widths, unsigned room)
{
	while (whole_width(table, widths) > room) {
		unsigned widest = table->column_count;

		for (unsigned i = 0; i < table->column_count; i++)
			if (table->columns[i].shrinks && widths[i] > SHRUNK_MIN &&
			    (widest == table->column_count || widths[i] > widths[widest]))
				widest = i;
		if (widest == table->column_count)
			break;
		widths[widest]--;
	}
}

static void print_row(FILE *to, const struct table *table, char *const *cells,
                      const unsigned *widths, unsigned room, const char *begin, const char *end)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = text_need(open_memstream(&line, &size));

	for (unsigned i = 0; i < table->column_count; i++) {
		unsigned last = i + 1 == table->column_count;

		text_clip(cells[i], widths[i]);
		int pad = (int)(widths[i] - text_width(cells[i]));
		if (table->columns[i].align == COLUMN_RIGHT)
			fprintf(out, "%*s%s", pad, "", cells[i]);
		else
			fprintf(out, "%s%*s", cells[i], last ? 0 : pad, "");
		if (!last)
			fprintf(out, "%*s", GAP, "");
	}
	for (unsigned i = 0; i < CLIP_ROOM; i++)
		fputc(0, out);
	fclose(out);
	text_need(line);
	for (size_t length = strlen(line); length && line[length - 1] == ' '; length--)
		line[length - 1] = 0;
	if (room)
		text_clip(line, room);
	fprintf(to, "%s%s%s\n", begin, line, end);
	free(line);
}

void table_write(struct table *table, const char *empty, FILE *to, unsigned room)
{
	struct colours colours = text_colours(stdout);
	unsigned count = table->column_count;
	unsigned *widths = text_need(calloc(count, sizeof(*widths)));
	char **head = text_need(calloc(count, sizeof(*head)));

	for (unsigned i = 0; i < count; i++) {
		head[i] = text_format("%s   ", table->columns[i].title);
		head[i][strlen(table->columns[i].title)] = 0;
		widths[i] = text_width(head[i]);
	}
	for (size_t i = 0; i < table->cell_count; i++) {
		unsigned width = text_width(table->cells[i]);

		if (width > widths[i % count])
			widths[i % count] = width;
	}
	if (room)
		fit(table, widths, room);
	if (!table->cell_count)
		fprintf(to, "%s%s", empty ? empty : "", empty ? "\n" : "");
	else
		print_row(to, table, head, widths, room, colours.strong, colours.off);
	for (size_t i = 0; i + count <= table->cell_count; i += count)
		print_row(to, table, &table->cells[i], widths, room, "", "");
	for (unsigned i = 0; i < count; i++)
		free(head[i]);
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(head);
	free(widths);
	free(table->cells);
	free(table);
}

void table_print(struct table *table, const char *empty)
{
	table_write(table, empty, stdout, text_columns(stdout));
}
