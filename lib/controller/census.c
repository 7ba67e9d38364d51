/* SPDX-License-Identifier: BSD-2-Clause */
#include "controller/census.h"
#include "controller/controller.h"

#include <stdio.h>

static void take_controller(const struct controller *c, struct controller_entry *e)
{
	*e = (struct controller_entry){ .life = c->life, .cntlid = c->cntlid,
					.is_discovery = c->is_discovery,
					.io_queues = c->queue_count,
					.worker = c->station->worker->index };
	snprintf(e->hostnqn, sizeof(e->hostnqn), "%s", c->hostnqn);
	memcpy(e->hostid, c->hostid, sizeof(e->hostid));
}

static enum census_state state_of(const struct queue *q)
{
	static const enum census_state states[] = {
		[QUEUE_NEW] = CENSUS_NEW, [QUEUE_CONNECTING] = CENSUS_CONNECTING,
		[QUEUE_LIVE] = CENSUS_LIVE, [QUEUE_DISCONNECTED] = CENSUS_ENDING,
		[QUEUE_ENDED] = CENSUS_ENDING,
	};

	return states[q->state];
}

/* What is read of the controller is final: it may be another worker's. */
static void take_queue(const struct queue *q, struct queue_entry *e)
{
	const struct controller *c = q->has_left ? NULL : q->controller;

	*e = (struct queue_entry){ .qid = q->qid, .state = state_of(q), .port = q->port,
				   .is_discovery = q->is_discovery,
				   .worker = q->station->worker->index, .done = q->done,
				   .latency = q->latency };
	if (!q->connection.has_ended) {
		connection_peer_address(&q->connection, e->peer);
		e->peer_port = connection_peer_port(&q->connection);
		if (connection_local_address(&q->connection, e->local, &e->is_ipv6))
			e->local[0] = 0;
	}
	if (!c)
		return;
	e->life = c->life;
	e->cntlid = c->cntlid;
	snprintf(e->hostnqn, sizeof(e->hostnqn), "%s", c->hostnqn);
}

void census_take(struct station *st, struct census *census)
{
	if (census->connects)
		census->connects[st->worker->index] =
			(struct connect_counts){ st->admin_connects, st->io_connects };
	list_for_each(l, &st->controllers) {
		if (census->controller_count < census->controller_room)
			take_controller(list_entry(l, struct controller, owned),
					&census->controllers[census->controller_count]);
		census->controller_count++;
	}
	list_for_each(l, &st->queues) {
		if (census->queue_count < census->queue_room)
			take_queue(list_entry(l, struct queue, link),
				   &census->queues[census->queue_count]);
		census->queue_count++;
	}
}
