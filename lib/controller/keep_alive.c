/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keep alive, traffic based: any command on any queue of the controller shows
 * that the host is there (Base Specification 2.0, section 3.9).
 *
 * The timer is not moved for each command: when it fires it looks when the last
 * one came.  The end of a queue counts as well: a busy host's admin queue may
 * have been silent for long when it begins to take its queues down.
 *
 * When this process did not run (it was stopped, the machine slept or had too much
 * to do), commands wait unread in the sockets, those of other workers among them.
 * So silence is believed only after a while in which the timers were on time.
 */
#include "controller/controller.h"

/* How long the workers have to read what came before a host counts as silent. */
#define GRACE_MS 500
/* A timer that fires so late tells of a process that did not run. */
#define LATE_MS 250

static uint64_t last_command(const struct controller *c)
{
	uint64_t last = c->last_queue_end, t;

	if (c->admin) {
		t = atomic_load_explicit(&c->admin->last_command, memory_order_relaxed);
		if (t > last)
			last = t;
	}
	for (uint32_t i = 1; i <= c->granted; i++) {
		if (!c->slots[i].queue)
			continue;
		t = atomic_load_explicit(&c->slots[i].queue->last_command, memory_order_relaxed);
		if (t > last)
			last = t;
	}
	return last;
}

static uint64_t period(const struct controller *c)
{
	if (c->kato)
		return c->kato * NS_PER_MS;
	return c->is_discovery ? DISCOVERY_IDLE_S * NS_PER_S : 0;
}

static void fired(struct timer *t)
{
	struct controller *c = container_of(t, struct controller, keep_alive);
	struct worker *w = c->station->worker;
	uint64_t due = last_command(c) + period(c), grace = GRACE_MS * NS_PER_MS;

	if (w->now < due)
		timer_arm(&w->timers, t, due);
	else if (w->now < due + grace || w->now - t->when > LATE_MS * NS_PER_MS)
		timer_arm(&w->timers, t, w->now + grace);
	else
		controller_end(c, "its host was silent for longer than the keep alive timeout");
}

void keep_alive_start(struct controller *c)
{
	struct worker *w = c->station->worker;

	keep_alive_stop(c);
	timer_init(&c->keep_alive, fired);
	if (period(c) && !(c->csts & NVME_CSTS_SHST_MASK))
		timer_arm(&w->timers, &c->keep_alive, w->now + period(c));
}

void keep_alive_stop(struct controller *c)
{
	timer_cancel(&c->station->worker->timers, &c->keep_alive);
}
