/* SPDX-License-Identifier: BSD-2-Clause */
#include "json.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

void json_add(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

void json_add_number(json_t *object, const char *name, uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX) {
		json_add(object, name, json_integer((json_int_t)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	json_add_text(object, name, text);
}

void json_add_text(json_t *object, const char *name, const char *text)
{
	json_t *value = json_string(text);

	/* Bytes that are no UTF-8 came from a device: let them be seen. */
	json_add(object, name, value ? value : json_string("(not UTF-8)"));
}

void json_add_bool(json_t *object, const char *name, bool value)
{
	json_add(object, name, json_boolean(value));
}

int json_print(json_t *value, FILE *to)
{
	int failed = json_dumpf(value, to, JSON_INDENT(2) | JSON_REAL_PRECISION(10));

	json_decref(value);
	if (failed || fputc('\n', to) == EOF || fflush(to))
		return fail("could not write the output");
	return 0;
}
