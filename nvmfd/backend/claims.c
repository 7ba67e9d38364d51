/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/claims.h"
#include "backend/spin.h"

#include <stdlib.h>

#define PAGE 4096u
#define STRIPES_MAX 65536u

/* A stripe's word: alone, or how many share it. */
#define ALONE 0x80000000u

/* So many of those that wait are looked at when a claim is released: a bound
 * on the time, not on the number that may wait. */
#define LOOK_AT 64u

struct claims {
	uint32_t mask;			/* of stripe numbers */
	spin_lock_t lock;		/* over waiting */
	struct list waiting;		/* oldest first */
	/* Read by everybody, written by those that wait: on its own line. */
	_Alignas(64) atomic_uint waiting_count;
	_Alignas(64) atomic_uint stripes[];
};

/*
 * All atomics are sequentially consistent: who waits first counts itself and
 * then tries again, who releases first frees the stripe and then looks at the
 * count, so one of the two sees the other.
 */

struct claims *claims_new(uint64_t size)
{
	uint64_t pages = (size + PAGE - 1) / PAGE;
	uint32_t n = 64;
	struct claims *c;

	while (n < STRIPES_MAX && n < pages)
		n *= 2;
	c = aligned_alloc(64, sizeof(*c) + n * sizeof(c->stripes[0]));
	if (!c)
		return NULL;
	c->mask = n - 1;
	atomic_init(&c->lock, 0);
	list_init(&c->waiting);
	atomic_init(&c->waiting_count, 0);
	for (uint32_t i = 0; i < n; i++)
		atomic_init(&c->stripes[i], 0);
	return c;
}

void claims_free(struct claims *c)
{
	free(c);
}

static bool try_stripe(atomic_uint *word, bool is_exclusive)
{
	unsigned int seen = atomic_load(word);

	for (;;) {
		if (is_exclusive ? seen : seen & ALONE)
			return false;
		if (atomic_compare_exchange_weak(word, &seen, is_exclusive ?
						 ALONE : seen + 1))
			return true;
	}
}

/* The first `count` stripes of a claim. */
static void free_stripes(struct claims *c, const struct claim *claim,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		atomic_uint *word = &c->stripes[(claim->first + i) & c->mask];

		if (claim->is_exclusive)
			atomic_store(word, 0);
		else
			atomic_fetch_sub(word, 1);
	}
}

/* All or nothing. */
static bool try_all(struct claims *c, const struct claim *claim)
{
	for (uint32_t i = 0; i < claim->count; i++)
		if (!try_stripe(&c->stripes[(claim->first + i) & c->mask],
				claim->is_exclusive)) {
			free_stripes(c, claim, i);
			return false;
		}
	return true;
}

static bool is_in_conflict(const struct claims *c, const struct claim *a,
			   const struct claim *b)
{
	return (a->is_exclusive || b->is_exclusive) &&
	       (((b->first - a->first) & c->mask) < a->count ||
		((a->first - b->first) & c->mask) < b->count);
}

/*
 * Under the lock.  Nobody may pass the oldest of those that wait if that one
 * would have to wait for him; so the oldest gets its turn, and then the next.
 */
static void collect_grants(struct claims *c, struct list *grants)
{
	struct claim *oldest = NULL;
	unsigned int looked = 0;

	list_for_each_safe(l, &c->waiting) {
		struct claim *w = list_entry(l, struct claim, link);

		if (looked++ == LOOK_AT)
			break;
		if (!(oldest && is_in_conflict(c, oldest, w)) && try_all(c, w)) {
			w->is_held = true;
			list_remove(l);
			list_append(grants, l);
			atomic_fetch_sub(&c->waiting_count, 1);
		} else if (!oldest) {
			oldest = w;
		}
	}
}

static void tell(struct list *grants, const struct claim *but)
{
	struct list *l;

	while ((l = list_pop(grants))) {
		struct claim *w = list_entry(l, struct claim, link);

		if (w != but)
			w->granted(w);
	}
}

/* Also after a try that failed: while it lasted it may itself have stood in
 * the way of somebody who waits now. */
static bool take_in_turn(struct claims *c, struct claim *claim)
{
	struct list grants;
	bool is_held;

	list_init(&grants);
	spin_lock(&c->lock);
	list_append(&c->waiting, &claim->link);
	atomic_fetch_add(&c->waiting_count, 1);
	collect_grants(c, &grants);
	is_held = claim->is_held;
	spin_unlock(&c->lock);
	/* From here on a claim that waits belongs to who grants it. */
	tell(&grants, is_held ? claim : NULL);
	return is_held;
}

bool claim_take(struct claims *c, struct claim *claim, uint64_t offset,
		uint32_t length, bool is_exclusive)
{
	uint64_t first = offset / PAGE;
	uint64_t count = (offset + length - 1) / PAGE - first + 1;

	claim->first = (uint32_t)first & c->mask;
	claim->count = count > c->mask ? c->mask + 1 : (uint32_t)count;
	claim->is_exclusive = is_exclusive;
	claim->is_held = false;
	if (!atomic_load(&c->waiting_count) && try_all(c, claim))
		return true;
	return take_in_turn(c, claim);
}

void claim_release(struct claims *c, struct claim *claim)
{
	struct list grants;

	free_stripes(c, claim, claim->count);
	if (!atomic_load(&c->waiting_count))
		return;
	list_init(&grants);
	spin_lock(&c->lock);
	collect_grants(c, &grants);
	spin_unlock(&c->lock);
	tell(&grants, NULL);
}
