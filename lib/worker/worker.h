/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event loop on a thread of its own.  What belongs to a worker is touched by
 * its thread alone; everything that crosses workers is a message.
 */
#ifndef NVMF_WORKER_WORKER_H
#define NVMF_WORKER_WORKER_H

#include "base/list.h"
#include "base/log.h"
#include "base/timer.h"
#include "qpair/qpair.h"
#include "worker/pool.h"

#include <stdint.h>

struct worker;

/* A descriptor and what happens when it is ready; `events` as epoll's. */
struct worker_source {
	void (*ready)(struct worker_source *, uint32_t events);
};

/* A message lies in its sender's or its subject's memory, so that sending never
 * fails.  `run` is called on the receiving worker; the message is then free. */
struct worker_message {
	struct worker_message *next;
	void (*run)(struct worker_message *);
};

struct worker_settings {
	size_t buffers;			/* bytes of the buffer pool */
	size_t largest;			/* bytes of its largest buffer */
	size_t in_capsule;		/* bytes that a capsule may bring along */
	uint64_t poll;			/* ns; see struct worker */
	const struct log *log;
};

struct worker {
	unsigned int index;
	uint64_t now;			/* ns, CLOCK_MONOTONIC, once a turn */
	uint64_t idle_at;		/* ns; when it last had had nothing to do */
	uint64_t brief_at;		/* ns; when a connection with little to do had a turn */
	struct timer_heap timers;
	struct pool *pool;
	struct tcp_memory memory;	/* the pool, as connections see it */
	struct qpair_buffer receive;	/* shared by its connections */
	struct list connections;
	struct list again;		/* connections with more to receive */
	struct list dirty;		/* connections with something to send */
	struct list starved;		/* connections not read for want of memory */
	struct list leaving;		/* connections on the way to another worker */
	struct list buried;		/* ended, freed at the end of the turn */
	/* For so long, ns, it looks for more before it sleeps, where pauses are mostly
	 * no longer; 0: it sleeps at once. */
	uint64_t poll;
	size_t heap_most;		/* bytes that may be lent from the heap at once */
	size_t overflow;		/* bytes of the heap lent while the pool was empty */
	/* Called once a turn, before the worker sleeps. */
	void (*flush)(struct worker *);
	void *attached;			/* the composition root's */
	const struct log *log;
	struct worker_private *private;
};

/* 0 or -errno with a sentence in `error`.  The thread is not started yet. */
int worker_open(struct worker **, unsigned int index, const struct worker_settings *,
		char *error, size_t error_size);
int worker_start(struct worker *);
/* One turn of the loop, for who drives a worker without its thread: waits for
 * `most_ms` at most (-1: as long as it takes). */
void worker_turn(struct worker *, int most_ms);
/* ... and has a loop of his own: the descriptor to poll for reading, and in how
 * many ms, rounded up, a turn is due although nothing came; -1: never. */
int worker_fd(const struct worker *);
int worker_due(const struct worker *);
/* Thread: any.  Asks the loop to end; joins it. */
void worker_stop(struct worker *);
/* After worker_stop. */
void worker_close(struct worker *);

/* Thread: the worker's, or any before worker_start.  0 or -errno. */
int worker_watch(struct worker *, int fd, uint32_t events, struct worker_source *);
void worker_unwatch(struct worker *, int fd);

/* Thread: any. */
void worker_post(struct worker *, struct worker_message *);

/*
 * Thread: the worker's.  Memory for what can't wait: from the pool, or when that
 * is empty from the heap, up to a capsule's data or WORKER_HEAP_LEAST bytes.
 */
#define WORKER_HEAP_LEAST (32u << 10)
void *worker_take(struct worker *, size_t size);
void worker_give(struct worker *, void *memory, size_t size);

/* Of CLOCK_MONOTONIC, ns. */
uint64_t worker_clock(void);

/* Had it nothing to do just before this turn? */
static inline bool worker_was_idle(const struct worker *w)
{
	return w->idle_at == w->now;
}

/* ... or so lately that it is no bottleneck? */
#define WORKER_HAS_TIME_NS (1 * NS_PER_MS)
static inline bool worker_has_time(const struct worker *w)
{
	return w->now - w->idle_at < WORKER_HAS_TIME_NS;
}

/* Is there somebody with little to do, who would wait for those with much? */
#define WORKER_LATELY_NS (10 * NS_PER_MS)
static inline bool worker_has_brief(const struct worker *w)
{
	return w->now - w->brief_at < WORKER_LATELY_NS;
}

#endif
