/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/timer.h"

#include <errno.h>
#include <stdlib.h>

void timer_heap_init(struct timer_heap *h)
{
	*h = (struct timer_heap){ 0 };
}

void timer_heap_free(struct timer_heap *h)
{
	free(h->slots);
	timer_heap_init(h);
}

static void put(struct timer_heap *h, size_t i, struct timer *t)
{
	h->slots[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i, struct timer *t)
{
	while (i > 0 && h->slots[(i - 1) / 2]->when > t->when) {
		put(h, i, h->slots[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i, struct timer *t)
{
	size_t child;

	while ((child = 2 * i + 1) < h->count) {
		if (child + 1 < h->count &&
		    h->slots[child + 1]->when < h->slots[child]->when)
			child++;
		if (h->slots[child]->when >= t->when)
			break;
		put(h, i, h->slots[child]);
		i = child;
	}
	put(h, i, t);
}

static int make_room(struct timer_heap *h)
{
	size_t room = h->room ? 2 * h->room : 64;
	struct timer **slots;

	if (h->count < h->room)
		return 0;
	slots = reallocarray(h->slots, room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	h->slots = slots;
	h->room = room;
	return 0;
}

int timer_arm(struct timer_heap *h, struct timer *t, uint64_t when)
{
	timer_cancel(h, t);
	if (make_room(h))
		return -ENOMEM;
	t->when = when;
	sift_up(h, h->count++, t);
	return 0;
}

void timer_cancel(struct timer_heap *h, struct timer *t)
{
	struct timer *last;
	size_t i = t->slot - 1;

	if (!t->slot)
		return;
	t->slot = 0;
	last = h->slots[--h->count];
	if (last == t)
		return;
	if (i > 0 && h->slots[(i - 1) / 2]->when > last->when)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

uint64_t timer_next(const struct timer_heap *h)
{
	return h->count ? h->slots[0]->when : UINT64_MAX;
}

void timer_run(struct timer_heap *h, uint64_t now)
{
	while (h->count && h->slots[0]->when <= now) {
		struct timer *t = h->slots[0];

		timer_cancel(h, t);
		t->fire(t);
	}
}
