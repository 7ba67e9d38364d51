/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of one thread, as a pairing heap that lies in the timers themselves: to
 * arm one takes no memory and can't fail.  Pure: the caller says what time it is,
 * in nanoseconds of a clock of its choosing.
 *
 * Thread: a heap and its timers belong to one thread.
 * Ownership: the struct timer belongs to the caller, who cancels it before
 * freeing it.
 */
#ifndef NVMF_BASE_TIMER_H
#define NVMF_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

struct timer {
	uint64_t when;		/* ns */
	struct timer *child;	/* the first of those below, none of them earlier */
	struct timer *next;	/* beside it, below the same */
	struct timer **link;	/* what leads to it; NULL: not armed */
	void (*fire)(struct timer *);
};

struct timer_heap {
	struct timer *first;
};

static inline void timer_heap_init(struct timer_heap *h)
{
	h->first = NULL;
}

static inline void timer_init(struct timer *t, void (*fire)(struct timer *))
{
	*t = (struct timer){ .fire = fire };
}

static inline bool timer_is_armed(const struct timer *t)
{
	return t->link;
}

/* Arms the timer, or moves it when it is armed already. */
void timer_arm(struct timer_heap *, struct timer *, uint64_t when);
void timer_cancel(struct timer_heap *, struct timer *);

/* When the next timer is due; UINT64_MAX: there is none. */
static inline uint64_t timer_next(const struct timer_heap *h)
{
	return h->first ? h->first->when : UINT64_MAX;
}

/* Fires every timer that was due at `now`; each is unarmed before its call, so
 * that the call may arm it again or free it. */
void timer_run(struct timer_heap *, uint64_t now);

#endif
