/* SPDX-License-Identifier: BSD-2-Clause */
#include "field.h"
#include "json.h"
#include "number.h"
#include "session.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VALUE_TEXT 520

/* ---- text --------------------------------------------------------------------------------------- */

static void text_value(const struct field *f, const uint8_t *at, char *text)
{
	size_t size = strnlen((const char *)at, f->size);

	while (size && at[size - 1] == ' ')
		size--;
	memcpy(text, at, size);
	text[size] = 0;
}

/* In one byte or, U+0080 to U+009F, in two of UTF-8. */
static void make_harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

void print_text(const char *label, const char *text)
{
	char shown[VALUE_TEXT];

	snprintf(shown, sizeof(shown), "%s", text);
	make_harmless(shown);
	printf("%s%s\n", label, shown);
}

static void bytes_value(const struct field *f, const uint8_t *at, char *text)
{
	for (unsigned int i = 0; i < f->size; i++)
		sprintf(text + 2 * i, "%02x", at[i]);
}

static void number_value(const struct field *f, const uint8_t *at, char *text)
{
	uint64_t value;

	if (f->size > 8) {
		decimal128(at, text);
		return;
	}
	value = little_endian(at, f->size);
	if (f->kind == FIELD_HEX)
		sprintf(text, value ? "%#" PRIx64 : "%" PRIx64, value);
	else if (f->kind == FIELD_VERSION)
		sprintf(text, "%u.%u.%u", (unsigned int)(value >> 16),
			(unsigned int)(value >> 8 & 0xff), (unsigned int)(value & 0xff));
	else if (f->kind == FIELD_KELVIN && value)
		sprintf(text, "%d °C (%u K)", (int)value - 273, (unsigned int)value);
	else
		sprintf(text, "%" PRIu64, value);
}

static void value_text(const struct field *f, const uint8_t *data, char text[VALUE_TEXT])
{
	const uint8_t *at = data + f->at;

	if (f->kind == FIELD_TEXT)
		text_value(f, at, text);
	else if (f->kind == FIELD_BYTES)
		bytes_value(f, at, text);
	else
		number_value(f, at, text);
}

void fields_print(const struct field_table *table, const uint8_t *data, bool with_words)
{
	char text[VALUE_TEXT];

	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];

		value_text(f, data, text);
		make_harmless(text);
		if (with_words)
			printf("%-*s : %-20s  %s\n", table->width, f->name, text, f->words);
		else
			printf("%-*s : %s\n", table->width, f->name, text);
	}
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

static void add_wide(json_t *object, const struct field *f, const uint8_t *at)
{
	char text[DECIMAL128_TEXT];

	if (little_endian(at + 8, 8))
		json_add_text(object, f->name, decimal128(at, text));
	else
		json_add_number(object, f->name, little_endian(at, 8));
}

void fields_to_json(const struct field_table *table, const uint8_t *data, json_t *object)
{
	char text[VALUE_TEXT];

	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];

		if (f->kind == FIELD_TEXT || f->kind == FIELD_BYTES) {
			value_text(f, data, text);
			json_add_text(object, f->name, text);
		} else if (f->size > 8) {
			add_wide(object, f, data + f->at);
		} else {
			json_add_number(object, f->name, little_endian(data + f->at, f->size));
		}
	}
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

int print_raw(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size || fflush(stdout))
		return fail("could not write the output");
	return 0;
}

static void print_hex_line(const uint8_t *data, size_t size, uint64_t offset)
{
	printf("%04" PRIx64 ":", offset);
	for (size_t i = 0; i < 16; i++)
		if (i < size)
			printf(" %02x", data[i]);
		else
			printf("   ");
	printf(" \"");
	for (size_t i = 0; i < size; i++)
		putchar(isprint(data[i]) ? data[i] : '.');
	printf("\"\n");
}

void print_hex(const uint8_t *data, size_t size, uint64_t offset)
{
	printf("       0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n");
	for (size_t i = 0; i < size; i += 16)
		print_hex_line(data + i, size - i < 16 ? size - i : 16, offset + i);
}
