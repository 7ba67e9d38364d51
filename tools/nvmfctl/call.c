/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"
#include "table.h"

#include <stdio.h>

static void print_value(const json_t *value)
{
	if (json_is_string(value))
		print_harmless(json_string_value(value));
	else if (json_is_integer(value))
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static void print_members(json_t *object)
{
	const char *between = "", *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		printf("%s%s ", between, name);
		print_value(value);
		between = ", ";
	}
}

int call(const struct request *r)
{
	/* Methods that take nothing refuse an empty object. */
	json_t *params = json_object_size(r->params) ? json_incref(r->params) : NULL;
	json_t *answer = client_call(r->fd, r->verb->method, params);

	if (!answer)
		return -1;
	if (r->as_json)
		return table_print_json(answer);
	if (json_is_object(answer))
		print_members(answer);
	else
		print_value(answer);
	if (!json_is_true(answer))
		putchar('\n');
	json_decref(answer);
	return 0;
}
