/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue pair: an NVMe/TCP connection joined to a stream of bytes.  Driven by
 * whoever polls the stream's descriptor, or blocking by qpair_wait.
 *
 * Threads: a queue pair belongs to one thread at a time.
 */
#ifndef NVMF_QPAIR_QPAIR_H
#define NVMF_QPAIR_QPAIR_H

#include "capsule/capsule.h"
#include "net/stream.h"
#include "tcp/conn.h"

struct qpair {
	struct capsule_queue queue;
	struct tcp_conn tcp;
	struct net_stream net;
	bool wants_write;		/* the socket took less than there was */
	bool has_shut;			/* our side is ended, after a TermReq */
	bool has_more;			/* `turn` ended a send before all was sent */
	bool sends_parts;		/* small batches: see qpair.c; the owner's to set */
	/* The owner's, too: about so many bytes at once, so that others have their turn
	 * soon; 0: as many as there are.  Small batches are left whole. */
	size_t turn;
	/* The poller's: the peer has ended its side (EPOLLRDHUP).  Without it a
	 * short receive ends the turn, and an edge-triggered poller would never
	 * be told of an end that came together with the last bytes. */
	bool sees_end;
};

/* A place that received bytes pass through; shared by many queue pairs. */
struct qpair_buffer {
	uint8_t *bytes;
	size_t size;
};

enum qpair_progress {
	QPAIR_IDLE,		/* all that had come is taken */
	QPAIR_MORE,		/* the budget ended first: call again */
	QPAIR_ENDED,		/* close it; tcp.reason says why */
};

/*
 * Takes what has come, in at most `budget` calls of the system, and feeds it to
 * the connection.  Sends nothing, but what is queued when the peer's end comes.
 */
enum qpair_progress qpair_receive(struct qpair *, const struct qpair_buffer *,
				  unsigned int budget);

/* Sends what is queued, as far as the socket takes it; wants_write tells
 * whether some is left.  QPAIR_MORE: so does has_more, and it is time for others. */
enum qpair_progress qpair_send(struct qpair *);
/* ... without an end of its turn. */
enum qpair_progress qpair_send_all(struct qpair *);

/* Closes stream and connection: every capsule comes back. */
void qpair_close(struct qpair *);

/* For a caller without an event loop: sends, then waits until something comes
 * or `timeout_ms` (-1: for ever) passes, and takes it.  1: progress; 0: the time
 * is up; -EPIPE: the queue pair has ended. */
int qpair_wait(struct qpair *, const struct qpair_buffer *, int timeout_ms);

#endif
