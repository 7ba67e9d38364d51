/* SPDX-License-Identifier: BSD-2-Clause */
#include "controller/target.h"

static void go_on(struct flush_all *f);

static void note(struct flush_all *f, int result)
{
	if (result < 0 && !f->result)
		f->result = result;
}

static void one_done(struct backend_op *op, int result)
{
	struct flush_all *f = container_of(op, struct flush_all, op);

	note(f, result);
	go_on(f);
}

static void go_on(struct flush_all *f)
{
	const struct subsystem *s = &f->station->target->model->subsystem;

	while (f->next < s->namespace_count) {
		const struct namespace *ns = s->in_order[f->next++];
		int r;

		if (!ns->has_volatile_cache)
			continue;
		f->op = (struct backend_op){ .opcode = BACKEND_FLUSH, .done = one_done };
		r = backend_submit(ns->backend, &f->station->lane, &f->op);
		if (r == BACKEND_PENDING)
			return;
		note(f, r);
	}
	f->done(f);
}

void flush_all_start(struct flush_all *f, struct station *s, void (*done)(struct flush_all *))
{
	*f = (struct flush_all){ .station = s, .done = done };
	go_on(f);
}
