/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Abort.  Where the command is decides what can be done for it:
 *
 *	waits for a buffer, or for its other half	it ends at once
 *	waits for its data		what was asked for has to come, then it ends
 *	is done in pieces		it ends before the next one
 *	is at the storage		if that can still recall it
 *
 * Its queue's worker looks, and the Abort is answered when the command has ended, or
 * after a while: "not yet" then, though what was to end still does.
 */
#include "controller/io.h"

#define PATIENCE_S 1

static struct request *request_of_abort(struct abort *a)
{
	return container_of(a, struct request, abort_of);
}

/* ---- the answer ------------------------------------------------------------------------ */

/* On the worker that the Abort came to. */
static void answer(struct worker_message *m)
{
	struct abort *a = container_of(m, struct abort, message);
	struct request *r = request_of_abort(a);

	r->queue->controller->aborts--;
	request_end_dw0(r, a->has_ended ? 0 : 1);
}

/* On that of the queue that was asked. */
static void finish(struct abort *a, bool has_ended)
{
	const struct queue *admin = request_of_abort(a)->queue;

	a->has_ended = has_ended;
	a->message.run = answer;
	if (a->queue->station == admin->station)
		answer(&a->message);
	else
		worker_post(admin->station->worker, &a->message);
}

/* What was to end still does. */
static void took_too_long(struct timer *t)
{
	struct abort *a = container_of(t, struct abort, patience);

	a->victim->abort = NULL;
	finish(a, false);
}

void abort_ended(struct request *victim)
{
	struct abort *a = victim->abort;

	victim->abort = NULL;
	timer_cancel(&victim->queue->station->worker->timers, &a->patience);
	finish(a, victim->capsule.status == NVME_ABORT_REQUESTED);
}

/* ---- the victim ------------------------------------------------------------------------ */

/* Whether it has ended, or will soon. */
static bool stop(struct request *victim)
{
	struct queue *q = victim->queue;

	if (victim->capsule.sqe.opcode == NVME_OPCODE_FABRICS)
		return false;
	if (q->half == victim) {
		fused_break(q, NVME_ABORT_REQUESTED);
		return true;
	}
	if (request_is_parked(victim)) {
		request_unpark(victim);
		request_end(victim, NVME_ABORT_REQUESTED);
		return true;
	}
	if (capsule_give_up(&victim->capsule, NVME_ABORT_REQUESTED))
		return true;
	return q->qid && (victim->is_fused ? fused_stop(victim) : io_stop(victim));
}

/* One that somebody is about to end already is left to him. */
static struct request *find_victim(const struct abort *a)
{
	struct capsule *c = capsule_find(&a->queue->connection.qpair.queue, a->cid);
	struct request *r = c ? request_of(c) : NULL;

	return r && !r->abort ? r : NULL;
}

/* On the worker of the queue that is asked. */
static void look(struct worker_message *m)
{
	struct abort *a = container_of(m, struct abort, message);
	struct request *victim = find_victim(a);
	struct worker *w = a->queue->station->worker;

	if (!victim) {
		finish(a, false);
		return;
	}
	a->victim = victim;
	victim->abort = a;
	timer_init(&a->patience, took_too_long);
	timer_arm(&w->timers, &a->patience, w->now + PATIENCE_S * NS_PER_S);
	if (stop(victim))
		return;		/* it may have been answered by now */
	victim->abort = NULL;
	timer_cancel(&w->timers, &a->patience);
	finish(a, false);
}

/* ---- the command ----------------------------------------------------------------------- */

/* NULL: there is none, or it is on its way out. */
static struct queue *queue_with_id(const struct controller *c, uint16_t qid)
{
	if (!qid)
		return c->admin;
	return qid <= c->io_queues ? c->slots[qid].queue : NULL;
}

void abort_execute(struct request *r)
{
	struct controller *c = r->queue->controller;
	uint32_t cdw10 = le32_get(r->capsule.sqe.cdw10);
	uint16_t sqid = (uint16_t)cdw10, cid = (uint16_t)(cdw10 >> 16);
	struct queue *q = queue_with_id(c, sqid);

	if (c->aborts == ABORT_LIMIT) {
		request_end(r, NVME_ABORT_LIMIT_EXCEEDED);
		return;
	}
	if (!q || (!sqid && event_abort_one(c, cid))) {
		request_end_dw0(r, q ? 0 : 1);
		return;
	}
	c->aborts++;
	/* That queue is there until its worker has looked: its owner is asked before it is
	 * freed, and that is us. */
	r->abort_of = (struct abort){ .message.run = look, .queue = q, .cid = cid };
	if (q->station == r->queue->station)
		look(&r->abort_of.message);
	else
		worker_post(q->station->worker, &r->abort_of.message);
}
