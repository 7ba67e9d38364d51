/* SPDX-License-Identifier: BSD-2-Clause */
/* One change after the other: the draft, its commit, and what it leaves behind. */
#include "model/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sentences --------------------------------------------------------------------------- */

int model_fail(struct model *m, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(m->error, sizeof(m->error), format, arguments);
	va_end(arguments);
	return error;
}

int model_no_memory(struct model *m)
{
	return model_fail(m, -ENOMEM, "out of memory");
}

const char *model_error(const struct model *m)
{
	return m->error;
}

/* ---- what was removed ----------------------------------------------------------------------- */

static void free_idle(struct model *m)
{
	list_for_each_safe(l, &m->retired) {
		struct namespace *ns = list_entry(l, struct namespace, retired);

		if (record_is_idle(ns))
			record_free(ns);
	}
}

void model_tend(struct model *m)
{
	free_idle(m);
}

bool model_is_waiting(const struct model *m)
{
	return !list_is_empty(&m->retired);
}

static bool is_drained(struct model *m, const struct array *lives)
{
	free_idle(m);
	for (unsigned int i = 0; i < lives->count; i++) {
		struct subsystem_life *life = lives->at[i];

		if (atomic_load(&life->controllers))
			return false;
	}
	list_for_each(l, &m->retired)
		if (!list_entry(l, struct namespace, retired)->is_late)
			return false;
	return true;
}

static void drain(struct model *m, const struct array *lives)
{
	for (int ms = 0; !is_drained(m, lives) && m->runtime && ms < MODEL_DRAIN_MS; ms++)
		m->runtime->pass_time(m->runtime);
	/* The next change shall not wait for them as well. */
	list_for_each(l, &m->retired)
		list_entry(l, struct namespace, retired)->is_late = true;
}

/* The lives of subsystems that are in `last` and not in `next`, each counted. */
static int find_ended(struct array *lives, const struct snapshot *last,
		      const struct snapshot *next)
{
	for (unsigned int i = 0; i < last->subsystems.count; i++) {
		const struct subsystem *s = last->subsystems.at[i];

		if (snapshot_subsystem_of(next, s->life))
			continue;
		if (array_add(lives, s->life))
			return -ENOMEM;
		life_get(s->life);
	}
	return 0;
}

static void put_lives(struct array *lives)
{
	for (unsigned int i = 0; i < lives->count; i++)
		life_put(lives->at[i]);
	array_free(lives);
}

/* ---- drafts ------------------------------------------------------------------------------------ */

/* Ports that the draft alone has. */
static void close_new_ports(struct model *m)
{
	for (unsigned int i = 0; m->runtime && i < m->draft->ports.count; i++) {
		const struct port *p = m->draft->ports.at[i];

		if (!snapshot_port_of(m->current, p->key))
			m->runtime->close_port(m->runtime, p->key);
	}
}

static void drop_draft(struct model *m)
{
	close_new_ports(m);
	sizes_undo(m);
	snapshot_free(m->draft, &m->retired);
	m->draft = NULL;
	m->has_begun = false;
	free_idle(m);
}

static int publish(struct model *m, const struct snapshot *last)
{
	return m->runtime ? m->runtime->publish(m->runtime, last, m->current, m->error,
						sizeof(m->error)) : 0;
}

static int commit(struct model *m)
{
	struct snapshot *last = m->current;
	struct array ended = { 0 };
	int r = snapshot_seal(m->draft);

	if (!r)
		r = find_ended(&ended, last, m->draft);
	if (r) {
		put_lives(&ended);
		drop_draft(m);
		return model_no_memory(m);
	}
	m->draft->generation += m->changes_discovery;
	m->current = m->draft;
	m->draft = NULL;
	m->has_begun = false;
	r = publish(m, last);
	if (!r) {	/* else somebody may use it still, for ever */
		snapshot_free(last, &m->retired);
		drain(m, &ended);
	}
	sizes_settle(m, !r);
	put_lives(&ended);
	return r;
}

int change_begin(struct model *m)
{
	if (m->draft)
		return 0;
	m->changes_discovery = false;
	m->draft = snapshot_copy(m->current);
	return m->draft ? 0 : model_no_memory(m);
}

int change_end(struct model *m, int r)
{
	if (m->has_begun || !m->draft)
		return r;
	if (!r)
		return commit(m);
	drop_draft(m);
	return r;
}

int model_begin(struct model *m)
{
	int r;

	if (m->has_begun)
		return model_fail(m, -EBUSY, "another change has begun");
	r = change_begin(m);
	m->has_begun = !r;
	return r;
}

int model_commit(struct model *m)
{
	return m->has_begun ? commit(m) : model_fail(m, -EINVAL, "no change has begun");
}

void model_abort(struct model *m)
{
	if (m->has_begun)
		drop_draft(m);
}

const struct snapshot *model_snapshot(const struct model *m)
{
	return m->draft ? m->draft : m->current;
}

/* ---- opening and closing ----------------------------------------------------------------------- */

static struct snapshot *empty_snapshot(void)
{
	const struct subsystem_settings discovery = {
		.nqn = NQN_DISCOVERY, .model = "nvmfd", .cntlid_first = 1,
		.cntlid_last = NVMF_CNTLID_MAX, .allows_any_host = true };
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->generation = 1;
	s->discovery = subsystem_new(&discovery);
	if (s->discovery && !snapshot_seal(s))
		return s;
	snapshot_free(s, NULL);
	return NULL;
}

int model_open(struct model *m, const struct limits *limits, unsigned int workers)
{
	*m = (struct model){ .limits = *limits, .workers = workers };
	list_init(&m->retired);
	m->current = empty_snapshot();
	return m->current ? 0 : -ENOMEM;
}

void model_close(struct model *m)
{
	if (!m->current)
		return;
	if (m->draft)
		drop_draft(m);
	snapshot_free(m->current, &m->retired);
	list_for_each_safe(l, &m->retired)
		record_free(list_entry(l, struct namespace, retired));
	m->current = NULL;
}
