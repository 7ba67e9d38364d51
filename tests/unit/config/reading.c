/* SPDX-License-Identifier: BSD-2-Clause */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replace(char *text, char what, char by)
{
	for (; *text; text++)
		if (*text == what)
			*text = by;
}

char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	replace(copy, '\'', '"');
	return copy;
}

static char *lines_of(const struct config_mistakes *m)
{
	char *lines = strdup("");

	for (size_t i = 0; i < m->count; i++) {
		char *line = config_mistake_line(&m->list[i], "f"), *more;

		assert_non_null(line);
		assert_true(asprintf(&more, "%s%s\n", lines, line) > 0);
		free(lines);
		free(line);
		lines = more;
	}
	return lines;
}

void read_good(struct config *config, const char *text)
{
	char *json = quoted(text), *lines;
	struct config_mistakes m;
	int r = config_parse(config, json, strlen(json), &m);

	lines = lines_of(&m);
	if (r)
		fail_msg("%d: %s", r, lines);
	assert_int_equal(m.count, 0);
	free(lines);
	free(json);
	config_mistakes_free(&m);
}

void assert_mistakes(const char *text, const char *lines)
{
	static const struct config empty;
	char *json = quoted(text), *got;
	struct config_mistakes m;
	struct config config;

	assert_int_not_equal(config_parse(&config, json, strlen(json), &m), 0);
	assert_memory_equal(&config, &empty, sizeof(empty));
	got = lines_of(&m);
	replace(got, '"', '\'');
	assert_string_equal(got, lines);
	free(got);
	free(json);
	config_mistakes_free(&m);
}

char *file_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

char *kernel_file(void)
{
	return file_text(TESTS_DIR "/config/kernel.json");
}
