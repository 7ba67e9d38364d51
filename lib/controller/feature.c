/* SPDX-License-Identifier: BSD-2-Clause */
/* Set Features and Get Features (Base Specification 2.0, section 5.27). */
#include "controller/controller.h"

/* ---- Number of Queues -------------------------------------------------------------------- */

static uint32_t queues_dw0(uint32_t granted)
{
	uint32_t zero_based = granted ? granted - 1 : 0;

	return zero_based | zero_based << 16;
}

static void set_queues(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;
	uint32_t submission = value & 0xffff, completion = value >> 16;
	uint32_t most = c->io_queues;

	if (submission == 0xffff || completion == 0xffff || submission != completion) {
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
		return;
	}
	if (c->has_had_queues) {
		request_end(r, NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR);
		return;
	}
	c->granted = submission + 1 < most ? submission + 1 : most;
	request_end_dw0(r, queues_dw0(c->granted));
}

static uint32_t get_queues(const struct controller *c)
{
	return queues_dw0(c->granted ? c->granted : c->io_queues);
}

static uint32_t default_queues(const struct controller *c)
{
	return queues_dw0(c->io_queues);
}

/* ---- Asynchronous Event Configuration ------------------------------------------------------ */

/* Health warnings, notices, and the notices of discovery controllers. */
#define ASYNC_DEFINED 0xf800ffffu

static void set_async(struct request *r, uint32_t value)
{
	if (value & ~ASYNC_DEFINED) {
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
		return;
	}
	event_configure(r->queue->controller, value);
	request_end(r, NVME_SUCCESS);
}

static uint32_t get_async(const struct controller *c)
{
	return c->async_config;
}

/* ---- Volatile Write Cache ---------------------------------------------------------------- */

static bool has_volatile_cache(const struct view *v)
{
	return v->has_volatile_cache;
}

/* It is the page cache's or the disk's, and stays switched on. */
static uint32_t get_cache(const struct controller *c)
{
	return 1;
}

/* ---- Keep Alive Timer ------------------------------------------------------------------------ */

static void set_keep_alive(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;

	c->kato = value;
	keep_alive_start(c);
	request_end(r, NVME_SUCCESS);
}

static uint32_t get_keep_alive(const struct controller *c)
{
	return c->kato;
}

static uint32_t zero(const struct controller *c)
{
	return 0;
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct feature {
	uint8_t fid;
	bool in_discovery;
	const char *name;
	void (*set)(struct request *, uint32_t value);	/* NULL: not changeable */
	uint32_t (*get)(const struct controller *);
	uint32_t (*get_default)(const struct controller *);
	bool (*is_offered)(const struct view *);	/* NULL: always */
} features[] = {
	{ NVME_FEAT_VOLATILE_CACHE, false, "Volatile Write Cache", NULL, get_cache, get_cache,
	  has_volatile_cache },
	{ NVME_FEAT_QUEUES, false, "Number of Queues", set_queues, get_queues, default_queues,
	  NULL },
	{ NVME_FEAT_ASYNC_EVENT, true, "Asynchronous Event Configuration", set_async, get_async,
	  zero, NULL },
	{ NVME_FEAT_KEEP_ALIVE, true, "Keep Alive Timer", set_keep_alive, get_keep_alive, zero,
	  NULL },
};

static bool is_offered(const struct feature *f, const struct queue *q)
{
	if (q->is_discovery && !f->in_discovery)
		return false;
	return !f->is_offered || f->is_offered(q->view);
}

static const struct feature *find_feature(const struct request *r)
{
	uint8_t fid = (uint8_t)le32_get(r->capsule.sqe.cdw10);

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].fid == fid && is_offered(&features[i], r->queue))
			return &features[i];
	return NULL;
}

void set_features_execute(struct request *r)
{
	const struct feature *f = find_feature(r);

	if (!f)
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
	else if (le32_get(r->capsule.sqe.cdw10) & NVME_FEAT_SAVE)
		request_end(r, NVME_FEATURE_NOT_SAVEABLE | NVME_DNR);
	else if (!f->set)
		request_end(r, NVME_FEATURE_NOT_CHANGEABLE | NVME_DNR);
	else
		f->set(r, le32_get(r->capsule.sqe.cdw11));
}

/* SEL: current, default, saved, supported capabilities. */
enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_SUPPORTED };
#define CAPABILITY_CHANGEABLE 0x4u

void get_features_execute(struct request *r)
{
	const struct controller *c = r->queue->controller;
	const struct feature *f = find_feature(r);

	if (!f) {
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
		return;
	}
	switch (NVME_FEAT_SELECT(le32_get(r->capsule.sqe.cdw10))) {
	case SELECT_CURRENT:
		request_end_dw0(r, f->get(c));
		break;
	case SELECT_DEFAULT:
	case SELECT_SAVED:	/* nothing is saved: the default (section 5.27.1) */
		request_end_dw0(r, f->get_default(c));
		break;
	case SELECT_SUPPORTED:
		request_end_dw0(r, f->set ? CAPABILITY_CHANGEABLE : 0);
		break;
	default:
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
	}
}
