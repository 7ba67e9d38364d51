/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keep alive, traffic based: any command on any queue of the controller shows
 * that the host is there (Base Specification 2.1, section 3.9).
 *
 * The timer is not moved for each command: a time in which one came is followed by
 * another of the same length, and only a Keep Alive command begins one at once.  So
 * silence may last nearly twice as long as the timeout; hosts rely on that, who look
 * for traffic of theirs as seldom.  The end of a queue counts as well: a busy host's
 * admin queue may have been silent for long when it begins to take its queues down.
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

/* Enabled, ready and not about to be anything else. */
static bool is_active(const struct controller *c)
{
	return period(c) && c->cc & NVME_CC_EN && c->csts & NVME_CSTS_RDY &&
	       !(c->csts & NVME_CSTS_SHST_MASK) && !c->drain && !c->is_ending;
}

static void begin(struct controller *c, uint64_t now)
{
	c->keep_alive_began = now;
	timer_arm(&c->station->worker->timers, &c->keep_alive, now + period(c));
}

static void fired(struct timer *t)
{
	struct controller *c = container_of(t, struct controller, keep_alive);
	struct worker *w = c->station->worker;
	uint64_t last = last_command(c), grace = GRACE_MS * NS_PER_MS;
	uint64_t due = c->keep_alive_began + period(c);

	if (last > c->keep_alive_began)
		begin(c, c->kato ? w->now : last);	/* who has no timeout is idle at once */
	else if (w->now < due + grace || w->now - t->when > LATE_MS * NS_PER_MS)
		timer_arm(&w->timers, t, w->now + grace);
	else
		controller_end(c, "its host was silent for longer than the keep alive timeout");
}

uint32_t keep_alive_round(uint32_t kato)
{
	uint32_t most = UINT32_MAX / KEEP_ALIVE_UNIT_MS * KEEP_ALIVE_UNIT_MS;

	if (kato > most)
		return most;
	return (kato + KEEP_ALIVE_UNIT_MS - 1) / KEEP_ALIVE_UNIT_MS * KEEP_ALIVE_UNIT_MS;
}

void keep_alive_start(struct controller *c)
{
	keep_alive_stop(c);
	timer_init(&c->keep_alive, fired);
	if (is_active(c))
		begin(c, c->station->worker->now);
}

void keep_alive_stop(struct controller *c)
{
	timer_cancel(&c->station->worker->timers, &c->keep_alive);
}
