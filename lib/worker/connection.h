/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue pair on a worker: readiness, fairness, deadlines, the move to another
 * worker, and the end.  Whose commands it carries is none of its business.
 *
 * Threads: the worker's.
 */
#ifndef NVMF_WORKER_CONNECTION_H
#define NVMF_WORKER_CONNECTION_H

#include "worker/worker.h"

/* A peer that owes us something and does not move for so long is given up; the
 * first while others wait for the memory that it may hold. */
#define CONNECTION_STALL_CONTENDED_S 5
#define CONNECTION_STALL_S 30

struct connection;

struct connection_ops {
	/* The socket is closed and every capsule that the transport had is back;
	 * those that the owner still executes come back later.  The owner frees
	 * the memory by connection_bury. */
	void (*ended)(struct connection *);
	/* The worker's turn is over and nothing refers to it any more. */
	void (*free)(struct connection *);
	/* On the new worker, after connection_move, and before its next event. */
	void (*moved)(struct connection *);
};

struct connection {
	struct qpair qpair;
	struct worker *worker;
	struct worker_source source;
	const struct connection_ops *ops;
	struct list link;		/* worker->connections, leaving or buried */
	struct list again;		/* worker->again or starved */
	struct list dirty;
	struct worker_message move;
	struct worker *target;		/* on the way to it */
	struct timer deadline;
	uint64_t progress;		/* bytes moved when it last did */
	uint64_t progress_at;		/* ns */
	uint64_t turn_began;		/* bytes moved when its latest turn began */
	uint64_t long_at;		/* ns; when a turn of its last moved much */
	bool is_established;		/* the handshake is over */
	bool is_overdue;		/* ... though it ought to be */
	bool is_closing;		/* a TermReq was sent */
	const char *finish;		/* why it ends once all is sent; NULL: it goes on */
	bool has_ended;
	const char *reason;		/* why it ended; NULL: the peer closed it */
};

/*
 * Takes over the descriptor and starts; the sink is set in qpair.queue already.
 * The peer has `handshake_s` seconds to come to connection_established.
 */
void connection_start(struct connection *, struct worker *, int fd,
		      const struct tcp_config *, const struct connection_ops *,
		      unsigned int handshake_s);
void connection_established(struct connection *);

/* Goes on receiving after tcp_rx_hold. */
void connection_resume(struct connection *);

/* The address that the peer came to, as text without its zone.  0 or -errno. */
int connection_local_address(const struct connection *, char text[NET_ADDRESS_TEXT],
			     bool *is_ipv6);

/* The address that the peer comes from, or that nobody knows it; for the log. */
void connection_peer_address(const struct connection *, char text[NET_ADDRESS_TEXT]);

/* The TCP port that the peer comes from; 0: nobody knows it. */
uint16_t connection_peer_port(const struct connection *);

/* Has output: it is sent at the end of the worker's turn. */
static inline void connection_kick(struct connection *c)
{
	if (list_is_empty(&c->dirty))
		list_append(&c->worker->dirty, &c->dirty);
}

/* Sends what it can and closes; `ended` is called at once.  A literal. */
void connection_end(struct connection *, const char *reason);

/* Ends it when all that is queued has been sent, or the peer takes nothing for
 * too long.  A literal. */
void connection_finish(struct connection *, const char *reason);

/* Frees it at the end of the turn; it has ended. */
void connection_bury(struct connection *);

/*
 * Moves to another worker, once this one's turn is over; `moved` is called
 * there.  It is held (tcp_rx_hold) and nothing of it is under way but what the
 * owner itself has.
 */
void connection_move(struct connection *, struct worker *target);

/* Whether some have a turn now, without a further event. */
bool connections_are_waiting(const struct worker *);
/* Once a turn of the worker. */
void connections_again(struct worker *);
void connections_flush(struct worker *);
void connections_leave(struct worker *);

#endif
