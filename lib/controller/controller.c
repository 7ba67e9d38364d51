/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's life: made by a Connect, enabled, reset, shut down, ended. */
#include "controller/controller.h"

#include <stdlib.h>

static void drain_too_slow(struct timer *);
static void association_unused(struct timer *);
static void stayed_incomplete(struct timer *);
static void end_admin(struct worker_message *);
static void fenced(struct worker_message *);
static void noticed(struct worker_message *);
static void settle(struct controller *);
static void keep_association(struct controller *);

static void fill_in(struct controller *c, struct queue *admin, const struct connect *connect)
{
	c->target = admin->target;
	c->station = admin->station;
	c->is_discovery = admin->is_discovery;
	memcpy(c->hostnqn, connect->data.hostnqn, sizeof(c->hostnqn));
	memcpy(c->hostid, connect->data.hostid, sizeof(c->hostid));
	c->admin = admin;
	c->kato = keep_alive_round(le32_get(connect->cmd.kato));
	c->subsystem = connect->subsystem;
	c->told = c->view = subsystem_view(c->subsystem, c->hostnqn);
	c->known_generation = c->station->model->generation;
	c->life = life_get(c->subsystem->life);
	atomic_fetch_add(&c->life->controllers, 1);
	c->io_queues = c->subsystem->set.io_queues;
	list_init(&c->link);
	list_init(&c->owned);
	timer_init(&c->drain_deadline, drain_too_slow);
	timer_init(&c->association, association_unused);
	timer_init(&c->incomplete, stayed_incomplete);
	c->end.run = end_admin;
	c->fence.run = fenced;
	c->notice.run = noticed;
}

static void free_controller(struct controller *c)
{
	list_remove(&c->owned);
	atomic_fetch_sub(&c->life->controllers, 1);
	life_put(c->life);
	error_free(c);
	free(c->changed);
	free(c->discovery_log);
	free(c->slots);
	free(c);
}

uint16_t controller_create(struct queue *admin, const struct connect *connect)
{
	struct target *t = admin->target;
	const struct subsystem *s = connect->subsystem;
	struct controller *c = calloc(1, sizeof(*c));
	char from[NET_ADDRESS_TEXT];

	if (c)
		c->slots = calloc(s->set.io_queues + 1, sizeof(*c->slots));
	if (!c || !c->slots) {
		free(c);
		return NVME_CONNECT_BUSY;
	}
	fill_in(c, admin, connect);
	if (registry_add(&t->registry, c, s->set.cntlid_first, s->set.cntlid_last)) {
		free_controller(c);
		return NVME_CONNECT_BUSY;
	}
	admin->controller = c;
	admin->view = c->view;
	list_append(&c->station->controllers, &c->owned);
	feature_reset(c);
	keep_alive_start(c);
	keep_association(c);
	connection_peer_address(&admin->connection, from);
	log_say(t->log, LOG_NOTICE, "controller %u: connected by %s, \"%s\"%s", c->cntlid,
		from, c->hostnqn, c->is_discovery ? ", for discovery" : "");
	return NVME_SUCCESS;
}

/* Frees it when nothing refers to it any more. */
static void check_gone(struct controller *c)
{
	struct timer_heap *timers = &c->station->worker->timers;

	if (c->admin || c->queue_count || c->is_end_posted ||
	    c->drain == DRAIN_SHUTDOWN)
		return;
	if (!registry_remove(&c->target->registry, c))
		return;
	log_say(c->target->log, LOG_NOTICE, "controller %u: gone", c->cntlid);
	keep_alive_stop(c);
	timer_cancel(timers, &c->drain_deadline);
	timer_cancel(timers, &c->association);
	timer_cancel(timers, &c->incomplete);
	free_controller(c);
}

static void end_io_queues(struct controller *c)
{
	for (uint32_t i = 1; i <= c->io_queues; i++) {
		struct queue *q = c->slots[i].queue;

		if (!q || q->was_told_to_end)
			continue;
		q->was_told_to_end = true;
		worker_post(q->station->worker, &q->end);
	}
}

/* ---- the end ----------------------------------------------------------------------------- */

static void end_admin(struct worker_message *m)
{
	struct controller *c = container_of(m, struct controller, end);

	c->is_end_posted = false;
	if (c->admin)
		queue_end(c->admin, "its controller ended");
	else
		check_gone(c);
}

void controller_end(struct controller *c, const char *reason)
{
	if (c->is_ending)
		return;
	log_say(c->target->log, LOG_NOTICE, "controller %u: ends: %s", c->cntlid, reason);
	registry_retire(&c->target->registry, c);
	/* From here on it can't be freed before end_admin has run. */
	c->is_end_posted = true;
	keep_alive_stop(c);
	event_abort_all(c);
	end_io_queues(c);
	worker_post(c->station->worker, &c->end);
}

/* It was not removed before this has come. */
static void fenced(struct worker_message *m)
{
	struct controller *c = container_of(m, struct controller, fence);

	registry_fenced(&c->target->registry, c);
	controller_end(c, "its host has connected once more");
	check_gone(c);
}

/* Likewise. */
static void noticed(struct worker_message *m)
{
	struct controller *c = container_of(m, struct controller, notice);

	struct news news = registry_noticed(&c->target->registry, c);

	if (news.nsid)
		event_namespace(c, news.nsid);
	if (news.has_failed)
		event_failure(c);
	check_gone(c);
}

void controller_lost_admin(struct controller *c)
{
	c->admin = NULL;
	check_gone(c);
}

/* ---- draining: reset and shutdown ------------------------------------------------------------ */

static void keep_association(struct controller *c)
{
	struct worker *w = c->station->worker;

	timer_arm(&w->timers, &c->association,
		  w->now + c->target->limits.association_s * NS_PER_S);
}

static void association_unused(struct timer *t)
{
	struct controller *c = container_of(t, struct controller, association);

	controller_end(c, c->drain ? "its reset or shutdown did not end in time" :
				     "it was not enabled again in time");
}

/*
 * The loss of an I/O queue ends the association, but not at once: Linux closes
 * its I/O queues without a word and then writes CC on the admin queue, and waits
 * a minute for the answer; others connect the lost queue again.
 */
static void stayed_incomplete(struct timer *t)
{
	controller_end(container_of(t, struct controller, incomplete),
		       "an I/O queue was lost");
}

static void note_loss(struct controller *c, uint16_t qid)
{
	struct worker *w = c->station->worker;

	if (c->is_ending || c->drain)
		return;
	c->slots[qid].is_lost = true;
	c->lost++;
	if (!timer_is_armed(&c->incomplete))
		timer_arm(&w->timers, &c->incomplete, w->now + INCOMPLETE_S * NS_PER_S);
}

void controller_regained(struct controller *c, uint16_t qid)
{
	if (!c->slots[qid].is_lost)
		return;
	c->slots[qid].is_lost = false;
	if (!--c->lost)
		timer_cancel(&c->station->worker->timers, &c->incomplete);
}

/* A drain takes every queue down, those that were lost among them. */
static void forget_losses(struct controller *c)
{
	for (uint32_t i = 1; c->lost && i <= c->io_queues; i++)
		controller_regained(c, (uint16_t)i);
}

static void end_drain(struct controller *c)
{
	c->drain = DRAIN_NONE;
	timer_cancel(&c->station->worker->timers, &c->drain_deadline);
	if (c->is_ending) {
		check_gone(c);
		return;
	}
	keep_association(c);
	settle(c);
}

static bool is_shutting_down(const struct controller *c)
{
	return (c->csts & NVME_CSTS_SHST_MASK) == NVME_CSTS_SHST_OCCURRING;
}

static void shutdown_flushed(struct flush_all *f)
{
	struct controller *c = container_of(f, struct controller, flush);

	c->csts = (c->csts & ~NVME_CSTS_SHST_MASK) | NVME_CSTS_SHST_COMPLETE;
	if (f->result)
		c->csts |= NVME_CSTS_CFS;
	end_drain(c);
}

static void drained(struct controller *c)
{
	if (c->drain == DRAIN_SHUTDOWN) {
		flush_all_start(&c->flush, c->station, &c->view, shutdown_flushed);
		return;
	}
	/* A shutdown that was asked for meanwhile comes next. */
	c->csts = is_shutting_down(c) ? NVME_CSTS_SHST_OCCURRING : 0;
	c->granted = 0;
	c->has_had_queues = false;
	error_clear(c);
	event_reset(c);
	feature_reset(c);
	end_drain(c);
}

static void drain_too_slow(struct timer *t)
{
	struct controller *c = container_of(t, struct controller, drain_deadline);

	log_say(c->target->log, LOG_ERROR, "controller %u: commands did not end in %u s",
		c->cntlid, DRAIN_DEADLINE_S);
	c->csts |= NVME_CSTS_CFS;
}

static void start_drain(struct controller *c, enum drain why)
{
	struct worker *w = c->station->worker;

	c->drain = why;
	forget_losses(c);
	/* No keep alive command is taken while it is disabled, and none is due
	 * once it is shut down: the association has a time of its own then, and
	 * has it while the storage hangs, so that a dead host is noticed. */
	keep_alive_stop(c);
	keep_association(c);
	timer_arm(&w->timers, &c->drain_deadline, w->now + DRAIN_DEADLINE_S * NS_PER_S);
	event_forget_all(c);
	end_io_queues(c);
	if (!c->queue_count)
		drained(c);
}

void controller_lost(struct worker_message *m)
{
	struct queue *q = container_of(m, struct queue, leave);
	struct controller *c = q->controller;
	bool is_expected = q->was_told_to_end || q->may_end_alone;

	c->slots[q->qid].queue = NULL;
	c->queue_count--;
	c->last_queue_end = c->station->worker->now;
	if (!is_expected)
		note_loss(c, q->qid);
	if (c->queue_count)
		return;
	if (c->drain)
		drained(c);
	else if (c->is_ending)
		check_gone(c);
}

/* ---- Controller Configuration ------------------------------------------------------------------ */

uint64_t controller_cap(const struct controller *c)
{
	return NVME_CAP_MQES(c->target->limits.queue_entries) | NVME_CAP_CQR |
	       NVME_CAP_TO(CAP_TIMEOUT_S * 2) | NVME_CAP_CSS_NVM | NVME_CAP_CRWMS |
	       (c->is_discovery ? 0 : NVME_CAP_CSS_SETS);
}

static bool is_valid_cc(const struct controller *c, uint32_t cc)
{
	bool is_css_good = NVME_CC_CSS(cc) == NVME_CC_CSS_NVM ||
			   (NVME_CC_CSS(cc) == NVME_CC_CSS_ALL && !c->is_discovery);

	if (!is_css_good || NVME_CC_MPS(cc) || NVME_CC_AMS(cc))
		return false;
	/* A discovery controller has no I/O queues whose entries had a size. */
	return c->is_discovery || (NVME_CC_IOSQES(cc) == 6 && NVME_CC_IOCQES(cc) == 4);
}

static void enable(struct controller *c)
{
	if (!is_valid_cc(c, c->cc)) {
		c->csts |= NVME_CSTS_CFS;
		return;
	}
	timer_cancel(&c->station->worker->timers, &c->association);
	c->csts = NVME_CSTS_RDY;
	keep_alive_start(c);
}

/* Does what CC asks for and CSTS does not show yet, one thing at a time: it is
 * called again when a drain has ended.  A reset comes first, so that CSTS still
 * says of a shutdown beside it that it is complete. */
static void settle(struct controller *c)
{
	bool is_enabled = c->cc & NVME_CC_EN;
	bool needs_reset = c->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS);

	if (c->drain)
		return;
	if (!is_enabled && needs_reset)
		start_drain(c, DRAIN_RESET);
	else if (is_shutting_down(c))
		start_drain(c, DRAIN_SHUTDOWN);
	else if (is_enabled && !needs_reset)
		enable(c);
}

void controller_write_cc(struct controller *c, uint32_t cc)
{
	uint32_t old = c->cc;

	c->cc = cc;
	if (NVME_CC_SHN(cc) && !NVME_CC_SHN(old))
		c->csts = (c->csts & ~NVME_CSTS_SHST_MASK) | NVME_CSTS_SHST_OCCURRING;
	settle(c);
}
