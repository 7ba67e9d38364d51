/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of one word that are held for well under a microsecond, or for one system
 * call that does not wait: an atomic operation to take one, another to give it back,
 * and no system call unless its holder was put to sleep by the scheduler.
 */
#ifndef NVMFD_BACKEND_SPIN_H
#define NVMFD_BACKEND_SPIN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

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

/* Until none of `bits` is set. */
static inline void spin_wait(atomic_uint *word, unsigned int bits)
{
	unsigned int turns = 0;

	while (atomic_load_explicit(word, memory_order_acquire) & bits) {
		spin_pause();
		if (++turns % SPIN_TURNS == 0)
			sched_yield();
	}
}

static inline void spin_lock(spin_lock_t *l)
{
	while (atomic_exchange_explicit(l, 1, memory_order_acquire))
		spin_wait(l, 1);
}

static inline void spin_unlock(spin_lock_t *l)
{
	atomic_store_explicit(l, 0, memory_order_release);
}

/* ---- shared by many, or one's alone -------------------------------------------------- */

/* How many share it, and a bit for who has it alone or waits for those to go: they
 * get no followers meanwhile. */
typedef atomic_uint share_lock_t;

#define SHARE_ALONE 0x80000000u

/* False: somebody has it alone, or soon will. */
static inline bool share_try(share_lock_t *l)
{
	if (!(atomic_fetch_add_explicit(l, 1, memory_order_acquire) & SHARE_ALONE))
		return true;
	atomic_fetch_sub_explicit(l, 1, memory_order_relaxed);
	return false;
}

static inline void share_lock(share_lock_t *l)
{
	while (!share_try(l))
		spin_wait(l, SHARE_ALONE);
}

static inline void share_unlock(share_lock_t *l)
{
	atomic_fetch_sub_explicit(l, 1, memory_order_release);
}

/* Who calls this shares it not even once. */
static inline void share_lock_alone(share_lock_t *l)
{
	while (atomic_fetch_or_explicit(l, SHARE_ALONE, memory_order_acquire) & SHARE_ALONE)
		spin_wait(l, SHARE_ALONE);
	spin_wait(l, ~SHARE_ALONE);
}

/* False: somebody has it, alone or not. */
static inline bool share_try_alone(share_lock_t *l)
{
	unsigned int nobody = 0;

	return atomic_compare_exchange_strong_explicit(l, &nobody, SHARE_ALONE,
						       memory_order_acquire,
						       memory_order_relaxed);
}

static inline void share_unlock_alone(share_lock_t *l)
{
	atomic_fetch_and_explicit(l, ~SHARE_ALONE, memory_order_release);
}

#endif
