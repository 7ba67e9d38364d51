/* SPDX-License-Identifier: BSD-2-Clause */
#include "loaded.h"

#include "captured.h"
#include "config/diff.h"
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

/* ---- taking over ---------------------------------------------------------------------------- */

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

/* Takes `next` over, or leaves all as it was.  `now` is what runs. */
static int become(struct loaded *l, struct server *s, const struct config *now, struct config *next,
		  char *sentence, size_t size)
{
	struct nvmfd_options options;
	int r = read_options(l, next, &options, sentence, size);

	if (!r)
		r = server_apply(s, now, next, sentence, size);
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

/* ---- what changed ----------------------------------------------------------------------------- */

struct teller {
	loaded_say *say;
	void *to;
};

/* How each is called: by a text, or by its number.  Who has no word is told by others. */
static const struct {
	const char *word;
	bool is_numbered;
} words[CONFIG_WHATS] = {
	[CONFIG_DEVICE] = { "device", false }, [CONFIG_SUBSYSTEM] = { "subsystem", false },
	[CONFIG_ADDRESS] = { "address", false }, [CONFIG_ALLOWED_HOST] = { "host", false },
	[CONFIG_NAMESPACE] = { "namespace", true }, [CONFIG_VIEWER] = { "viewer", false },
	[CONFIG_PORT] = { "port", true }, [CONFIG_REFERRAL] = { "referral", false },
	[CONFIG_EXPORT] = { "export", false }, [CONFIG_DISCOVERY] = { "discovery subsystem", false },
};

static const char *name_of(const struct config_change *c)
{
	const void *what = c->after ? c->after : c->before;

	switch (c->what) {
	case CONFIG_DEVICE:
		return ((const struct config_device *)what)->name;
	case CONFIG_SUBSYSTEM:
		return ((const struct config_subsystem *)what)->nqn;
	case CONFIG_REFERRAL:
		return ((const struct config_referral *)what)->traddr;
	default:
		return what;
	}
}

static void tell_change(const struct teller *t, const struct config_change *c)
{
	static const char *const verbs[] = {
		[CONFIG_REMOVE] = "removed", [CONFIG_CHANGE] = "changed", [CONFIG_ADD] = "added",
	};
	char name[256], line[1024];
	bool has_place = c->subsystem || c->what == CONFIG_EXPORT;

	if (!words[c->what].word)
		return;
	if (words[c->what].is_numbered)
		snprintf(name, sizeof(name), "%lld", (long long)c->number);
	else
		snprintf(name, sizeof(name), "%s", name_of(c));
	snprintf(line, sizeof(line), "%s %s %s%s%s", verbs[c->verb], words[c->what].word, name,
		 has_place ? " of " : "", c->subsystem ? c->subsystem : "");
	if (c->what == CONFIG_EXPORT)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "port %lld",
			 (long long)c->number);
	t->say(t->to, false, line);
}

/* By what ran and what runs, and not by how either was written. */
static void tell_changes(const struct teller *t, const struct config *before, const struct config *after)
{
	struct config_changes changes;

	if (config_diff(before, after, &changes))
		return;
	for (size_t i = 0; i < changes.count; i++)
		tell_change(t, &changes.list[i]);
	config_changes_free(&changes);
}

/* ---- once more ------------------------------------------------------------------------------ */

static int capture(const struct loaded *l, struct model *m, struct config *now, char *error,
		   size_t error_size)
{
	return captured_config(model_snapshot(m), l->options, &l->config, now, error, error_size);
}

static void tell_mistakes(const struct teller *t, const struct loaded *l,
			  const struct config_mistakes *m)
{
	for (size_t i = 0; i < m->count; i++) {
		char *line = config_mistake_line(&m->list[i], l->path);

		t->say(t->to, true, line ? line : "out of memory");
		free(line);
	}
}

static int read_next(const struct loaded *l, const struct teller *t, struct config *next, char *error,
		     size_t error_size)
{
	struct config_mistakes mistakes;
	int r = config_load(next, l->path, &mistakes);

	if (r)
		snprintf(error, error_size, "%s: nothing changes: it has mistakes", l->path);
	tell_mistakes(t, l, &mistakes);
	config_mistakes_free(&mistakes);
	return r;
}

/* From what runs to what the file says. */
static int go_over(struct loaded *l, struct server *s, const struct teller *t, struct config *next,
		   char *error, size_t error_size)
{
	struct config before, after;
	int r;

	/* The kernel is changed by nobody else, and its changes are its own. */
	if (l->options->kernel)
		return become(l, s, &l->config, next, error, error_size);
	r = capture(l, server_model(s), &before, error, error_size);
	if (r) {
		config_free(next);
		return r;
	}
	r = become(l, s, &before, next, error, error_size);
	if (!r && !capture(l, server_model(s), &after, error, error_size)) {
		tell_changes(t, &before, &after);
		config_free(&after);
	}
	config_free(&before);
	return r;
}

static int check_file(const struct loaded *l, char *error, size_t error_size)
{
	if (!*l->path)
		snprintf(error, error_size, "nvmfd was started without a file");
	else if (!strcmp(l->path, "-"))
		snprintf(error, error_size, "nvmfd was started from standard input");
	else
		return 0;
	return -ENOTSUP;
}

int loaded_reload(struct loaded *l, struct server *s, loaded_say *say, void *to,
		  char *error, size_t error_size)
{
	const struct teller t = { say, to };
	char sentence[SENTENCE_SIZE];
	struct config next;
	int r = check_file(l, error, error_size);

	if (!r)
		r = read_next(l, &t, &next, error, error_size);
	if (r)
		return r;
	r = go_over(l, s, &t, &next, sentence, sizeof(sentence));
	if (r)
		snprintf(error, error_size, "%s: nothing changes: %s", l->path, sentence);
	return r;
}

static void log_line(void *to, bool is_mistake, const char *line)
{
	log_say(to, is_mistake ? LOG_ERROR : LOG_NOTICE, "%s", line);
}

void loaded_again(struct loaded *l, struct server *s, const struct log *log)
{
	char sentence[SENTENCE_SIZE];

	if (loaded_reload(l, s, log_line, (void *)(uintptr_t)log, sentence, sizeof(sentence)))
		log_say(log, LOG_ERROR, "%s", sentence);
	else
		log_say(log, LOG_NOTICE, "%s: read again", l->path);
}

/* ---- the other way round ---------------------------------------------------------------------- */

int loaded_format(const struct loaded *l, struct model *m, char **text, char *error, size_t error_size)
{
	struct config now;
	int r = capture(l, m, &now, error, error_size);

	if (r)
		return r;
	*text = config_format(&now);
	config_free(&now);
	if (*text)
		return 0;
	snprintf(error, error_size, "out of memory");
	return -ENOMEM;
}

int loaded_save(struct loaded *l, struct model *m, char *error, size_t error_size)
{
	struct config now;
	int r = check_file(l, error, error_size);

	if (!r)
		r = capture(l, m, &now, error, error_size);
	if (r)
		return r;
	r = config_save(&now, l->path, error, error_size);
	config_free(&now);
	return r;
}
