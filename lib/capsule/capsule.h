/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hinge between a transport and NVMe: a command, its data, its response.
 *
 * Two vtables meet here.  The transport (lib/tcp) delivers commands to a sink
 * (the controller), the sink asks the transport for data and answers.  Neither
 * knows the other.
 *
 * A capsule's life, on the target's side:
 *   transport: sink->get            an empty capsule
 *   transport: sink->command        sqe is set; in_capsule for as long as the call
 *   transport: sink->settle         (optional) before anything is sent
 *   sink:      transport->receive   (optional) fetch data from the host by R2T
 *   transport: sink->received       the data stands in `data`
 *   sink:      transport->respond   cqe and, for a read, data go to the host
 *   transport: sink->sent           nothing refers to the capsule any more
 *
 * Data whose digest is wrong never reaches the sink: the transport answers with
 * Transient Transport Error itself, as it does to an identifier that is in use; `refused`
 * comes before that and `sent` follows.
 *
 * Threads: a queue and its capsules belong to one thread at a time.
 */
#ifndef NVMF_CAPSULE_CAPSULE_H
#define NVMF_CAPSULE_CAPSULE_H

#include "base/list.h"
#include "wire/nvme.h"

#include <stdbool.h>

struct capsule_queue;

struct capsule {
	struct nvme_sqe sqe;

	/* The response, the sink's to fill before `respond`. */
	uint32_t dw0, dw1;
	uint16_t status;		/* enum nvme_status_code | NVME_DNR */

	/* Data that came inside the capsule: the transport's memory, gone when
	 * sink->command returns, or, if it stays, when sink->settle has. */
	const uint8_t *in_capsule;
	uint32_t in_capsule_length;
	bool in_capsule_stays;

	/* The data window: where R2T data is put, or what a read sends.  The
	 * sink's memory, or (after `reserve`) the transport's. */
	uint8_t *data;
	uint32_t length;
	/* Not 0 (after `lend`): data is storage that others may write meanwhile, in
	 * blocks of so many bytes, and is only read while it is held. */
	uint32_t lent;

	struct capsule_queue *queue;
	struct list link;		/* for whoever has the capsule */

	/* The transport's own. */
	struct {
		struct capsule *next;	/* in its bucket of the in-flight table */
		struct capsule *next_sent;	/* of those that are to be told */
		uint32_t offset;	/* data moved so far */
		uint32_t asked;		/* bytes of the open R2T still to come */
		uint32_t unsent;	/* items in the send queue that refer to it */
		uint16_t ttag;
		bool is_tracked, is_receiving, is_reserved, is_corrupt, is_write;
		bool is_given_up;
		bool has_ended;
	} tcp;
};

/* What a sink offers a transport. */
struct capsule_sink_ops {
	/* An empty capsule; NULL ends the connection. */
	struct capsule *(*get)(struct capsule_queue *);
	void (*command)(struct capsule *);
	void (*received)(struct capsule *);
	/* Optional: the transport answers with `status` itself, which may still be changed. */
	void (*refused)(struct capsule *);
	/* Optional: another command has come under the identifier of this one, which its host
	 * may have given up.  True: that has been dropped, and the other is as good as any. */
	bool (*yields)(struct capsule *, const struct capsule *other);
	/* Optional: all that came together has been delivered, or something is about to
	 * be sent.  What the sink has responded to and not yet done, it does now. */
	void (*settle)(struct capsule_queue *);
	/* The end of every capsule that `get` gave, also when the connection
	 * ended meanwhile. */
	void (*sent)(struct capsule *);
	/* Of a capsule with lent data, and as a backend's: see storage/backend.h.
	 * `offset` within the data. */
	uint32_t (*hold)(struct capsule *, uint32_t offset, uint32_t length, bool wait);
	void (*release)(struct capsule *, uint32_t offset, uint32_t length);
};

/* What a host's queue offers its transport: the command it gave has ended, with
 * dw0, dw1 and status set and a read's data in place. */
struct capsule_host_ops {
	void (*completed)(struct capsule *);
};

/* What a transport offers a sink. */
struct capsule_transport_ops {
	/* Fetches length bytes into data.  Never fails; the queue may end
	 * before `received` comes, and then `sent` does, from within when the
	 * queue has been closed already. */
	void (*receive)(struct capsule *);
	/*
	 * A place for `length` bytes of read data within what is about to be
	 * sent: sets data and length.  False: there is none, bring a buffer.
	 * Nothing else may happen on the queue until `respond`.
	 */
	bool (*reserve)(struct capsule *, uint32_t length);
	/*
	 * Read data that stays where it is, in storage: sets data, length and lent.
	 * A block that is sent is of one moment.  False: it must be copied.
	 */
	bool (*lend)(struct capsule *, const void *data, uint32_t length, uint32_t block_size);
	/* The command under way with this identifier; NULL: there is none. */
	struct capsule *(*find)(struct capsule_queue *, uint16_t cid);
	/* What is being received is not wanted any more: no more is asked for, and when what
	 * has been is there, this is the response.  False: nothing is being received. */
	bool (*give_up)(struct capsule *, uint16_t status);
	/*
	 * Queues the response; with status 0 and a length the data before it.
	 * `sent` may be called from within.
	 */
	void (*respond)(struct capsule *);
	/* No response: its host waits for none.  Nothing of it has been asked for or sent;
	 * `sent` is called from within. */
	void (*drop)(struct capsule *);
};

/* One queue, seen from both sides.  The sink embeds it. */
struct capsule_queue {
	const struct capsule_sink_ops *sink;		/* a controller's */
	const struct capsule_host_ops *host;		/* or a host's */
	const struct capsule_transport_ops *transport;
	void *connection;		/* the transport's */
};

static inline void capsule_receive(struct capsule *c)
{
	c->queue->transport->receive(c);
}

static inline bool capsule_reserve(struct capsule *c, uint32_t length)
{
	return c->queue->transport->reserve(c, length);
}

static inline bool capsule_lend(struct capsule *c, const void *data, uint32_t length,
				uint32_t block_size)
{
	return c->queue->transport->lend(c, data, length, block_size);
}

static inline struct capsule *capsule_find(struct capsule_queue *q, uint16_t cid)
{
	return q->transport->find(q, cid);
}

static inline void capsule_drop(struct capsule *c)
{
	c->queue->transport->drop(c);
}

static inline bool capsule_give_up(struct capsule *c, uint16_t status)
{
	return c->queue->transport->give_up(c, status);
}

static inline void capsule_respond(struct capsule *c)
{
	c->queue->transport->respond(c);
}

static inline uint16_t capsule_cid(const struct capsule *c)
{
	return le16_get(c->sqe.cid);
}

#endif
