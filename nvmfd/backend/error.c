/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wrapper that makes storage fail: chosen operations get an errno in place
 * of being done.
 *
 * Which of them is a function of the seed and of the operation's number alone,
 * so that a run of one worker can be repeated.
 */
#include "storage/backend.h"
#include "backend/kinds.h"
#include "backend/registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct failing {
	struct backend base;
	struct backend *inner;
	struct backend_wrapper how;
	/* All workers count together. */
	atomic_uint_fast64_t chosen;	/* operations that could fail */
	atomic_uint_fast64_t failed;
};

/* The finalizer of SplitMix64: as good as chance. */
static uint64_t scramble(uint64_t n)
{
	n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

/* A flush has no place: it is everywhere. */
static bool is_in_range(const struct backend_wrapper *how,
			const struct backend_op *op)
{
	if (op->opcode == BACKEND_FLUSH)
		return true;
	return op->offset < how->offset ?
		how->offset - op->offset < op->length :
		!how->length || op->offset - how->offset < how->length;
}

static bool has_bad_luck(struct failing *f)
{
	const struct backend_wrapper *how = &f->how;
	uint64_t n = atomic_fetch_add(&f->chosen, 1);

	if (n < how->after)
		return false;
	if (scramble(how->seed + n) % BACKEND_RATE_ALWAYS >= how->rate)
		return false;
	return !how->count || atomic_fetch_add(&f->failed, 1) < how->count;
}

static int error_submit(struct backend *b, struct backend_lane *lane,
			struct backend_op *op)
{
	struct failing *f = (struct failing *)b;
	int error = f->how.error[op->opcode];

	op->holder = NULL;
	if (error && is_in_range(&f->how, op) && has_bad_luck(f))
		return -error;
	return backend_submit(f->inner, lane, op);
}

static int error_cancel(struct backend *b, struct backend_lane *lane,
			struct backend_op *op)
{
	return backend_cancel(((struct failing *)b)->inner, lane, op);
}

static int error_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	return backend_resize(((struct failing *)b)->inner, bytes, now);
}

static void error_close(struct backend *b)
{
	struct failing *f = (struct failing *)b;

	backend_close(f->inner);
	free(f);
}

static const struct backend_ops error_ops = {
	.submit = error_submit,
	.cancel = error_cancel,
	.resize = error_resize,
	.close = error_close,
};

int error_open(struct backend **out, const struct backend_wrapper *w,
	       struct backend *inner, char *error, size_t error_size)
{
	struct failing *f = calloc(1, sizeof(*f));

	if (!f) {
		snprintf(error, error_size, "no memory for an error wrapper");
		return -ENOMEM;
	}
	f->base = (struct backend){ .ops = &error_ops, .info = inner->info };
	f->inner = inner;
	f->how = *w;
	*out = &f->base;
	return 0;
}
