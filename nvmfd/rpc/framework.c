/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about the daemon itself: version, methods, log. */
#include "rpc/methods.h"
#include "nvmf/version.h"

#include <stdlib.h>
#include <strings.h>

void rpc_get_version(struct rpc_call *c)
{
	rpc_result(c, json_pack("{s:s, s:{s:i, s:i, s:i, s:s}}", "version", "nvmfd " NVMF_VERSION,
				"fields", "major", NVMF_VERSION_MAJOR, "minor",
				NVMF_VERSION_MINOR, "patch", NVMF_VERSION_PATCH, "suffix", ""));
}

/* ---- methods ----------------------------------------------------------------------------- */

struct list_params {
	bool current, include_aliases;
};

static const struct rpc_param list_rows[] = {
	{ "current", RPC_BOOL, false, offsetof(struct list_params, current), NULL },
	/* There are none, so nothing changes by it. */
	{ "include_aliases", RPC_BOOL, false, offsetof(struct list_params, include_aliases), NULL },
	{ .name = NULL },
};

const struct rpc_params rpc_list_params = { list_rows, sizeof(struct list_params) };

void rpc_get_methods(struct rpc_call *c)
{
	const struct list_params *p = c->params;
	json_t *names = json_array();

	for (const struct rpc_method *m = c->interface->methods; m->name; m++)
		if (!p->current || (m->states & c->interface->state))
			json_array_append_new(names, json_string(m->name));
	rpc_result(c, names);
}

/* ---- SPDK's parts of which we have something --------------------------------------------- */

/* Programs save the configuration part by part, and ask for the parts first. */
void rpc_get_framework_subsystems(struct rpc_call *c)
{
	rpc_result(c, json_pack("[{s:s, s:[]}, {s:s, s:[s]}]", "subsystem", "bdev", "depends_on",
				"subsystem", "nvmf", "depends_on", "bdev"));
}

/* ---- from the start to serving ------------------------------------------------------------- */

struct rpc_waiting {
	struct list link;		/* target->waiting */
	struct rpc_call *call;
};

void rpc_wait_init(struct rpc_call *c)
{
	struct rpc_waiting *w;

	if (c->interface->state == RPC_RUNTIME) {
		rpc_result(c, json_true());
		return;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		rpc_result(c, NULL);
		return;
	}
	w->call = c;
	list_append(&rpc_target_of(c)->waiting, &w->link);
}

static void end_waiting(struct rpc_target *t)
{
	struct list *l;

	while ((l = list_pop(&t->waiting))) {
		struct rpc_waiting *w = list_entry(l, struct rpc_waiting, link);

		if (t->interface.state == RPC_RUNTIME)
			rpc_result(w->call, json_true());
		else
			rpc_error(w->call, RPC_INTERNAL_ERROR, "the daemon ends");
		free(w);
	}
}

void rpc_start_init(struct rpc_call *c)
{
	struct rpc_target *t = rpc_target_of(c);
	char sentence[256];
	int r = t->start(t, sentence, sizeof(sentence));

	if (r) {
		rpc_error(c, r, "%s", sentence);
		return;
	}
	t->interface.state = RPC_RUNTIME;
	rpc_result(c, json_true());
	end_waiting(t);
}

void rpc_target_open(struct rpc_target *t, bool waits)
{
	t->interface = (struct rpc_interface){ .methods = rpc_methods, .context = t,
		.state = waits ? RPC_STARTUP : RPC_RUNTIME };
	list_init(&t->waiting);
}

void rpc_target_close(struct rpc_target *t)
{
	end_waiting(t);
}

/* ---- the log ----------------------------------------------------------------------------------- */

struct level_params {
	const char *level;
};

static const struct rpc_param level_rows[] = {
	{ "level", RPC_TEXT, true, offsetof(struct level_params, level), NULL },
	{ .name = NULL },
};

const struct rpc_params rpc_level_params = { level_rows, sizeof(struct level_params) };

/* Nothing is said at SPDK's level between ours. */
static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "ERROR", LOG_ERROR }, { "WARNING", LOG_WARNING }, { "NOTICE", LOG_NOTICE },
	{ "INFO", LOG_NOTICE }, { "DEBUG", LOG_DEBUG },
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

void rpc_set_level(struct rpc_call *c)
{
	struct rpc_target *t = rpc_target_of(c);
	const struct level_params *p = c->params;

	for (size_t i = 0; i < LEVELS; i++) {
		if (strcasecmp(levels[i].name, p->level))
			continue;
		journal_set_level(t->journal, levels[i].level);
		t->log_level = levels[i].name;
		rpc_result(c, json_true());
		return;
	}
	rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: 'level' is not ERROR, WARNING, NOTICE, "
		  "INFO or DEBUG");
}

void rpc_get_level(struct rpc_call *c)
{
	const struct rpc_target *t = rpc_target_of(c);
	enum log_level level = journal_log(t->journal)->level;
	const char *name = t->log_level;

	for (size_t i = 0; i < LEVELS && !name; i++)
		if (levels[i].level == level)
			name = levels[i].name;
	rpc_result(c, json_string(name));
}
