/* SPDX-License-Identifier: BSD-2-Clause */
/* From data to text, by the tables of schema.c. */
#include "config/schema.h"
#include "config/value.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL stands for no memory all the way: jansson takes it and fails. */
static json_t *object_of(const struct config_table *table, const void *object);

static json_t *number_of(const struct config_key *key, int64_t value)
{
	char text[32];

	if (key->kind == CONFIG_INTEGER)
		return json_integer(value);
	if (key->kind == CONFIG_CHOICE)
		return json_string(key->choices[value]);
	if (key->kind == CONFIG_HEX)
		snprintf(text, sizeof(text), "0x%0*llx", key->digits, (unsigned long long)value);
	else
		snprintf(text, sizeof(text), "%lld", (long long)value);
	return json_string(text);
}

static json_t *id_of(const struct config_id *id)
{
	char text[VALUE_ID_TEXT];

	value_id_text(id->bytes, text);
	return json_string(text);
}

/* False: no memory. */
static bool append(json_t *list, json_t *value)
{
	return !json_array_append_new(list, value);
}

static json_t *list_of(const struct config_key *key, const void *object)
{
	char **names = *(char ***)config_field(object, key->offset);
	json_t *list = json_array();
	bool good = list;

	for (size_t i = 0; good && i < *config_count_of(object, key); i++)
		good = append(list, key->kind == CONFIG_NAMES ? json_string(names[i]) :
			      object_of(key->of, config_element(object, key, i)));
	if (good)
		return list;
	json_decref(list);
	return NULL;
}

static bool is_written(const struct config_key *key, const void *object)
{
	switch (key->kind) {
	case CONFIG_TEXT:
		return *config_text_of(object, key);
	case CONFIG_ID:
		return ((struct config_id *)config_field(object, key->offset))->given;
	case CONFIG_GROUP:
		return *(bool *)config_field(object, key->offset);
	case CONFIG_LIST:
	case CONFIG_NAMES:
		return key->need != CONFIG_FEW || *config_count_of(object, key);
	default:
		return config_number_of(object, key)->given;
	}
}

static json_t *value_of(const struct config_key *key, const void *object)
{
	switch (key->kind) {
	case CONFIG_TEXT:
		return json_string(*config_text_of(object, key));
	case CONFIG_ID:
		return id_of(config_field(object, key->offset));
	case CONFIG_GROUP:
		return object_of(key->of, object);
	case CONFIG_LIST:
	case CONFIG_NAMES:
		return list_of(key, object);
	default:
		return number_of(key, config_number_of(object, key)->value);
	}
}

static bool add_settings(json_t *to, const struct config *c)
{
	bool good = true;

	for (size_t i = 0; good && i < c->setting_count; i++) {
		const struct config_setting *s = &c->settings[i];

		good = !json_object_set_new(to, s->name, s->is_number ? json_integer(atoll(s->value)) :
					    json_string(s->value));
	}
	return good;
}

static json_t *object_of(const struct config_table *table, const void *object)
{
	json_t *result = json_object();
	bool good = result;

	for (size_t i = 0; good && i < table->key_count; i++)
		if (is_written(&table->keys[i], object))
			good = !json_object_set_new(result, table->keys[i].name,
						    value_of(&table->keys[i], object));
	if (good && table->has_settings)
		good = add_settings(result, object);
	if (good)
		return result;
	json_decref(result);
	return NULL;
}

char *config_format(const struct config *config)
{
	json_t *root = object_of(&config_root, config);
	char *text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	char *whole = NULL;

	if (text && asprintf(&whole, "%s\n", text) < 0)
		whole = NULL;
	free(text);
	json_decref(root);
	return whole;
}
