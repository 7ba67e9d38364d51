/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/attributes.h"

#include <stdio.h>
#include <string.h>

#define VALUE_SIZE 128

void attribute_set(struct steps *s, const char *object, const char *attribute, const char *key,
		   const char *value, const char *old)
{
	char path[KERNEL_PATH_SIZE], what[KERNEL_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", object, attribute);
	snprintf(what, sizeof(what), "%s of %s", key, object);
	steps_add(s, STEP_SET, path, value, old, what);
}

/* Without these a port listens nowhere, a subsystem has a serial number of chance, and
 * who may come changes while it is there. */
static bool is_planners(const char *attribute)
{
	static const char *const all[] = {
		"addr_adrfam", "addr_trtype", "attr_allow_any_host", "attr_serial",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i], attribute))
			return true;
	return false;
}

/* As the kernel reads it; "" for a text that is not there. */
static void value_of(const struct config_key *key, const void *object, char text[VALUE_SIZE])
{
	const struct config_number *n = config_number_of(object, key);
	const char *said;

	if (key->kind == CONFIG_TEXT) {
		said = *config_text_of(object, key);
		snprintf(text, VALUE_SIZE, "%s", said ? said : "");
	} else if (key->kind == CONFIG_CHOICE) {
		snprintf(text, VALUE_SIZE, "%s", key->choices[n->value]);
	} else if (key->kind == CONFIG_HEX) {
		snprintf(text, VALUE_SIZE, "0x%0*llx", key->digits, (unsigned long long)n->value);
	} else {
		snprintf(text, VALUE_SIZE, "%lld", (long long)n->value);
	}
}

static bool is_the_kernels(const struct config_key *key, const void *object)
{
	if (key->kind == CONFIG_TEXT)
		return !*config_text_of(object, key);
	return config_number_of(object, key)->value == key->standard;
}

static void set_key(struct steps *s, const char *object, const char *group, const struct config_key *key,
		    const void *before, const void *after)
{
	char attribute[64], name[64], value[VALUE_SIZE], old[VALUE_SIZE] = "";

	snprintf(attribute, sizeof(attribute), "%s_%s", group, key->name);
	if (is_planners(attribute) || (!before && is_the_kernels(key, after)))
		return;
	value_of(key, after, value);
	if (before)
		value_of(key, before, old);
	if (before && !strcmp(value, old))
		return;
	snprintf(name, sizeof(name), "%s.%s", group, key->name);
	attribute_set(s, object, attribute, name, value, before ? old : NULL);
}

static void set_group(struct steps *s, const char *object, const struct config_key *group,
		      const void *before, const void *after)
{
	for (size_t i = 0; i < group->of->key_count; i++)
		set_key(s, object, group->name, &group->of->keys[i], before, after);
}

void attributes_set(struct steps *s, const char *object, const struct config_table *table,
		    const void *before, const void *after)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (table->keys[i].kind == CONFIG_GROUP)
			set_group(s, object, &table->keys[i], before, after);
}

static const char *left_in_group(const struct config_key *group, const void *before, const void *after)
{
	for (size_t i = 0; i < group->of->key_count; i++) {
		const struct config_key *key = &group->of->keys[i];
		char attribute[64];

		snprintf(attribute, sizeof(attribute), "%s_%s", group->name, key->name);
		if (key->kind == CONFIG_TEXT && !is_planners(attribute) &&
		    !*config_text_of(before, key) != !*config_text_of(after, key))
			return key->name;
	}
	return NULL;
}

const char *attributes_left_to_kernel(const struct config_table *table, const void *before,
				      const void *after)
{
	const char *name = NULL;

	for (size_t i = 0; !name && i < table->key_count; i++)
		if (table->keys[i].kind == CONFIG_GROUP)
			name = left_in_group(&table->keys[i], before, after);
	return name;
}
