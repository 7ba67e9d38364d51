/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The form of the file as tables: reader, writer, comparison and the freeing of
 * memory are made from the same rows, so that what is read is written.
 */
#ifndef NVMFD_CONFIG_SCHEMA_H
#define NVMFD_CONFIG_SCHEMA_H

#include "config/config.h"

enum config_kind {
	CONFIG_TEXT,		/* char * */
	CONFIG_ID,		/* struct config_id */
	CONFIG_DECIMAL,		/* struct config_number, written "7" */
	CONFIG_HEX,		/* the same, written "0x7" with `digits` or more */
	CONFIG_INTEGER,		/* the same, written 7 */
	CONFIG_CHOICE,		/* the same: the index of one of `choices` */
	CONFIG_GROUP,		/* an object whose keys are fields of the same struct */
	CONFIG_LIST,		/* a pointer to `of->size` bytes each, and how many */
	CONFIG_NAMES,		/* char **, and how many */
};

enum config_need {
	CONFIG_MAY,
	CONFIG_MUST,		/* a mistake where it is missing */
	CONFIG_FEW,		/* a list that is written only where it holds something */
};

struct config_table;

struct config_key {
	const char *name;
	enum config_kind kind;
	enum config_need need;
	size_t offset;			/* of the field; of a group's `has_` */
	size_t count_offset;		/* of a list's */
	int64_t least, most, standard;	/* of numbers */
	int digits;
	bool is_secret;			/* never shown */
	bool (*is_good)(const char *text);
	const char *expected;		/* NULL: made from the limits or the choices */
	const char *const *choices;
	const struct config_table *of;
};

struct config_table {
	const char *name;		/* what it is called in sentences */
	const struct config_key *keys;
	size_t key_count;
	size_t size;			/* of the struct that the rows lie in */
	bool has_settings;		/* other keys are options of the command line */
};

extern const struct config_table config_root;
extern const struct config_table config_of_host, config_of_port, config_of_subsystem,
	config_of_namespace, config_of_ana_group, config_of_referral, config_of_device,
	config_of_own_subsystem, config_of_own_referral, config_of_own_namespace;

static inline void *config_field(const void *object, size_t offset)
{
	return (char *)object + offset;
}

static inline struct config_number *config_number_of(const void *object, const struct config_key *key)
{
	return config_field(object, key->offset);
}

static inline char **config_text_of(const void *object, const struct config_key *key)
{
	return config_field(object, key->offset);
}

static inline size_t *config_count_of(const void *object, const struct config_key *key)
{
	return config_field(object, key->count_offset);
}

/* The element of a list of structs. */
static inline void *config_element(const void *object, const struct config_key *key, size_t i)
{
	return *(char **)config_field(object, key->offset) + i * key->of->size;
}

/* Frees what the rows of the table hold, and makes it zeros. */
void config_object_free(const struct config_table *table, void *object);

/* Whether two objects say the same in what they hold themselves: their lists apart. */
bool config_object_equal(const struct config_table *table, const void *a, const void *b);

#endif
