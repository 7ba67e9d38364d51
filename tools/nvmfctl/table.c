/* SPDX-License-Identifier: BSD-2-Clause */
#include "table.h"
#include "client.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MOST 12
#define CELL 512

/* What hosts call themselves must not reach the terminal as it is. */
static void make_harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

static void write_size(char cell[CELL], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(cell, CELL, value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s", value,
		 units[unit]);
}

static void write_list(char cell[CELL], const json_t *list)
{
	size_t i, used = 0;
	json_t *value;

	cell[0] = 0;
	json_array_foreach(list, i, value)
		if (used < CELL)
			used += (size_t)snprintf(cell + used, CELL - used, "%s%s", i ? " " : "",
						 json_string_value(value));
}

static void write_cell(char cell[CELL], const struct column *c, const json_t *row)
{
	const json_t *value = json_object_get(row, c->member);

	if (json_is_string(value))
		snprintf(cell, CELL, "%s", json_string_value(value));
	else if (json_is_integer(value) && c->is_size)
		write_size(cell, (uint64_t)json_integer_value(value));
	else if (json_is_integer(value))
		snprintf(cell, CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(cell, CELL, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		write_list(cell, value);
	else
		snprintf(cell, CELL, "-");
	make_harmless(cell);
}

static void measure(const struct column *columns, const json_t *rows, int widths[COLUMNS_MOST])
{
	char cell[CELL];
	json_t *row;
	size_t r;

	for (unsigned int i = 0; columns[i].member; i++)
		widths[i] = (int)strlen(columns[i].title);
	json_array_foreach(rows, r, row) {
		for (unsigned int i = 0; columns[i].member; i++) {
			write_cell(cell, &columns[i], row);
			if ((int)strlen(cell) > widths[i])
				widths[i] = (int)strlen(cell);
		}
	}
}

/* No blanks at the end of a line. */
static void put_cell(const struct column *c, const char *text, int width)
{
	printf("%-*s%s", c[1].member ? width : 0, text, c[1].member ? "  " : "\n");
}

static void print_rows(const struct column *columns, const json_t *rows)
{
	int widths[COLUMNS_MOST];
	char cell[CELL];
	json_t *row;
	size_t r;

	measure(columns, rows, widths);
	for (unsigned int i = 0; columns[i].member; i++)
		put_cell(&columns[i], columns[i].title, widths[i]);
	json_array_foreach(rows, r, row) {
		for (unsigned int i = 0; columns[i].member; i++) {
			write_cell(cell, &columns[i], row);
			put_cell(&columns[i], cell, widths[i]);
		}
	}
}

void print_harmless(const char *text)
{
	char cell[CELL];

	snprintf(cell, CELL, "%s", text);
	make_harmless(cell);
	fputs(cell, stdout);
}

int table_print_json(json_t *value)
{
	int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);

	json_decref(value);
	return failed || putchar('\n') == EOF ? fail("could not write the output") : 0;
}

int table_print(const struct column *columns, json_t *rows, bool as_json)
{
	if (as_json)
		return table_print_json(rows);
	print_rows(columns, rows);
	json_decref(rows);
	return 0;
}

int table_print_one(const struct column *columns, json_t *object, bool as_json)
{
	char cell[CELL];

	if (as_json)
		return table_print_json(object);
	for (; columns->member; columns++) {
		write_cell(cell, columns, object);
		printf("%-20s %s\n", columns->title, cell);
	}
	json_decref(object);
	return 0;
}
