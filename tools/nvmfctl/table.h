/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows for people, and for programs. */
#ifndef NVMFCTL_TABLE_H
#define NVMFCTL_TABLE_H

#include <jansson.h>

#include <stdbool.h>

/* A column shows the member of this name; the last has none. */
struct column {
	const char *member, *title;
	bool is_size;			/* bytes, shown as people say them */
};

/* Prints rows (an array of objects) as a table, or as JSON; frees them.  0, or -1 after
 * a sentence. */
int table_print(const struct column *, json_t *rows, bool as_json);
/* The same of one object, a line a member. */
int table_print_one(const struct column *, json_t *object, bool as_json);
/* Takes it.  0, or a failure after a sentence. */
int table_print_json(json_t *);
/* Text that hosts may have chosen. */
void print_harmless(const char *text);

#endif
