/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/entries.h"
#include "config/mistake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_keys(const struct entry *a, const struct entry *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->key, b->key, shorter);

	return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare_keys(x, y);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

bool entries_open(struct entries *e, size_t count, struct config_mistakes *m)
{
	e->count = 0;
	e->list = calloc(count ? count : 1, sizeof(*e->list));
	if (!e->list)
		m->out_of_memory = true;
	return e->list;
}

void entries_add(struct entries *e, const void *key, size_t length, size_t index)
{
	if (key)
		e->list[e->count++] = (struct entry){ key, length, index };
}

void entries_add_text(struct entries *e, const char *text, size_t index)
{
	entries_add(e, text, text ? strlen(text) : 0, index);
}

void entries_sort(struct entries *e)
{
	qsort(e->list, e->count, sizeof(*e->list), compare_entries);
}

const struct entry *entries_find_key(const struct entries *e, const void *key, size_t length)
{
	const struct entry wanted = { key, length, 0 };
	size_t low = 0, high = e->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_keys(&e->list[middle], &wanted);

		if (!order)
			return &e->list[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct entry *entries_find(const struct entries *e, const char *text)
{
	return entries_find_key(e, text, strlen(text));
}

void entries_close(struct entries *e)
{
	free(e->list);
}

void entries_refuse_twins(struct entries *e, struct config_mistakes *m, const char *list, const char *tail)
{
	char path[CONFIG_PATH_SIZE];

	entries_sort(e);
	for (size_t i = 1; i < e->count; i++) {
		if (compare_keys(&e->list[i - 1], &e->list[i]))
			continue;
		snprintf(path, sizeof(path), "%s[%zu]%s", list, e->list[i].index, tail);
		mistake_at_path(m, path, "the same as %s[%zu]%s, expected another", list,
				e->list[i - 1].index, tail);
	}
}

void names_refuse_twins(struct config_mistakes *m, const char *list, char **names, size_t count)
{
	struct entries e;

	if (!entries_open(&e, count, m))
		return;
	for (size_t i = 0; i < count; i++)
		entries_add_text(&e, names[i], i);
	entries_refuse_twins(&e, m, list, "");
	entries_close(&e);
}

void names_refuse_unknown(struct config_mistakes *m, const struct entries *known, const char *list,
			   char **names, size_t count, const char *expected)
{
	char path[CONFIG_PATH_SIZE], quoted[MISTAKE_QUOTE];

	for (size_t i = 0; i < count; i++) {
		if (!names[i] || entries_find(known, names[i]))
			continue;
		mistake_quote(quoted, names[i]);
		snprintf(path, sizeof(path), "%s[%zu]", list, i);
		mistake_at_path(m, path, "found %s, expected %s", quoted, expected);
	}
}
