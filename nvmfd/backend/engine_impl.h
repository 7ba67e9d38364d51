/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the engine: what uring.c and threads.c share with engine.c.
 *
 * engine.c decides which requests may be under way and repeats short and
 * interrupted ones; the two kinds below it only carry out.
 */
#ifndef NVMFD_BACKEND_ENGINE_IMPL_H
#define NVMFD_BACKEND_ENGINE_IMPL_H

#include "backend/engine.h"
#include "backend/spin.h"
#include "base/list.h"

#include <assert.h>
#include <linux/falloc.h>

/* What lies in io_request.scratch. */
struct io_state {
	struct list link;	/* in a waiting, posted, unsent or ended list */
	struct io_request *also;	/* a sync: the next that it answers, too */
	uint32_t moved;		/* bytes of earlier, short transfers */
	int32_t result;		/* of the last transfer */
	uint32_t repeats;	/* for EINTR and EAGAIN */
};

static_assert(sizeof(struct io_state) <= sizeof(((struct io_request *)0)->scratch),
	      "the engine's part of a request is too small");

static inline struct io_state *io_state(struct io_request *r)
{
	return (struct io_state *)r->scratch;
}

static inline struct io_request *io_request_of(struct list *link)
{
	return (struct io_request *)((char *)link -
				     offsetof(struct io_request, scratch));
}

/* What remains to be moved of a request. */
static inline void *io_rest_data(struct io_request *r)
{
	return (char *)r->data + io_state(r)->moved;
}

static inline uint32_t io_rest_length(struct io_request *r)
{
	return r->length - io_state(r)->moved;
}

static inline uint64_t io_rest_offset(struct io_request *r)
{
	return r->offset + io_state(r)->moved;
}

struct io_engine_ops {
	const char *name;
	/* Takes a request; never fails, never answers at once. */
	void (*start)(struct io_engine *, struct io_request *);
	void (*flush)(struct io_engine *);
	/* Calls io_engine_ended for requests that have ended: for `most` of them at
	 * the most, if it then says io_engine_stay_awake and knows has_more. */
	unsigned int (*reap)(struct io_engine *, unsigned int most);
	bool (*has_more)(const struct io_engine *, unsigned int than);
	/* Frees the engine. */
	void (*close)(struct io_engine *);
};

/*
 * Of what needs a thread, ours or the kernel's, so many may be under way on
 * one descriptor.  In io_uring those are syncs and zeros; transfers rarely do.
 */
#define IO_THREADS_PER_FD 8u

/* Requests on one descriptor: its transfers, its syncs, or its zeros.  They are apart,
 * so that none waits for a place that another kind has. */
enum io_kind { IO_TRANSFERS, IO_SYNCS, IO_ZEROS, IO_KINDS };

static inline enum io_kind io_kind_of(const struct io_request *r)
{
	if (r->opcode == IO_DATASYNC)
		return IO_SYNCS;
	return r->opcode < IO_ZERO ? IO_TRANSFERS : IO_ZEROS;
}

/* What fallocate(2) is asked for. */
static inline int io_zero_mode(const struct io_request *r)
{
	return FALLOC_FL_KEEP_SIZE |
	       (r->opcode == IO_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

struct io_queue {
	struct list waiting;
	unsigned int running;
	unsigned int most;		/* that may be running */
};

struct io_engine {
	const struct io_engine_ops *ops;
	int event_fd;
	bool is_left_awake;		/* the descriptor is readable: more is to be reaped */
	unsigned int ended_at_once;	/* ... while they were handed over */
	unsigned int pending;
	unsigned int running;		/* those that start took */
	unsigned int max_per_fd;	/* transfers under way on a descriptor */
	/* Beyond this a queue may have only one under way. */
	unsigned int many;
	/* One of each kind for each descriptor; an entry is made when it is first needed,
	 * and kept. */
	struct io_queue **queues;
	size_t queue_count;
	spin_lock_t post_lock;
	struct list posted;		/* under post_lock */
};

/* 0, -EAGAIN...: what the kernel answered.  For how many requests done was
 * called; 0: the request was started again. */
unsigned int io_engine_ended(struct io_engine *, struct io_request *, int result);
/* Makes io_engine_fd readable; any thread. */
void io_engine_wake(struct io_engine *);
/* ... for there is more to reap; the owner. */
void io_engine_stay_awake(struct io_engine *);

/* The two kinds.  `first_try`: which of the sets of flags in uring.c to begin
 * with; 0 outside tests. */
int engine_open_uring(struct io_engine **, unsigned int depth,
			 unsigned int first_try, char *error, size_t error_size);
int engine_open_threads(struct io_engine **, unsigned int depth, char *error,
			   size_t error_size);

/* For the two kinds: the common part, 0 or -errno; and its end. */
int io_engine_init(struct io_engine *, const struct io_engine_ops *);
void io_engine_fini(struct io_engine *);

#endif
