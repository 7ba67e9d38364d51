/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/timer.h"

/* Lets *link lead to t and what is beside it. */
static void set_link(struct timer **link, struct timer *t)
{
	*link = t;
	if (t)
		t->link = link;
}

/* Puts the later of two heaps below the earlier one, which stands alone then. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *top = a->when <= b->when ? a : b, *below = top == a ? b : a;

	set_link(&below->next, top->child);
	set_link(&top->child, below);
	top->next = NULL;
	return top;
}

/*
 * Makes one heap of a row of them: first each with its neighbour, then what that
 * gave from the last to the first, so that the row of a later time is half as
 * long.
 */
static struct timer *meld_row(struct timer *row)
{
	struct timer *pairs = NULL, *all;

	while (row) {
		struct timer *one = row, *two = row->next;

		row = two ? two->next : NULL;
		if (two)
			one = meld(one, two);
		one->next = pairs;
		pairs = one;
	}
	if (!pairs)
		return NULL;
	all = pairs;
	pairs = pairs->next;
	all->next = NULL;
	while (pairs) {
		struct timer *one = pairs;

		pairs = pairs->next;
		all = meld(all, one);
	}
	return all;
}

static void add(struct timer_heap *h, struct timer *t)
{
	set_link(&h->first, h->first ? meld(h->first, t) : t);
}

void timer_arm(struct timer_heap *h, struct timer *t, uint64_t when)
{
	timer_cancel(h, t);
	t->when = when;
	add(h, t);
}

void timer_cancel(struct timer_heap *h, struct timer *t)
{
	struct timer *below;

	if (!t->link)
		return;
	set_link(t->link, t->next);
	below = meld_row(t->child);
	t->child = t->next = NULL;
	t->link = NULL;
	if (below)
		add(h, below);
}

void timer_run(struct timer_heap *h, uint64_t now)
{
	while (h->first && h->first->when <= now) {
		struct timer *t = h->first;

		timer_cancel(h, t);
		t->fire(t);
	}
}
