/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"
#include "guess.h"
#include "number.h"

#include <stdio.h>
#include <string.h>

/* ---- values ----------------------------------------------------------------------------- */

static json_t *number_of(const char *text, bool as_text)
{
	uint64_t value;
	char digits[24];

	if (parse_number(text, &value) || value > INT64_MAX)
		return NULL;
	snprintf(digits, sizeof(digits), "%ju", (uintmax_t)value);
	return as_text ? json_string(digits) : json_integer((json_int_t)value);
}

static json_t *yes_of(const char *text)
{
	if (!*text || !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "1"))
		return json_true();
	if (!strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "0"))
		return json_false();
	return NULL;
}

/* NULL: it is none. */
static json_t *value_of(enum word_kind kind, const char *text)
{
	switch (kind) {
	case WORD_NUMBER:
	case WORD_SIZE:
		return number_of(text, false);
	case WORD_NUMBER_AS_TEXT:
		return number_of(text, true);
	case WORD_YES:
		return yes_of(text);
	case WORD_TEXT:
		break;
	}
	return json_string(text);
}

static const char *const wanted[] = {
	[WORD_TEXT] = "UTF-8", [WORD_NUMBER] = "a number", [WORD_SIZE] = "a size such as 64M",
	[WORD_YES] = "yes or no", [WORD_NUMBER_AS_TEXT] = "a number",
};

/* "address.traddr" is traddr of the object address. */
static void put(json_t *params, const char *to, json_t *value)
{
	const char *dot = strchr(to, '.');
	char outer[32];
	json_t *inner;

	if (!dot) {
		json_object_set_new(params, to, value);
		return;
	}
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - to), to);
	inner = json_object_get(params, outer);
	if (!inner) {
		inner = json_object();
		json_object_set_new(params, outer, inner);
	}
	json_object_set_new(inner, dot + 1, value);
}

static int take(struct request *r, const struct word *w, const char *text)
{
	json_t *value = w->to ? value_of(w->kind, text) : NULL;

	if (w->to && !value)
		return wrong("%s: '%s' is not %s", w->name, text, wanted[w->kind]);
	if (w->to)
		put(r->params, w->to, value);
	return 0;
}

/* ---- which is which ------------------------------------------------------------------------ */

/* Of "key=value" or "key". */
static const struct word *find_key(const struct verb *v, const char *text)
{
	size_t length = strcspn(text, "=");

	for (const struct word *w = v->keys; w && w->name; w++)
		if (strlen(w->name) == length && !strncmp(w->name, text, length) &&
		    (text[length] || w->kind == WORD_YES))
			return w;
	return NULL;
}

static int refuse(const struct request *r, const struct object *o, const char *text)
{
	char key[64];
	const char *meant;

	snprintf(key, sizeof(key), "%.*s", (int)strcspn(text, "="), text);
	meant = guess(key, word_name, r->verb->keys);
	if (meant && strcmp(meant, key))
		return wrong("'%s' is not expected; did you mean '%s='?", text, meant);
	if (meant)
		return wrong("'%s' needs a value: %s=...", key, key);
	return wrong("'%s' is not expected; try 'nvmfctl %s%s%s --help'", text, o->name,
		     *r->verb->name ? " " : "", r->verb->name);
}

static int take_key(struct request *r, const struct object *o, const char *text)
{
	const struct word *w = find_key(r->verb, text);
	const char *value = strchr(text, '=');

	return w ? take(r, w, value ? value + 1 : "") : refuse(r, o, text);
}

static int refuse_missing(const struct request *r, const struct object *o, const struct word *w)
{
	return wrong("%s is missing: %s; try 'nvmfctl %s%s%s --help'", w->name, w->what, o->name,
		     *r->verb->name ? " " : "", r->verb->name);
}

int words_take(struct request *r, const struct object *o, int count, char **words)
{
	const struct word *place = r->verb->places;
	int at = 0, failed = 0;

	r->params = r->verb->fixed ? json_loads(r->verb->fixed, 0, NULL) : json_object();
	if (count && place)
		r->name = words[0];
	for (; !failed && place && place->name && at < count; place++)
		failed = take(r, place, words[at++]);
	if (!failed && place && place->name && !place->is_optional)
		return refuse_missing(r, o, place);
	for (; !failed && at < count; at++)
		failed = take_key(r, o, words[at]);
	return failed;
}
