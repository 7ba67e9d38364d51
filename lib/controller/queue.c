/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue: what its connection delivers, and its end. */
#include "controller/controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- commands ------------------------------------------------------------------------- */

static bool is_fabrics(const struct request *r)
{
	return r->capsule.sqe.opcode == NVME_OPCODE_FABRICS;
}

static const struct command *find_command(const struct request *r)
{
	const struct queue *q = r->queue;
	uint8_t opcode = r->capsule.sqe.opcode;
	const struct command *row = q->qid ? io_command(opcode) : admin_command(opcode);

	return row && q->is_discovery && !row->in_discovery ? NULL : row;
}

/* An NVMe command on a live queue. */
static void execute(struct request *r)
{
	const struct queue *q = r->queue;
	const struct command *row;

	/* An I/O queue of a disabled controller is on its way out. */
	if (!q->qid && !(q->controller->cc & NVME_CC_EN)) {
		request_end(r, NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR);
		return;
	}
	if ((q->half || NVME_SQE_FUSE(r->capsule.sqe.flags)) && fused_takes(r))
		return;
	row = find_command(r);
	if (!row)
		request_end(r, NVME_INVALID_OPCODE | NVME_DNR);
	else
		row->execute(r);
}

/* ---- Disconnect's end ------------------------------------------------------------------- */

static void answer_disconnect(struct queue *q)
{
	struct request *r = q->disconnect;

	q->disconnect = NULL;
	timer_cancel(&q->station->worker->timers, &q->wait);
	request_end(r, NVME_SUCCESS);
	connection_finish(&q->connection, "the host disconnected");
}

static void check_disconnect(struct queue *q)
{
	if (q->disconnect && q->executing == 1 && !q->connection.has_ended)
		answer_disconnect(q);
}

void queue_disconnect(struct request *r)
{
	struct queue *q = r->queue;
	struct worker *w = q->station->worker;

	q->state = QUEUE_DISCONNECTED;
	q->may_end_alone = true;
	q->disconnect = r;
	timer_arm(&w->timers, &q->wait, w->now + NS_PER_S);
	check_disconnect(q);
}

static void waited(struct timer *t)
{
	struct queue *q = container_of(t, struct queue, wait);
	struct worker *w = q->station->worker;

	if (q->half)
		fused_break(q, NVME_MISSING_FUSED);
	else if (!q->disconnect)
		connect_retry(q);
	else if (q->connection.qpair.tcp.receiving)
		answer_disconnect(q);
	else			/* the storage is slow: its commands come first */
		timer_arm(&w->timers, &q->wait, w->now + NS_PER_S);
}

/* ---- the sink ------------------------------------------------------------------------------- */

static struct capsule *sink_get(struct capsule_queue *cq)
{
	struct request *r = request_get(queue_of(cq));

	return r ? &r->capsule : NULL;
}

static void sink_command(struct capsule *c)
{
	struct request *r = request_of(c);
	struct queue *q = r->queue;

	atomic_store_explicit(&q->last_command, q->station->worker->now,
			      memory_order_relaxed);
	if (is_fabrics(r)) {
		fused_break(q, NVME_MISSING_FUSED);
		fabrics_execute(r);
	} else if (q->state != QUEUE_LIVE) {
		request_end(r, NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR);
	} else {
		execute(r);
	}
}

static void sink_received(struct capsule *c)
{
	struct request *r = request_of(c);

	if (r->queue->qid) {
		io_received(r);
		return;
	}
	r->is_fetched = true;
	execute(r);
}

static void sink_refused(struct capsule *c)
{
	c->status = error_note(request_of(c), c->status, NULL);
}

/*
 * SPDK's host frees the identifiers of its event requests before it shuts a controller down,
 * without a word, and uses them for Property Get and Set.
 */
static bool sink_yields(struct capsule *c, const struct capsule *other)
{
	struct request *r = request_of(c);

	return other->sqe.opcode == NVME_OPCODE_FABRICS && event_forget(r);
}

static void sink_settle(struct capsule_queue *cq)
{
	late_settle(queue_of(cq)->station);
}

static void sink_sent(struct capsule *c)
{
	struct request *r = request_of(c);
	struct queue *q = r->queue;

	if (r->abort)
		abort_ended(r);
	if (r->pair)
		fused_lost(r);
	request_free(r);
	check_disconnect(q);
	queue_check_drained(q);
}

static const struct capsule_sink_ops sink_ops = {
	.get = sink_get,
	.command = sink_command,
	.received = sink_received,
	.refused = sink_refused,
	.yields = sink_yields,
	.settle = sink_settle,
	.sent = sink_sent,
	.hold = io_hold,
	.release = io_release,
};

void request_resume(struct request *r)
{
	if (r->queue->qid)
		io_resume(r);
	else
		execute(r);
}

/* ---- Connect's end ----------------------------------------------------------------------- */

static void forget_connect(struct queue *q)
{
	free(q->connect);
	q->connect = NULL;
	timer_cancel(&q->station->worker->timers, &q->wait);
}

/* What counts stands first: the names may fill the line. */
static void log_refusal(const struct queue *q, uint16_t status)
{
	const struct connect *c = q->connect;
	char from[NET_ADDRESS_TEXT];

	connection_peer_address(&q->connection, from);
	log_say(q->target->log, LOG_NOTICE,
		"Connect of %s refused: status %x/%02x, queue %u, host \"%.223s\", "
		"subsystem \"%.223s\"", from, NVME_STATUS_TYPE(status), status & 0xff,
		le16_get(c->cmd.qid), c->data.hostnqn, c->data.subnqn);
}

static void count_connect(struct queue *q)
{
	if (q->qid)
		q->station->io_connects++;
	else
		q->station->admin_connects++;
}

void queue_answer_connect(struct queue *q, uint16_t status, uint32_t dw0)
{
	struct request *r = q->connect_request;
	bool is_good = status == NVME_SUCCESS;

	q->connect_request = NULL;
	q->state = is_good ? QUEUE_LIVE : QUEUE_NEW;
	r->capsule.dw0 = dw0;
	if (is_good) {
		count_connect(q);
		connection_established(&q->connection);
		atomic_store_explicit(&q->last_command, q->station->worker->now,
				      memory_order_relaxed);
	} else {
		log_refusal(q, status);
	}
	forget_connect(q);
	request_end(r, status);
	connection_resume(&q->connection);
}

/* ---- the end --------------------------------------------------------------------------------- */

void queue_end(struct queue *q, const char *reason)
{
	connection_end(&q->connection, reason);
}

void queue_told_to_end(struct worker_message *m)
{
	queue_end(container_of(m, struct queue, end), "its controller ended");
}

static void buried(struct worker_message *m)
{
	connection_bury(&container_of(m, struct queue, leave)->connection);
}

/* The owner has let go of it; back to its worker, to be freed. */
static void leave_done(struct worker_message *m)
{
	struct queue *q = container_of(m, struct queue, leave);
	struct worker *w = q->station->worker;

	controller_lost(m);
	m->run = buried;
	worker_post(w, m);
}

static void leave(struct queue *q)
{
	struct controller *c = q->controller;

	q->has_left = true;
	if (!c) {
		connection_bury(&q->connection);
	} else if (!q->qid) {
		controller_lost_admin(c);
		connection_bury(&q->connection);
	} else {
		q->leave.run = leave_done;
		worker_post(c->station->worker, &q->leave);
	}
}

void queue_check_drained(struct queue *q)
{
	if (q->state == QUEUE_ENDED && !q->executing && !q->is_asking && !q->has_left)
		leave(q);
}

static void end_parked(struct queue *q)
{
	struct list *l;

	while ((l = list_pop(&q->parked)))
		request_end(list_entry(l, struct request, capsule.link),
			    NVME_ABORTED_SQ_DELETION);
}

static void log_end(const struct queue *q)
{
	const struct tcp_conn *tcp = &q->connection.qpair.tcp;
	const char *reason = q->connection.reason;
	char term[40] = "";

	if (tcp->fes)
		snprintf(term, sizeof(term), " (FES %u, FEI %u)", tcp->fes, tcp->fei);
	/* Whoever writes or runs that host wants to know; other ends are everyday. */
	log_say(q->target->log, tcp->fes ? LOG_NOTICE : LOG_DEBUG,
		"controller %u queue %u: connection ended: %s%s",
		q->controller ? q->controller->cntlid : 0, q->qid,
		reason ? reason : "the host closed it", term);
}

static void ended(struct connection *conn)
{
	struct queue *q = container_of(conn, struct queue, connection);
	struct request *waiting = q->connect_request ? q->connect_request : q->disconnect;

	log_end(q);
	pool_wait_no_more(q->station->worker->pool, &q->waiter);
	end_parked(q);
	fused_break(q, NVME_ABORTED_SQ_DELETION);
	q->connect_request = q->disconnect = NULL;
	if (waiting)
		request_end(waiting, NVME_ABORTED_SQ_DELETION);
	if (!q->is_asking)
		forget_connect(q);
	if (q->controller && !q->qid)
		controller_end(q->controller, "its admin queue ended");
	/* Not before: once it has left, its controller may be gone. */
	q->state = QUEUE_ENDED;
	queue_check_drained(q);
}

static void free_queue(struct connection *conn)
{
	struct queue *q = container_of(conn, struct queue, connection);

	list_remove(&q->link);
	list_remove(&q->waiter.link);
	tcp_free(&conn->qpair.tcp);
	free(q->connect);
	atomic_fetch_add(&q->target->departed, 1);
	atomic_fetch_sub(&q->target->queues, 1);
	free(q);
}

static void moved(struct connection *conn)
{
	struct queue *q = container_of(conn, struct queue, connection);

	q->station = conn->worker->attached;
	list_append(&q->station->queues, &q->link);
	if (q->station->is_ending)	/* it was on its way when the others ended */
		queue_end(q, "the target ends");
	else if (!snapshot_port_of(q->station->model, q->port))
		queue_end(q, "its port was closed");
	else
		connect_ask(q);
}

static const struct connection_ops connection_ops = {
	.ended = ended,
	.free = free_queue,
	.moved = moved,
};

/* ---- the beginning --------------------------------------------------------------------------- */

static void note_arrival(struct target *t)
{
	if (!atomic_fetch_add(&t->queues, 1) && t->keeper &&
	    !atomic_exchange(&t->is_told, true))
		worker_post(t->keeper, &t->first_came);
}

void target_was_told(struct target *t)
{
	atomic_store(&t->is_told, false);
}

void target_accept(struct station *s, int fd, uint64_t port)
{
	struct queue *q;

	if (s->is_ending || !snapshot_port_of(s->model, port)) {
		close(fd);
		return;
	}
	q = aligned_alloc(64, (sizeof(*q) + 63) / 64 * 64);
	if (!q) {
		log_say(s->target->log, LOG_ERROR, "out of memory for a connection");
		close(fd);
		return;
	}
	memset(q, 0, sizeof(*q));
	q->target = s->target;
	q->station = s;
	q->port = port;
	q->view = subsystem_gone.common;
	list_append(&s->queues, &q->link);
	q->connection.qpair.queue.sink = &sink_ops;
	list_init(&q->parked);
	list_init(&q->waiter.link);
	timer_init(&q->wait, waited);
	q->end.run = queue_told_to_end;
	note_arrival(s->target);
	connection_start(&q->connection, s->worker, fd, &s->target->tcp,
			 &connection_ops, s->target->limits.handshake_s);
}

void target_end_all(struct station *s)
{
	s->is_ending = true;
	list_for_each_safe(l, &s->worker->connections) {
		struct connection *c = list_entry(l, struct connection, link);

		connection_end(c, "the target ends");
	}
}

unsigned int target_queues(struct target *t)
{
	return atomic_load(&t->queues);
}

unsigned int target_departed(struct target *t)
{
	return atomic_load(&t->departed);
}

void station_close(struct station *s)
{
	struct list *l;

	while ((l = list_pop(&s->spare)))
		free(list_entry(l, struct request, capsule.link));
}
