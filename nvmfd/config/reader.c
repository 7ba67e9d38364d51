/* SPDX-License-Identifier: BSD-2-Clause */
/* From text to data, by the tables of schema.c. */
#include "config/check.h"
#include "config/mistake.h"
#include "config/schema.h"
#include "config/settings.h"
#include "config/value.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED_SIZE 256

struct reading {
	struct config *config;
	struct config_mistakes *mistakes;
};

/* A value of the file and where it stands. */
struct spot {
	const struct config_key *key;
	const struct config_place *place;
	json_t *value;
};

/* ---- what stood there, and what was expected ----------------------------------------- */

static void describe(char found[MISTAKE_QUOTE], const json_t *value, bool is_secret)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		if (is_secret)
			strcpy(found, "a secret");
		else
			mistake_quote(found, json_string_value(value));
		return;
	case JSON_INTEGER:
		sprintf(found, "%lld", (long long)json_integer_value(value));
		return;
	case JSON_REAL:
		snprintf(found, MISTAKE_QUOTE, "%g", json_real_value(value));
		return;
	case JSON_OBJECT:
		strcpy(found, "an object");
		return;
	case JSON_ARRAY:
		strcpy(found, "a list");
		return;
	default:
		strcpy(found, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
	}
}

static void say_choices(char expected[EXPECTED_SIZE], const char *const *choices)
{
	size_t used = 0;

	for (size_t i = 0; choices[i]; i++)
		used += (size_t)snprintf(expected + used, EXPECTED_SIZE - used, "%s\"%s\"",
					 !i ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static const char *expected_of(const struct config_key *key, char made[EXPECTED_SIZE])
{
	if (key->expected)
		return key->expected;
	switch (key->kind) {
	case CONFIG_TEXT:
		return "a text that is not empty";
	case CONFIG_ID:
		return "32 hexadecimal digits, such as \"01234567-89ab-cdef-0123-456789abcdef\"";
	case CONFIG_GROUP:
		return "an object";
	case CONFIG_CHOICE:
		say_choices(made, key->choices);
		return made;
	case CONFIG_LIST:
	case CONFIG_NAMES:
		return "a list";
	default:
		snprintf(made, EXPECTED_SIZE, "a number from %lld to %lld", (long long)key->least,
			 (long long)key->most);
		return made;
	}
}

static void refuse(struct reading *r, const struct spot *s, const char *expected)
{
	char found[MISTAKE_QUOTE];

	describe(found, s->value, s->key && s->key->is_secret);
	mistake_at_place(r->mistakes, s->place, "found %s, expected %s", found, expected);
}

static void refuse_value(struct reading *r, const struct spot *s)
{
	char made[EXPECTED_SIZE] = "";

	refuse(r, s, expected_of(s->key, made));
}

/* ---- single values --------------------------------------------------------------------- */

/* NULL with a mistake noted: it is no text, or none that fits here. */
static const char *good_text(struct reading *r, const struct spot *s)
{
	const char *text = json_string_value(s->value);

	if (text && (s->key->is_good ? s->key->is_good(text) : *text))
		return text;
	refuse_value(r, s);
	return NULL;
}

static char *copy(struct reading *r, const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		r->mistakes->out_of_memory = true;
	return copied;
}

static void read_text(struct reading *r, const struct spot *s, void *object)
{
	const char *text = good_text(r, s);

	if (text)
		*config_text_of(object, s->key) = copy(r, text);
}

static void read_id(struct reading *r, const struct spot *s, void *object)
{
	struct config_id *id = config_field(object, s->key->offset);
	const char *text = json_string_value(s->value);

	id->given = text && value_id(text, id->bytes);
	if (!id->given)
		refuse_value(r, s);
}

/* nvmetcli writes numbers as texts or as numbers; people write either, and true. */
static bool number_of(const struct spot *s, int64_t *number)
{
	if (json_is_integer(s->value))
		*number = json_integer_value(s->value);
	else if (json_is_boolean(s->value) && !s->key->least && s->key->most <= 1)
		*number = json_is_true(s->value);
	else
		return json_is_string(s->value) && value_number(json_string_value(s->value), number);
	return true;
}

static void read_number(struct reading *r, const struct spot *s, void *object)
{
	struct config_number *field = config_number_of(object, s->key);
	int64_t number = 0;

	field->given = number_of(s, &number) && number >= s->key->least && number <= s->key->most;
	if (field->given)
		field->value = number;
	else
		refuse_value(r, s);
}

static void read_choice(struct reading *r, const struct spot *s, void *object)
{
	struct config_number *field = config_number_of(object, s->key);
	const char *text = json_string_value(s->value);

	for (size_t i = 0; text && s->key->choices[i]; i++) {
		if (!strcmp(text, s->key->choices[i])) {
			*field = (struct config_number){ true, (int64_t)i };
			return;
		}
	}
	refuse_value(r, s);
}

/* ---- what has parts ---------------------------------------------------------------------- */

static void read_object(struct reading *r, const struct config_table *table,
			const struct config_place *place, json_t *value, void *object);

static void read_group(struct reading *r, const struct spot *s, void *object)
{
	*(bool *)config_field(object, s->key->offset) = true;
	read_object(r, s->key->of, s->place, s->value, object);
}

/* Room for the elements, zeros; NULL where there are none. */
static void *make_room(struct reading *r, const struct spot *s, void *object, size_t size)
{
	size_t count = json_array_size(s->value);
	void **list = config_field(object, s->key->offset);

	if (!json_is_array(s->value)) {
		char found[MISTAKE_QUOTE];

		describe(found, s->value, false);
		mistake_at_place(r->mistakes, s->place, "found %s, expected a list", found);
		return NULL;
	}
	if (!count)
		return NULL;
	*list = calloc(count, size);
	if (*list)
		*config_count_of(object, s->key) = count;
	else
		r->mistakes->out_of_memory = true;
	return *list;
}

static void read_list(struct reading *r, const struct spot *s, void *object)
{
	json_t *value;
	size_t i;

	if (!make_room(r, s, object, s->key->of->size))
		return;
	json_array_foreach(s->value, i, value) {
		const struct config_place place = { s->place, NULL, i };

		read_object(r, s->key->of, &place, value, config_element(object, s->key, i));
	}
}

static void read_names(struct reading *r, const struct spot *s, void *object)
{
	char **names = make_room(r, s, object, sizeof(*names));
	json_t *value;
	size_t i;

	if (!names)
		return;
	json_array_foreach(s->value, i, value) {
		const struct config_place place = { s->place, NULL, i };
		const struct spot name = { s->key, &place, value };
		const char *text = good_text(r, &name);

		if (text)
			names[i] = copy(r, text);
	}
}

/* ---- objects ------------------------------------------------------------------------------- */

static void read_key(struct reading *r, const struct spot *s, void *object)
{
	switch (s->key->kind) {
	case CONFIG_TEXT:
		read_text(r, s, object);
		return;
	case CONFIG_ID:
		read_id(r, s, object);
		return;
	case CONFIG_DECIMAL:
	case CONFIG_HEX:
	case CONFIG_INTEGER:
		read_number(r, s, object);
		return;
	case CONFIG_CHOICE:
		read_choice(r, s, object);
		return;
	case CONFIG_GROUP:
		read_group(r, s, object);
		return;
	case CONFIG_LIST:
		read_list(r, s, object);
		return;
	case CONFIG_NAMES:
		read_names(r, s, object);
		return;
	}
}

static const struct config_key *key_named(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (!strcmp(table->keys[i].name, name))
			return &table->keys[i];
	return NULL;
}

static void refuse_key(struct reading *r, const struct config_table *table,
		       const struct config_place *place)
{
	char known[EXPECTED_SIZE] = "";
	size_t used = 0;

	for (size_t i = 0; i < table->key_count && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 !i ? "" : i + 1 < table->key_count ? ", " : " or ",
					 table->keys[i].name);
	mistake_at_place(r->mistakes, place, "found an unknown key, expected %s%s", known,
			 table->has_settings ? ", or an option of nvmfd" : "");
}

/* The text of an option's argument; NULL: a value of this kind is none. */
static const char *setting_text(const json_t *value, char number[32])
{
	if (json_is_string(value))
		return json_string_value(value);
	if (!json_is_integer(value))
		return NULL;
	snprintf(number, 32, "%lld", (long long)json_integer_value(value));
	return number;
}

static void add_setting(struct reading *r, const char *name, const char *text, bool is_number)
{
	struct config *c = r->config;
	struct config_setting *list = realloc(c->settings, (c->setting_count + 1) * sizeof(*list));
	struct config_setting setting = { copy(r, name), copy(r, text), is_number };

	if (list)
		c->settings = list;
	if (!list || !setting.name || !setting.value) {
		free(setting.name);
		free(setting.value);
		r->mistakes->out_of_memory = true;
		return;
	}
	c->settings[c->setting_count++] = setting;
}

/* False: there is no option of this name. */
static bool read_setting(struct reading *r, const char *name, const struct config_place *place,
			 json_t *value)
{
	const struct spot s = { NULL, place, value };
	char number[32], expected[EXPECTED_SIZE];
	const char *text = setting_text(value, number);

	switch (config_check_setting(name, text, expected, sizeof(expected))) {
	case -ENOENT:
		return false;
	case 0:
		add_setting(r, name, text, json_is_integer(value));
		return true;
	default:
		refuse(r, &s, expected);
		return true;
	}
}

static void read_member(struct reading *r, const struct config_table *table,
			const struct config_place *up, const char *name, json_t *value, void *object)
{
	const struct config_place place = { up, name, 0 };
	const struct spot s = { key_named(table, name), &place, value };

	if (s.key)
		read_key(r, &s, object);
	else if (!table->has_settings || !read_setting(r, name, &place, value))
		refuse_key(r, table, &place);
}

/* Numbers that are not in the file have a value, too. */
static void set_standards(const struct config_table *table, void *object)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct config_key *key = &table->keys[i];

		if (key->kind == CONFIG_GROUP)
			set_standards(key->of, object);
		else if (key->kind == CONFIG_DECIMAL || key->kind == CONFIG_HEX || key->kind == CONFIG_INTEGER)
			config_number_of(object, key)->value = key->standard;
	}
}

static void look_for_missing(struct reading *r, const struct config_table *table,
			     const struct config_place *up, json_t *value)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct config_key *key = &table->keys[i];
		const struct config_place place = { up, key->name, 0 };
		char made[EXPECTED_SIZE] = "";

		if (key->need == CONFIG_MUST && !json_object_get(value, key->name))
			mistake_at_place(r->mistakes, &place, "found nothing, expected %s",
					 expected_of(key, made));
	}
}

static void read_object(struct reading *r, const struct config_table *table,
			const struct config_place *place, json_t *value, void *object)
{
	const struct spot s = { NULL, place, value };
	const char *name;
	json_t *member;

	if (!json_is_object(value)) {
		refuse(r, &s, "an object");
		return;
	}
	set_standards(table, object);
	json_object_foreach(value, name, member)
		read_member(r, table, place, name, member, object);
	look_for_missing(r, table, place, value);
}

/* ---- the text ------------------------------------------------------------------------------ */

struct scan {
	unsigned int line, column;
	int depth;
	bool in_string, is_escaped;
};

/* Brackets within strings are none. */
static void scan_byte(struct scan *s, char c)
{
	if (s->in_string) {
		s->in_string = s->is_escaped || c != '"';
		s->is_escaped = !s->is_escaped && c == '\\';
	} else if (c == '"') {
		s->in_string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (c == '}' || c == ']') {
		s->depth--;
	}
	s->column++;
	if (c == '\n') {
		s->line++;
		s->column = 0;
	}
}

/* The parser below calls itself for each level. */
static bool is_flat_enough(struct config_mistakes *m, const char *text, size_t length)
{
	struct scan s = { .line = 1 };

	for (size_t i = 0; i < length; i++) {
		scan_byte(&s, text[i]);
		if (s.depth > CONFIG_NESTING_MOST) {
			mistake_in_text(m, s.line, s.column, "more than %d levels of lists and objects",
					CONFIG_NESTING_MOST);
			return false;
		}
	}
	return true;
}

static void refuse_text(struct config_mistakes *m, const json_error_t *error)
{
	mistake_in_text(m, (unsigned int)error->line, (unsigned int)error->column, "%s", error->text);
}

/* Of a key that is there twice the rest is read all the same. */
static json_t *parse_text(struct config_mistakes *m, const char *text, size_t length)
{
	json_error_t error;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

	if (root)
		return root;
	refuse_text(m, &error);
	if (json_error_code(&error) != json_error_duplicate_key)
		return NULL;
	root = json_loadb(text, length, 0, &error);
	if (!root)
		refuse_text(m, &error);
	return root;
}

int config_parse(struct config *config, const char *text, size_t length, struct config_mistakes *mistakes)
{
	struct reading r = { config, mistakes };
	json_t *root = NULL;

	memset(config, 0, sizeof(*config));
	memset(mistakes, 0, sizeof(*mistakes));
	if (length > CONFIG_TEXT_MOST)
		mistake_in_text(mistakes, 1, 1, "%zu bytes are more than the %zu that are read", length,
				CONFIG_TEXT_MOST);
	else if (is_flat_enough(mistakes, text, length))
		root = parse_text(mistakes, text, length);
	if (root) {
		read_object(&r, &config_root, NULL, root, config);
		config_check_together(config, mistakes);
		json_decref(root);
	}
	if (!mistakes->count && !mistakes->out_of_memory)
		return 0;
	config_free(config);
	return mistakes->out_of_memory ? -ENOMEM : -EINVAL;
}
