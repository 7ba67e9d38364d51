/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/mistake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper than the form of the file goes. */
#define PLACES_MOST 16

/* What is kept of a text; "..." follows where that is not all. */
#define QUOTE_MOST 64

void mistake_quote(char quoted[MISTAKE_QUOTE], const char *text)
{
	size_t used = 0, i;

	quoted[used++] = '"';
	for (i = 0; text[i] && used < QUOTE_MOST; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			quoted[used++] = '\\';
		if (c >= 0x20 && c < 0x7f)
			quoted[used++] = (char)c;
		else	/* nothing that a terminal would obey */
			used += (size_t)sprintf(quoted + used, "\\x%02x", c);
	}
	strcpy(quoted + used, text[i] ? "...\"" : "\"");
}

struct path {
	char text[PLACES_MOST * (MISTAKE_QUOTE + 4)];
	size_t length;
};

/* A key that would not be taken for one is written in brackets. */
static void put_key(struct path *p, const char *key)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	char quoted[MISTAKE_QUOTE];

	if (*key && strspn(key, plain) == strlen(key) && strlen(key) < QUOTE_MOST) {
		p->length += (size_t)sprintf(p->text + p->length, "%s%s", p->length ? "." : "", key);
		return;
	}
	mistake_quote(quoted, key);
	p->length += (size_t)sprintf(p->text + p->length, "[%s]", quoted);
}

static char *path_of(const struct config_place *place)
{
	const struct config_place *way[PLACES_MOST];
	struct path p = { .length = 0 };
	size_t count = 0;

	if (!place)
		return strdup("the file");
	for (; place && count < PLACES_MOST; place = place->up)
		way[count++] = place;
	while (count--) {
		if (way[count]->key)
			put_key(&p, way[count]->key);
		else
			p.length += (size_t)sprintf(p.text + p.length, "[%zu]", way[count]->index);
	}
	return strdup(p.text);
}

/* Sentences of others may quote the file, whatever that holds. */
static void make_printable(char *sentence)
{
	for (; *sentence; sentence++)
		if (*sentence < 0x20 || *sentence > 0x7e)
			*sentence = '?';
}

/* Takes the path over. */
static void add(struct config_mistakes *m, struct config_mistake mistake, const char *format, va_list ap)
{
	struct config_mistake *list;

	if (m->count == CONFIG_MISTAKES_MOST) {
		free(mistake.path);
		m->others++;
		return;
	}
	list = realloc(m->list, (m->count + 1) * sizeof(*list));
	if (list)
		m->list = list;
	if (!list || vasprintf(&mistake.sentence, format, ap) < 0) {
		free(mistake.path);
		m->out_of_memory = true;
		return;
	}
	make_printable(mistake.sentence);
	m->list[m->count++] = mistake;
}

void mistake_at_place(struct config_mistakes *m, const struct config_place *place,
		      const char *format, ...)
{
	struct config_mistake mistake = { .path = path_of(place) };
	va_list ap;

	if (!mistake.path) {
		m->out_of_memory = true;
		return;
	}
	va_start(ap, format);
	add(m, mistake, format, ap);
	va_end(ap);
}

void mistake_at_path(struct config_mistakes *m, const char *path, const char *format, ...)
{
	struct config_mistake mistake = { .path = strdup(path) };
	va_list ap;

	if (!mistake.path) {
		m->out_of_memory = true;
		return;
	}
	va_start(ap, format);
	add(m, mistake, format, ap);
	va_end(ap);
}

void mistake_in_text(struct config_mistakes *m, unsigned int line, unsigned int column,
		     const char *format, ...)
{
	struct config_mistake mistake = { .line = line ? line : 1, .column = column ? column : 1 };
	va_list ap;

	va_start(ap, format);
	add(m, mistake, format, ap);
	va_end(ap);
}

void config_mistakes_free(struct config_mistakes *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].path);
		free(m->list[i].sentence);
	}
	free(m->list);
	memset(m, 0, sizeof(*m));
}

char *config_mistake_line(const struct config_mistake *mistake, const char *file)
{
	char *line;
	int n;

	if (mistake->line)
		n = asprintf(&line, "%s:%u:%u: %s", file, mistake->line, mistake->column, mistake->sentence);
	else
		n = asprintf(&line, "%s: %s: %s", file, mistake->path, mistake->sentence);
	return n < 0 ? NULL : line;
}
