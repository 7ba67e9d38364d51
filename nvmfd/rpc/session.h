/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0 of one caller, without a socket: fed bytes, yields bytes.  Requests are
 * run one after the other, in their order, and so are those of a batch.
 *
 * As SPDK's server does it: a request without an id, or with null, has no answer unless
 * it fails; unknown members make it invalid; a text that can't be parsed ends the
 * session, for nobody knows where the next one begins.
 *
 * Threads: main.
 */
#ifndef NVMFD_RPC_SESSION_H
#define NVMFD_RPC_SESSION_H

#include "rpc/call.h"
#include "rpc/scan.h"

#define RPC_TEXT_MOST (1u << 20)	/* bytes of a request or a batch */
#define RPC_BATCH_MOST 1024		/* requests of a batch */
#define RPC_ANSWER_MOST (32u << 20)	/* bytes that answer one text, but for errors */
#define RPC_UNSENT_MOST (256u << 10)	/* from here on nothing more is run */

struct rpc_buffer {
	char *bytes;
	size_t at, used, size;		/* what was dealt with is before `at` */
};

struct rpc_session {
	const struct rpc_interface *interface;
	/* A call ended by itself: there may be something to send, and to receive. */
	void (*went_on)(struct rpc_session *);
	struct rpc_buffer in, out;
	struct rpc_scan scan;		/* of what is in `in` from `at` on */
	struct rpc_call *call;		/* that runs */
	json_t *batch;			/* that runs */
	size_t next;			/* of the batch */
	size_t answered;		/* bytes that answer this text so far */
	bool has_ended;			/* the caller sends no more */
	bool is_over;			/* nothing more is taken */
	bool is_running;
};

void rpc_session_open(struct rpc_session *, const struct rpc_interface *,
		      void (*went_on)(struct rpc_session *));
/* A call that runs goes on without its caller. */
void rpc_session_close(struct rpc_session *);

/* Whether rpc_session_feed may be called: else what comes has to wait. */
bool rpc_session_takes(const struct rpc_session *);
/* Runs what has come; no bytes: the caller has ended its side. */
void rpc_session_feed(struct rpc_session *, const char *bytes, size_t length);

/* Bytes to be sent from out.bytes + out.at on. */
static inline size_t rpc_session_unsent(const struct rpc_session *s)
{
	return s->out.used - s->out.at;
}

/* They have left: goes on with what waited for that. */
void rpc_session_sent(struct rpc_session *, size_t length);

/* Nothing is run, nor will be: it may be closed once all is sent. */
bool rpc_session_is_done(const struct rpc_session *);
/* A request has begun and is not whole. */
bool rpc_session_is_amid(const struct rpc_session *);

/* Answers with an error that belongs to no request, and takes nothing more. */
void rpc_session_refuse(struct rpc_session *, int code, const char *sentence);

#endif
