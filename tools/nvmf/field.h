/* SPDX-License-Identifier: BSD-2-Clause */
/* Data structures of NVMe, described by tables of their fields. */
#ifndef NVMF_TOOL_FIELD_H
#define NVMF_TOOL_FIELD_H

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind { FIELD_DEC, FIELD_HEX, FIELD_TEXT, FIELD_BYTES, FIELD_VERSION, FIELD_KELVIN };

struct field {
	const char *name;		/* as nvme-cli spells it */
	uint16_t at, size;		/* bytes */
	enum field_kind kind;
	const char *words;
};

struct field_table {
	const struct field *fields;
	size_t count;
	int width;			/* of the column of names */
};

#define FIELD_TABLE(fields, width) { fields, sizeof(fields) / sizeof((fields)[0]), width }

void fields_print(const struct field_table *, const uint8_t *data, bool with_words);
void fields_to_json(const struct field_table *, const uint8_t *data, json_t *object);

/* Text of a target's own choosing, of at most 519 bytes, on a line of its own: what
 * a terminal would obey, or take for another line, is shown as '?'. */
void print_text(const char *label, const char *text);

/* Writes bytes to stdout as they are. */
int print_raw(const void *data, size_t size);
void print_hex(const uint8_t *data, size_t size, uint64_t offset);

#endif
