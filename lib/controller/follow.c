/* SPDX-License-Identifier: BSD-2-Clause */
/* From one snapshot of the model to the next: who stays, and what he sees. */
#include "controller/controller.h"

void station_open(struct station *st, struct target *t, const struct snapshot *first)
{
	st->target = t;
	st->model = first;
	list_init(&st->spare);
	list_init(&st->queues);
	list_init(&st->controllers);
	jobs_init(&st->jobs, st->worker);
}

void queue_follow(struct queue *q)
{
	const struct snapshot *m = q->station->model;
	const struct controller *c = q->controller;

	/* Once it has left, its controller may be gone. */
	if (c && !q->has_left) {
		const struct subsystem *s = snapshot_subsystem_of(m, c->life);

		q->view = s ? subsystem_view(s, c->hostnqn) : subsystem_gone.common;
	}
	if (!q->connection.has_ended && !snapshot_port_of(m, q->port))
		queue_end(q, "its port was closed");
}

/* Why it may not go on; NULL: it may. */
static const char *why_not(const struct controller *c)
{
	const struct snapshot *m = c->station->model;
	const struct port *p = snapshot_port_of(m, c->admin->port);

	if (c->subsystem == &subsystem_gone)
		return "its subsystem was removed";
	if (!p)
		return "its port was closed";
	if (!c->is_discovery && !port_serves(p, c->subsystem))
		return "its port does not serve the subsystem any more";
	if (connect_check_host(c->admin, c->subsystem, c->hostnqn))
		return "its host is not allowed any more";
	return NULL;
}

static void controller_follow(struct controller *c)
{
	const struct subsystem *s = snapshot_subsystem_of(c->station->model, c->life);
	const char *reason;

	c->told = c->view;
	c->subsystem = s ? s : &subsystem_gone;
	c->view = subsystem_view(c->subsystem, c->hostnqn);
	reason = c->is_ending ? NULL : why_not(c);
	if (reason)
		controller_end(c, reason);
}

/* Controllers first: when a port was closed, their hosts are told why. */
void station_follow(struct station *st, const struct snapshot *next)
{
	st->last = st->model;
	st->model = next;
	list_for_each_safe(l, &st->controllers)
		controller_follow(list_entry(l, struct controller, owned));
	list_for_each_safe(l, &st->queues)
		queue_follow(list_entry(l, struct queue, link));
}

void station_tell(struct station *st)
{
	list_for_each_safe(l, &st->controllers)
		event_tell(list_entry(l, struct controller, owned), st->last);
	st->last = NULL;
}
