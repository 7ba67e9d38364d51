/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and numbers of the file in order: it may hold very many of everything, so
 * twins are looked for by sorting and names by halving.
 */
#ifndef NVMFD_CONFIG_ENTRIES_H
#define NVMFD_CONFIG_ENTRIES_H

#include "config/config.h"

#define CONFIG_PATH_SIZE 128

struct entry {
	const void *key;
	size_t length;
	size_t index;			/* in the file's list */
};

struct entries {
	struct entry *list;
	size_t count;
};

/* Room for `count`.  False: no memory, which is noted among the mistakes. */
bool entries_open(struct entries *, size_t count, struct config_mistakes *);
void entries_close(struct entries *);

/* NULL is passed over: the reader has told of it. */
void entries_add(struct entries *, const void *key, size_t length, size_t index);
void entries_add_text(struct entries *, const char *text, size_t index);

/* Sorts them, and tells of each that is there before; `list` and `tail` make its path. */
void entries_refuse_twins(struct entries *, struct config_mistakes *, const char *list,
			  const char *tail);

/* Once they are sorted.  NULL: there is none. */
void entries_sort(struct entries *);
const struct entry *entries_find_key(const struct entries *, const void *key, size_t length);
const struct entry *entries_find(const struct entries *, const char *text);

/* The same of a list of names alone; and of those that are not among the known ones. */
void names_refuse_twins(struct config_mistakes *, const char *list, char **names, size_t count);
void names_refuse_unknown(struct config_mistakes *, const struct entries *known, const char *list,
			  char **names, size_t count, const char *expected);

#endif
