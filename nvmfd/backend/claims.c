/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/claims.h"
#include "backend/spin.h"

#include <stdlib.h>

#define PAGE 4096u
#define STRIPES_MAX 65536u

/* A stripe's word: in its lower half ALONE or how many share it, in its upper one
 * how many wait for it. */
#define ALONE UINT64_C(0x80000000)
#define HOLDERS UINT64_C(0xffffffff)
#define WAITER (UINT64_C(1) << 32)

struct claims {
	uint32_t mask;			/* of stripe numbers */
	spin_lock_t lock;		/* over waiting */
	struct list waiting;		/* oldest first */
	_Alignas(64) _Atomic uint64_t stripes[];
};

/*
 * Who waits marks his stripes first and then tries again, who releases frees a
 * stripe and sees its mark in the same exchange, so one of the two sees the
 * other.  Where nobody waits, nobody takes the lock, however many wait elsewhere.
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
	for (uint32_t i = 0; i < n; i++)
		atomic_init(&c->stripes[i], 0);
	return c;
}

void claims_free(struct claims *c)
{
	free(c);
}

static _Atomic uint64_t *stripe(struct claims *c, const struct claim *claim, uint32_t i)
{
	return &c->stripes[(claim->first + i) & c->mask];
}

/* `in_line`: he waits here himself, and is not stopped by those that do. */
static bool try_stripe(_Atomic uint64_t *word, bool is_exclusive, bool in_line)
{
	uint64_t seen = atomic_load(word), stops = is_exclusive ? HOLDERS : ALONE;

	if (!in_line)
		stops |= ~HOLDERS;
	do
		if (seen & stops)
			return false;
	while (!atomic_compare_exchange_weak(word, &seen, seen + (is_exclusive ? ALONE : 1)));
	return true;
}

/* The first `count` stripes of a claim; whether somebody waits for one of them. */
static bool free_stripes(struct claims *c, const struct claim *claim, uint32_t count)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < count; i++)
		seen |= atomic_fetch_sub(stripe(c, claim, i), claim->is_exclusive ? ALONE : 1);
	return seen & ~HOLDERS;
}

/* All or nothing. */
static bool try_all(struct claims *c, const struct claim *claim, bool in_line)
{
	for (uint32_t i = 0; i < claim->count; i++)
		if (!try_stripe(stripe(c, claim, i), claim->is_exclusive, in_line)) {
			free_stripes(c, claim, i);
			return false;
		}
	return true;
}

/* Under the lock. */
static void stand_in_line(struct claims *c, struct claim *claim)
{
	for (uint32_t i = 0; i < claim->count; i++)
		atomic_fetch_add(stripe(c, claim, i), WAITER);
	list_append(&c->waiting, &claim->link);
}

static void leave_line(struct claims *c, struct claim *claim)
{
	for (uint32_t i = 0; i < claim->count; i++)
		atomic_fetch_sub(stripe(c, claim, i), WAITER);
	list_remove(&claim->link);
}

static bool is_overlap(const struct claims *c, const struct claim *a, const struct claim *b)
{
	return ((b->first - a->first) & c->mask) < a->count ||
	       ((a->first - b->first) & c->mask) < b->count;
}

static bool is_in_conflict(const struct claims *c, const struct claim *a,
			   const struct claim *b)
{
	return (a->is_exclusive || b->is_exclusive) && is_overlap(c, a, b);
}

static bool is_within(const struct claims *c, const struct claim *inner,
		      const struct claim *outer)
{
	return ((inner->first - outer->first) & c->mask) + (uint64_t)inner->count <= outer->count;
}

/*
 * Under the lock.  `changed`: where something was freed, or somebody has come;
 * who waits elsewhere waits on.  Nobody may pass the oldest of those that wait if
 * that one would have to wait for him; so the oldest gets its turn, and then the
 * next.
 */
static void collect_grants(struct claims *c, const struct claim *changed, struct list *grants)
{
	struct claim *oldest = NULL;

	list_for_each_safe(l, &c->waiting) {
		struct claim *w = list_entry(l, struct claim, link);
		bool is_last = w->is_exclusive && is_within(c, changed, w);

		if (is_overlap(c, changed, w) && !(oldest && is_in_conflict(c, oldest, w)) &&
		    try_all(c, w, true)) {
			w->is_held = true;
			leave_line(c, w);
			list_append(grants, l);
		} else if (!oldest) {
			oldest = w;
		}
		if (is_last)	/* whoever could go now would meet this one */
			break;
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
	stand_in_line(c, claim);
	collect_grants(c, claim, &grants);
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
	return try_all(c, claim, false) || take_in_turn(c, claim);
}

void claim_release(struct claims *c, struct claim *claim)
{
	struct list grants;

	if (!free_stripes(c, claim, claim->count))
		return;
	list_init(&grants);
	spin_lock(&c->lock);
	collect_grants(c, claim, &grants);
	spin_unlock(&c->lock);
	tell(&grants, NULL);
}
