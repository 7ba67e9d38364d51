/* SPDX-License-Identifier: BSD-2-Clause */
#include "controller/target.h"

static void go_on(struct flush_all *f);

static void note(struct flush_all *f, int result)
{
	if (f->lane)
		lane_leave(f->lane);
	f->lane = NULL;
	if (result < 0 && !f->result)
		f->result = result;
}

static void one_done(struct backend_op *op, int result)
{
	struct flush_all *f = container_of(op, struct flush_all, op);

	note(f, result);
	go_on(f);
}

/* By its number: the view may have changed since the last one. */
static struct backend *next_namespace(struct flush_all *f)
{
	const struct view *v = *f->view;

	for (uint32_t i = view_after(v, f->last); i < v->count; i++) {
		const struct namespace *ns = v->in_order[i];

		if (!ns->has_volatile_cache)
			continue;
		f->last = ns->nsid;
		f->lane = &ns->lanes[f->station->worker->index];
		lane_enter(f->lane);
		return ns->backend;
	}
	return NULL;
}

static struct backend *next_device(struct flush_all *f)
{
	const struct array *devices = &f->station->model->devices;

	while (f->last < devices->count) {
		const struct device *d = devices->at[f->last++];

		if (d->backend->info.has_volatile_cache)
			return d->backend;
	}
	return NULL;
}

static void go_on(struct flush_all *f)
{
	struct backend *b;

	while ((b = f->view ? next_namespace(f) : next_device(f))) {
		int r;

		f->op = (struct backend_op){ .opcode = BACKEND_FLUSH, .done = one_done };
		r = backend_submit(b, &f->station->lane, &f->op);
		if (r == BACKEND_PENDING)
			return;
		note(f, r);
	}
	f->done(f);
}

void flush_all_start(struct flush_all *f, struct station *s, const struct view *const *view,
		     void (*done)(struct flush_all *))
{
	*f = (struct flush_all){ .station = s, .view = view, .done = done };
	go_on(f);
}
