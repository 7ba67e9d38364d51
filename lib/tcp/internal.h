/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share. */
#ifndef NVMF_TCP_INTERNAL_H
#define NVMF_TCP_INTERNAL_H

#include "tcp/conn.h"

/* What differs between the two ends. */
struct tcp_role {
	enum tcp_pdu_type term;		/* the TermReq it sends */
	/* The header is whole and its digest right.  Sets rx.data where data
	 * is to go, or leaves it NULL to drop it; may terminate. */
	void (*header)(struct tcp_conn *, const struct tcp_ch *);
	/* The PDU is whole.  `data`: its data where is_gathered. */
	void (*whole)(struct tcp_conn *, const struct tcp_ch *, const uint8_t *data,
		      bool is_corrupt);
	/* Gives every capsule back that waits for the other end. */
	void (*close)(struct tcp_conn *);
	/* What tx_refer's owner gets. */
	void (*sent)(struct tcp_conn *, struct capsule *);
	/* The PDU type whose data `whole` wants in one piece; -1: none. */
	int gathered;
};

/* What the sink has put off, it does now. */
static inline void conn_settle(struct tcp_conn *conn)
{
	const struct capsule_sink_ops *sink = conn->queue->sink;

	if (sink && sink->settle)
		sink->settle(conn->queue);
}

/* ---- tx.c ---- */

/* `length` bytes of room at the end of the send queue; NULL: no memory, and the
 * connection is dead.  tx_commit makes the first `used` of them part of it. */
void *tx_room(struct tcp_conn *, uint32_t length);
/* ... and the connection lives; nothing where much waits to be sent already. */
void *tx_try_room(struct tcp_conn *, uint32_t length);
void tx_commit(struct tcp_conn *, uint32_t used);
/* Queues bytes that stay where they are; role->sent(owner) follows when the
 * last of them has left.  False: no memory, and the connection is dead. */
bool tx_refer(struct tcp_conn *, const void *bytes, uint32_t length,
	      struct capsule *owner);
/* Drops what is queued; owners get their `sent`. */
void tx_discard(struct tcp_conn *);

/* ---- flight.c ---- */

struct capsule *flight_find(const struct tcp_conn *, uint16_t cid);
void flight_add(struct tcp_conn *, struct capsule *);
void flight_remove(struct tcp_conn *, struct capsule *);
/* Calls `visit` for each; it may remove any, and adds none. */
void flight_each(struct tcp_conn *, void (*visit)(struct tcp_conn *, struct capsule *));

void conn_init(struct tcp_conn *, const struct tcp_role *, struct capsule_queue *,
	       const struct tcp_config *, const struct tcp_memory *,
	       const struct log *);

/* Adopts digests and alignments after ICReq and ICResp. */
void conn_agree(struct tcp_conn *, uint8_t digests, uint8_t send_pda,
		uint8_t receive_pda);

#endif
