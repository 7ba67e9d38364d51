/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data buffers of one worker: a fixed arena cut by the buddy scheme, so that a
 * buffer is always contiguous and memory is always bounded.
 *
 * A part of the arena is kept for what must go on while commands wait for
 * buffers (POOL_URGENT: responses, data that came inside capsules): such users
 * give their buffers back without any host's help, so nothing can lock up.
 *
 * Threads: one worker's.
 */
#ifndef NVMF_WORKER_POOL_H
#define NVMF_WORKER_POOL_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_SMALLEST 4096u

enum pool_urgency {
	POOL_ORDINARY,
	POOL_MODEST,		/* passes those that wait, in half of what is kept back */
	POOL_URGENT,
};

/* Someone with commands that wait for buffers. */
struct pool_waiter {
	struct list link;
	/* Starts one waiting command.  POOL_LATER: the pool is too empty. */
	enum pool_answer { POOL_SERVED, POOL_LATER, POOL_NO_MORE } (*serve)(struct pool_waiter *);
};

struct pool;

/* size: bytes of the arena; largest: bytes of the largest buffer, a power of
 * two.  0 or -ENOMEM. */
int pool_open(struct pool **, size_t size, size_t largest);
void pool_close(struct pool *);

/* At least `size` bytes, aligned to POOL_SMALLEST; NULL: not now. */
void *pool_take(struct pool *, size_t size, enum pool_urgency);
/* What that takes of the arena. */
size_t pool_block(size_t size);
/* `size` as it was taken. */
void pool_give(struct pool *, void *buffer, size_t size);

/*
 * The kernel gives pages to what is used, and would never have them back.  So the
 * owner ends a period now and then, and the pool shrinks to what was used within it,
 * by one largest block a call, until pool_shrink says false.
 */
void pool_end_period(struct pool *);
bool pool_shrink(struct pool *);
/* Whether there is a reason to end a period: not where all has been quiet. */
bool pool_may_shrink(const struct pool *);

/* Queues a waiter, or leaves it in its place. */
void pool_wait(struct pool *, struct pool_waiter *);
/* Takes a waiter off the queue, where it may have been in the others' way. */
void pool_wait_no_more(struct pool *, struct pool_waiter *);
/* Whether ordinary users must queue up behind those who wait. */
bool pool_is_contended(const struct pool *);
/* Whether pool_serve might do something: what was given back at the end of a turn
 * must not lie there until something else happens. */
bool pool_has_turns(const struct pool *);
/* Serves the waiters in turn with what has been given back since; whether
 * anybody was. */
bool pool_serve(struct pool *);

bool pool_owns(const struct pool *, const void *buffer);
size_t pool_used(const struct pool *);
size_t pool_size(const struct pool *);
/* What ordinary users may still take, bytes. */
size_t pool_free(const struct pool *);

#endif
