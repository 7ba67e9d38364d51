/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One NVMe/TCP connection, as a state machine without I/O.
 *
 * It is fed the bytes that arrived and yields capsules; it is given responses
 * and yields bytes to send.  It never waits and never sees a socket: a unit
 * test, a fuzzer, a blocking library and an event loop drive the same code.
 *
 *	tcp_rx_place()   where may the next bytes land?        (optional)
 *	tcp_rx()         these bytes arrived
 *	tcp_tx_vector()  what is to be sent?
 *	tcp_tx_done()    so much of it was
 *
 * Threads: a connection belongs to one thread at a time.
 */
#ifndef NVMF_TCP_CONN_H
#define NVMF_TCP_CONN_H

#include "base/log.h"
#include "capsule/capsule.h"
#include "pdu/build.h"
#include "pdu/check.h"

#include <stddef.h>
#include <sys/uio.h>

enum tcp_state {
	TCP_STATE_NEW,		/* ICReq and ICResp not yet exchanged */
	TCP_STATE_READY,
	TCP_STATE_TERMINATING,	/* send what is queued, read to the end, close */
	TCP_STATE_DEAD,		/* close at once */
};

/* Where a connection gets room for what it sends. */
struct tcp_memory {
	/* `size` bytes; NULL: not now.  Up to TCP_CHUNK_MIN + the in-capsule
	 * limit should be had at any time: without it the connection ends. */
	void *(*take)(void *context, size_t size);
	void (*give)(void *context, void *memory, size_t size);
	void *context;
	/* Optional, as `take`: for data that has another way to go.  NULL sooner,
	 * so that what can't wait finds something. */
	void *(*take_spare)(void *context, size_t size);
};

#define TCP_CHUNK_MIN 4096u
#define TCP_CHUNK_WANTED 65536u

/* Reads of up to this many bytes are packed into the send buffer. */
#define TCP_PACKED_MAX 16384u
/* ... while no more memory than this is full of what the peer has not taken; from
 * so many unsent bytes on it is spare memory. */
#define TCP_PACKED_MEMORY (512u << 10)
#define TCP_PACKED_UNSENT 65536u

/* Data of at least this many bytes is worth a destination of its own. */
#define TCP_PLACE_MIN 4096u

/* In-flight commands are found through this many buckets, a power of two. */
#define TCP_BUCKETS 128

struct tcp_config {
	bool allow_header_digest, allow_data_digest;	/* host: asked for */
	uint32_t in_capsule_max;	/* of an I/O queue; bytes */
	uint32_t maxh2cdata;		/* controller: told to hosts; bytes */
	bool success_always;		/* controller: SUCCESS with flow control on */
};

/* Counters of one connection; its thread writes them. */
struct tcp_counters {
	uint64_t commands, bytes_in, bytes_out;
};

struct tcp_chunk;
struct tcp_item;
struct tcp_role;

struct tcp_conn {
	struct capsule_queue *queue;
	const struct tcp_role *role;
	const struct tcp_config *config;
	struct tcp_memory memory;
	const struct log *log;
	enum tcp_state state;
	const char *reason;		/* why it ends, a sentence; NULL: closed by peer */
	uint16_t fes;			/* of the TermReq, sent or received; 0: none */
	uint32_t fei;
	bool is_closed;			/* tcp_close was called */

	/* What was agreed. */
	struct pdu_rules rules;
	struct pdu_format format;
	uint8_t digests;		/* DGST */
	uint32_t maxh2cdata;

	/* Receiving. */
	struct {
		uint8_t header[256 + TCP_DIGEST_SIZE];
		uint32_t have, need;
		const struct tcp_ch *culprit;	/* what a TermReq would carry */
		uint32_t culprit_length;
		struct pdu_shape shape;
		uint8_t phase;
		uint8_t *data;		/* next byte of data; NULL: dropped */
		uint32_t left;		/* bytes of data still to come */
		uint32_t digest;
		le32 trailer;		/* the data digest as received */
		struct capsule *capsule;	/* whose data is coming in */
		uint8_t *gather;	/* in-capsule data that comes in pieces */
		bool is_held;
		uint8_t *held;		/* bytes that came while held */
		size_t held_length;
	} rx;

	/* Sending: a queue of items, first in first out. */
	struct {
		struct tcp_item *items;
		uint32_t head, tail, room;
		uint32_t offered;		/* items up to here may be held */
		struct tcp_chunk *chunk;	/* being filled */
		size_t bytes;			/* queued and not sent */
		size_t memory;			/* of all chunks */
		struct capsule *sent;		/* have left, and are to be told */
	} tx;

	/* Commands under way, by command identifier. */
	struct capsule *buckets[TCP_BUCKETS];
	uint32_t in_flight;
	uint32_t receiving;		/* of them: with an R2T not yet answered */
	uint16_t next_ttag;

	/* Submission queue flow control. */
	uint32_t entries;		/* SQSIZE + 1; 0 before Connect */
	uint16_t sqhd;
	bool is_flow_off;
	uint32_t since_response;	/* SUCCESS without a completion, in a row */

	struct tcp_counters counters;
};

/*
 * A controller's end.  `config` must outlive the connection.  The queue's
 * transport and connection are set; its sink must be there already.
 */
void tcp_controller_init(struct tcp_conn *, struct capsule_queue *,
			 const struct tcp_config *, const struct tcp_memory *,
			 const struct log *);

/* A host's end: queues the ICReq. */
int tcp_host_init(struct tcp_conn *, struct capsule_queue *,
		  const struct tcp_config *, const struct tcp_memory *,
		  const struct log *);

/* Ends everything: each capsule goes back through sink->sent (a controller's,
 * except those that the sink is executing) or host->completed with Transient
 * Transport Error.  The connection is DEAD afterwards. */
void tcp_close(struct tcp_conn *);
/* Frees what it holds; nothing may be in flight. */
void tcp_free(struct tcp_conn *);

/* What a Connect command agreed on: SQSIZE + 1 entries. */
void tcp_set_queue(struct tcp_conn *, uint32_t entries, bool flow_off,
		   uint32_t in_capsule_max);

/* ---- receiving ---------------------------------------------------------------- */

/* Was the last PDU, or is the one under way, one of much data?  Then another may
 * follow whose data has a destination of its own. */
#define TCP_BULK (32u << 10)
static inline bool tcp_rx_is_bulk(const struct tcp_conn *c)
{
	return c->rx.shape.data >= TCP_BULK;
}

/* Says where the next bytes of the stream may land, and how many; 0: hand
 * them to tcp_rx from a buffer of yours. */
size_t tcp_rx_place(const struct tcp_conn *, void **where);
/* So many bytes have been put there. */
void tcp_rx_placed(struct tcp_conn *, size_t length);
/* Takes all the bytes. */
void tcp_rx(struct tcp_conn *, const void *bytes, size_t length);

/* Called from within sink->command: what follows is kept for later, and the
 * socket should not be read until tcp_rx_resume. */
void tcp_rx_hold(struct tcp_conn *);
void tcp_rx_resume(struct tcp_conn *);

/* Does the peer owe bytes: the rest of a PDU, or what an R2T asked for? */
static inline bool tcp_expects_data(const struct tcp_conn *c)
{
	return c->receiving || c->rx.phase || c->rx.have;
}

static inline bool tcp_rx_is_held(const struct tcp_conn *c)
{
	return c->rx.is_held;
}

/* ---- sending ------------------------------------------------------------------ */

/* Bytes that are queued. */
static inline size_t tcp_output(const struct tcp_conn *c)
{
	return c->tx.bytes;
}

static inline bool tcp_has_output(const struct tcp_conn *c)
{
	return c->tx.bytes != 0;
}

/* Fills `vector` with what is to be sent next; how many entries.  It ends once there are
 * `part` bytes in it and at least as many behind it.  Lent data in it is held until
 * tcp_tx_done, which must follow at once. */
unsigned int tcp_tx_vector(struct tcp_conn *, struct iovec *vector,
			   unsigned int room, size_t part);
/* So many bytes of it were taken, perhaps none. */
void tcp_tx_done(struct tcp_conn *, size_t length);

/* Queues a TermReq and stops; `reason` is a literal. */
void tcp_terminate(struct tcp_conn *, uint16_t fes, uint32_t fei,
		   const char *reason);
/* Ends without a word; `reason` is a literal. */
void tcp_drop(struct tcp_conn *, const char *reason);

/* ---- a host's end ------------------------------------------------------------- */

/*
 * Sends a command.  capsule->sqe has its CID and all but its SGL set; data and
 * length say what goes or comes; `to_controller` which way.  Data of up to the
 * in-capsule limit goes with the command.  The data must stay until
 * host->completed.  0; -EBUSY: CID in use or queue full; -EPIPE: not connected.
 */
int tcp_host_submit(struct tcp_conn *, struct capsule *, bool to_controller);

#endif
