/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock of one word for sections of well under a microsecond: an atomic
 * exchange to take it, a release store to give it back, and no system call
 * unless its holder was put to sleep by the scheduler.
 */
#ifndef NVMFD_BACKEND_SPIN_H
#define NVMFD_BACKEND_SPIN_H

#include <sched.h>
#include <stdatomic.h>

/* Turns before the processor is offered to others: the holder may be a thread
 * that this very processor should run. */
#define SPIN_TURNS 200

typedef atomic_uint spin_lock_t;

#if defined(__x86_64__) || defined(__i386__)
static inline void spin_pause(void)
{
	__builtin_ia32_pause();
}
#else
static inline void spin_pause(void)
{
}
#endif

static inline void spin_wait(spin_lock_t *l)
{
	unsigned int turns = 0;

	while (atomic_load_explicit(l, memory_order_relaxed)) {
		spin_pause();
		if (++turns % SPIN_TURNS == 0)
			sched_yield();
	}
}

static inline void spin_lock(spin_lock_t *l)
{
	while (atomic_exchange_explicit(l, 1, memory_order_acquire))
		spin_wait(l);
}

static inline void spin_unlock(spin_lock_t *l)
{
	atomic_store_explicit(l, 0, memory_order_release);
}

#endif
