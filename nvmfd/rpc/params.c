/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/params.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sentence {
	char *text;
	size_t size;
};

/* What it is not, in the sentence. */
static const char *const wanted[] = {
	[RPC_TEXT] = "a string", [RPC_BOOL] = "true or false",
	[RPC_U16] = "a number from 0 to 65535", [RPC_ID] = "a number from 0 to 65535",
	[RPC_U32] = "a number from 0 to 4294967295",
	[RPC_U64] = "a number from 0 to 9223372036854775807", [RPC_UUID] = "a UUID",
	[RPC_HEX16] = "32 hexadecimal digits", [RPC_HEX8] = "16 hexadecimal digits",
	[RPC_TEXTS] = "an array of strings", [RPC_NO] = "to be had here",
	[RPC_OBJECT] = "an object",
};

static int refuse(const struct sentence *s, const struct rpc_param *p)
{
	snprintf(s->text, s->size, "'%s' is not %s", p->name, wanted[p->type]);
	return -EINVAL;
}

static int take_number(const json_t *value, uint64_t most, uint64_t *to)
{
	json_int_t number = json_integer_value(value);

	/* What is negative is more than any. */
	if (!json_is_integer(value) || (uint64_t)number > most)
		return -EINVAL;
	*to = (uint64_t)number;
	return 0;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Hexadecimal digits, two a byte; hyphens where `has_hyphens`, as a UUID has them. */
static int take_bytes(const json_t *value, unsigned int count, bool has_hyphens,
		      struct rpc_bytes *to)
{
	const char *text = json_string_value(value);
	uint8_t bytes[16];

	if (!text)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++, text += 2) {
		if (has_hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	}
	if (*text)
		return -EINVAL;
	memcpy(to->bytes, bytes, count);
	to->is_given = true;
	return 0;
}

static int take_text(const json_t *value, const char **to)
{
	if (!json_is_string(value))
		return -EINVAL;
	*to = json_string_value(value);
	return 0;
}

static int take_bool(const json_t *value, bool *to)
{
	if (!json_is_boolean(value))
		return -EINVAL;
	*to = json_is_true(value);
	return 0;
}

static int take_texts(const json_t *value, const json_t **to)
{
	size_t i;
	json_t *text;

	if (!json_is_array(value))
		return -EINVAL;
	json_array_foreach(value, i, text)
		if (!json_is_string(text))
			return -EINVAL;
	*to = value;
	return 0;
}

/* What asks for nothing is no mistake: SPDK's rpc.py says all that it knows. */
static int take_no(const json_t *value)
{
	return json_is_false(value) || json_is_null(value) ||
	       (json_is_integer(value) && !json_integer_value(value)) ? 0 : -EINVAL;
}

static int take_plain(const struct rpc_param *p, const json_t *value, void *to)
{
	uint64_t number = 0;
	int r = -EINVAL;

	switch (p->type) {
	case RPC_TEXT:
		return take_text(value, to);
	case RPC_BOOL:
		return take_bool(value, to);
	case RPC_U16:
		r = take_number(value, UINT16_MAX, &number);
		if (!r)
			*(uint16_t *)to = (uint16_t)number;
		return r;
	case RPC_ID:
		r = take_number(value, UINT16_MAX, &number);
		if (!r)
			*(struct rpc_id *)to = (struct rpc_id){ true, (uint16_t)number };
		return r;
	case RPC_U32:
		r = take_number(value, UINT32_MAX, &number);
		if (!r)
			*(uint32_t *)to = (uint32_t)number;
		return r;
	case RPC_U64:
		return take_number(value, INT64_MAX, to);
	case RPC_UUID:
		return take_bytes(value, 16, true, to);
	case RPC_HEX16:
		return take_bytes(value, 16, false, to);
	case RPC_HEX8:
		return take_bytes(value, 8, false, to);
	case RPC_TEXTS:
		return take_texts(value, to);
	case RPC_NO:
		return take_no(value);
	case RPC_ANYTHING:
		return 0;
	case RPC_OBJECT:
		break;
	}
	return r;
}

static int decode(const struct rpc_param *, const json_t *object, char *to,
		  const struct sentence *);

static int take(const struct rpc_param *p, const json_t *value, char *to,
		const struct sentence *s)
{
	if (p->type == RPC_OBJECT && json_is_object(value))
		return decode(p->inner, value, to + p->at, s);
	return take_plain(p, value, to + p->at) ? refuse(s, p) : 0;
}

static const struct rpc_param *find(const struct rpc_param *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name) || !strcmp(table->name, "*"))
			return table;
	return NULL;
}

static int refuse_unknown(const struct rpc_param *table, const char *name,
			  const struct sentence *s)
{
	int used = snprintf(s->text, s->size, "there is no parameter '%.64s', but", name);

	for (; table->name && used > 0 && (size_t)used < s->size; table++)
		used += snprintf(s->text + used, s->size - (size_t)used, " %s", table->name);
	return -EINVAL;
}

static int decode(const struct rpc_param *table, const json_t *object, char *to,
		  const struct sentence *s)
{
	const char *name;
	json_t *value;

	/* jansson's loop is for those who may change it. */
	json_object_foreach((json_t *)object, name, value) {
		const struct rpc_param *p = find(table, name);
		int r = p ? take(p, value, to, s) : refuse_unknown(table, name, s);

		if (r)
			return r;
	}
	for (; table->name; table++) {
		if (!table->is_required || json_object_get(object, table->name))
			continue;
		snprintf(s->text, s->size, "'%s' is missing", table->name);
		return -EINVAL;
	}
	return 0;
}

int rpc_params_decode(const struct rpc_param *table, const json_t *params, void *to, char *error,
		      size_t error_size)
{
	const struct sentence s = { error, error_size };

	if (params && !json_is_object(params)) {
		snprintf(error, error_size, "the parameters are not given by name");
		return -EINVAL;
	}
	/* To jansson NULL is an object without members. */
	return decode(table, params, to, &s);
}
