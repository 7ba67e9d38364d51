/* SPDX-License-Identifier: BSD-2-Clause */
#include "loaded.h"

#include "daemon.h"
#include "kernel_mode.h"
#include "served.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_SIZE 8192	/* it may hold a path */

const char *loaded_name(const struct loaded *l)
{
	return strcmp(l->options->config, "-") ? l->options->config : "standard input";
}

/* ---- mistakes --------------------------------------------------------------------------- */

static void print_mistakes(const struct loaded *l, const struct config_mistakes *m)
{
	for (size_t i = 0; i < m->count; i++) {
		char *line = config_mistake_line(&m->list[i], loaded_name(l));

		fprintf(stderr, "%s\n", line ? line : "out of memory");
		free(line);
	}
	if (m->others)
		fprintf(stderr, "%s: and %zu more mistakes\n", loaded_name(l), m->others);
	if (m->out_of_memory)
		fprintf(stderr, "%s: out of memory\n", loaded_name(l));
}

static void log_mistakes(const struct loaded *l, const struct config_mistakes *m, const struct log *log)
{
	for (size_t i = 0; i < m->count; i++) {
		char *line = config_mistake_line(&m->list[i], l->path);

		log_say(log, LOG_ERROR, "%s", line ? line : "out of memory");
		free(line);
	}
}

/* What file and command line say together. */
static int take_options(struct config *c, struct nvmfd_options *o, char *sentence, size_t size)
{
	int r = served_options(c, o, sentence, size);

	return !r && o->kernel ? kernel_mode_settle(c, o, sentence, size) : r;
}

/* ---- the first time ----------------------------------------------------------------------- */

static int find_path(struct loaded *l)
{
	if (strcmp(l->options->config, "-"))
		return absolute_path(l->path, sizeof(l->path), l->options->config);
	strcpy(l->path, "-");
	return 0;
}

int loaded_open(struct loaded *l)
{
	struct config_mistakes mistakes;
	char sentence[SENTENCE_SIZE];
	int r = config_load(&l->config, l->options->config, &mistakes);

	print_mistakes(l, &mistakes);
	config_mistakes_free(&mistakes);
	if (r)
		return r;
	r = find_path(l);
	if (r)
		snprintf(sentence, sizeof(sentence), "%s: %s", l->options->config, strerror(-r));
	else
		r = take_options(&l->config, l->options, sentence, sizeof(sentence));
	if (r) {
		fprintf(stderr, "nvmfd: %s\n", sentence);
		loaded_close(l);
	}
	return r;
}

void loaded_close(struct loaded *l)
{
	config_free(&l->config);
}

void loaded_print(const struct loaded *l)
{
	const struct config *c = &l->config;
	size_t namespaces = 0;

	for (size_t i = 0; i < c->subsystem_count; i++)
		namespaces += c->subsystems[i].namespace_count;
	printf("%s: no mistake; subsystems: %zu, namespaces: %zu, ports: %zu, hosts: %zu\n", loaded_name(l),
	       c->subsystem_count, namespaces, c->port_count, c->host_count);
}

/* ---- once more ------------------------------------------------------------------------------ */

/* Settings are for life. */
static int read_options(const struct loaded *l, struct config *next, struct nvmfd_options *o,
			char *sentence, size_t size)
{
	const char *name;
	int r = options_parse(o, l->argc, l->argv, sentence, size);

	if (!r)
		r = take_options(next, o, sentence, size);
	if (r)
		return r;
	name = options_difference(l->options, o);
	if (!name)
		return 0;
	snprintf(sentence, size, "--%s can't change while nvmfd runs", name);
	return -EBUSY;
}

/* Takes `next` over, or leaves all as it was. */
static int become(struct loaded *l, struct server *s, struct config *next, char *sentence, size_t size)
{
	struct nvmfd_options options;
	int r = read_options(l, next, &options, sentence, size);

	if (!r)
		r = server_apply(s, &l->config, next, sentence, size);
	if (r) {
		config_free(next);
		return r;
	}
	/* Their texts are the new configuration's. */
	*l->options = options;
	config_free(&l->config);
	l->config = *next;
	return 0;
}

void loaded_again(struct loaded *l, struct server *s, const struct log *log)
{
	struct config_mistakes mistakes;
	char sentence[SENTENCE_SIZE] = "it has mistakes";
	struct config next;
	int r;

	if (!strcmp(l->path, "-")) {
		log_say(log, LOG_WARNING, "standard input can't be read again: nothing changes");
		return;
	}
	r = config_load(&next, l->path, &mistakes);
	log_mistakes(l, &mistakes, log);
	config_mistakes_free(&mistakes);
	if (!r)
		r = become(l, s, &next, sentence, sizeof(sentence));
	if (r)
		log_say(log, LOG_ERROR, "%s: nothing changes: %s", l->path, sentence);
	else
		log_say(log, LOG_NOTICE, "%s: read again", l->path);
}
