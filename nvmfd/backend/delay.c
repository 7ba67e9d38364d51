/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wrapper that makes storage slow: an operation waits in the lane's timers
 * and only then goes to the storage behind, so that none holds a buffer of the
 * kernel or a place in an engine meanwhile, and each can be recalled.
 */
#include "storage/backend.h"
#include "backend/kinds.h"
#include "backend/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct delay {
	struct backend base;
	struct backend *inner;
	uint64_t ns[BACKEND_OPCODES];
};

/* What lies in backend_op.scratch until the delay is over. */
struct held {
	struct timer timer;
	struct delay *delay;
	struct backend_lane *lane;
	bool is_recalled;
};

static_assert(sizeof(struct held) <= sizeof(((struct backend_op *)0)->scratch),
	      "an operation has too little room to be held back");

static struct backend_op *op_of(struct held *h)
{
	return (struct backend_op *)((char *)h -
				     offsetof(struct backend_op, scratch));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void fire(struct timer *t)
{
	struct held *h = (struct held *)t;
	struct backend_op *op = op_of(h);
	int r = -ECANCELED;

	op->holder = NULL;
	/* From the submit on the room of `held` is the storage's. */
	if (!h->is_recalled)
		r = backend_submit(h->delay->inner, h->lane, op);
	if (r != BACKEND_PENDING)
		op->done(op, r);
}

static int delay_submit(struct backend *b, struct backend_lane *lane,
			struct backend_op *op)
{
	struct delay *d = (struct delay *)b;
	struct held *h = (struct held *)op->scratch;

	op->holder = NULL;
	if (!d->ns[op->opcode])
		return backend_submit(d->inner, lane, op);
	*h = (struct held){ .delay = d, .lane = lane };
	timer_init(&h->timer, fire);
	timer_arm(lane->timers, &h->timer, now_ns() + d->ns[op->opcode]);
	op->holder = b;
	return BACKEND_PENDING;
}

static int delay_cancel(struct backend *b, struct backend_lane *lane,
			struct backend_op *op)
{
	struct delay *d = (struct delay *)b;
	struct held *h = (struct held *)op->scratch;

	if (op->holder != b)
		return backend_cancel(d->inner, lane, op);
	h->is_recalled = true;
	timer_arm(lane->timers, &h->timer, 0);
	return 0;
}

static int delay_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	return backend_resize(((struct delay *)b)->inner, bytes, now);
}

static void delay_close(struct backend *b)
{
	struct delay *d = (struct delay *)b;

	backend_close(d->inner);
	free(d);
}

static const struct backend_ops delay_ops = {
	.submit = delay_submit,
	.cancel = delay_cancel,
	.resize = delay_resize,
	.close = delay_close,
};

int delay_open(struct backend **out, const struct backend_wrapper *w,
	       struct backend *inner, char *error, size_t error_size)
{
	struct delay *d = calloc(1, sizeof(*d));

	if (!d) {
		snprintf(error, error_size, "no memory for a delay");
		return -ENOMEM;
	}
	d->base = (struct backend){ .ops = &delay_ops, .info = inner->info };
	d->inner = inner;
	for (int i = 0; i < BACKEND_OPCODES; i++)
		d->ns[i] = w->ms[i] * NS_PER_MS;
	if (d->ns[BACKEND_READ] || d->ns[BACKEND_WRITE])
		d->base.info.is_immediate = false;
	*out = &d->base;
	return 0;
}
