/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous events (Base Specification 2.0, section 5.2): requests that are held
 * until something happens, and notices that wait for a request.
 *
 * A notice is sent once and is then masked until its log is read without RAE: what
 * happens meanwhile stands in the log.  What happens while no request is there waits.
 */
#include "controller/controller.h"

#include <stdlib.h>

#define TYPE_ERROR 0
#define TYPE_HEALTH 1
#define TYPE_NOTICE 2
/* "Specific to a set of commands": the controller goes on. */
#define ERROR_TRANSIENT 0x04
#define HEALTH_TEMPERATURE 0x01

static const struct {
	uint32_t config;		/* its bit in the feature and in OAES; 0: no choice */
	uint32_t dw0;
} notices[NOTICES] = {
	[NOTICE_FAILURE] = { 0, NVME_EVENT(TYPE_ERROR, ERROR_TRANSIENT, NVME_LOG_ERROR) },
	[NOTICE_NAMESPACES] = { NVME_OAES_NS_ATTRIBUTE,
				NVME_EVENT(TYPE_NOTICE, 0x00, NVME_LOG_CHANGED_NS) },
	[NOTICE_DISCOVERY] = { NVME_OAES_DISCOVERY_CHANGE,
			       NVME_EVENT(TYPE_NOTICE, 0xf0, NVME_LOG_DISCOVERY) },
	[NOTICE_TEMPERATURE] = { NVME_WARNING_TEMPERATURE,
				 NVME_EVENT(TYPE_HEALTH, HEALTH_TEMPERATURE, NVME_LOG_HEALTH) },
};

static void send_notices(struct controller *c)
{
	for (enum notice n = 0; n < NOTICES; n++) {
		struct notice_state *s = &c->notices[n];

		if (!s->is_pending || s->is_masked || !c->aer_count)
			continue;
		s->is_pending = false;
		s->is_masked = true;
		request_end_dw0(c->aers[--c->aer_count], notices[n].dw0);
	}
}

static bool is_wanted(const struct controller *c, enum notice n)
{
	return !notices[n].config || c->async_config & notices[n].config;
}

static void note(struct controller *c, enum notice n)
{
	c->notices[n].is_pending |= is_wanted(c, n);
}

void event_configure(struct controller *c, uint32_t config)
{
	c->async_config = config;
	for (enum notice n = 0; n < NOTICES; n++)
		c->notices[n].is_pending &= is_wanted(c, n);
}

/* ---- errors ------------------------------------------------------------------------------ */

void event_failure(struct controller *c)
{
	if (c->is_ending || !c->admin || !error_is_told(c))
		return;
	note(c, NOTICE_FAILURE);
	send_notices(c);
}

/* Of what is not in that list there are news on the way. */
void event_errors_read(struct controller *c)
{
	c->notices[NOTICE_FAILURE] = (struct notice_state){ 0 };
}

/* ---- health ------------------------------------------------------------------------------ */

uint8_t event_warnings(const struct controller *c)
{
	bool is_over = TEMPERATURE >= c->features.over;
	bool is_under = TEMPERATURE <= c->features.under;

	return is_over || is_under ? NVME_WARNING_TEMPERATURE : 0;
}

/* Once for each time that it becomes so, or that the host begins to ask for it. */
void event_check_health(struct controller *c)
{
	bool is_due = event_warnings(c) & c->async_config;

	if (is_due && !c->is_too_warm)
		note(c, NOTICE_TEMPERATURE);
	c->is_too_warm = is_due;
	send_notices(c);
}

void event_health_read(struct controller *c)
{
	c->notices[NOTICE_TEMPERATURE] = (struct notice_state){ 0 };
}

void event_reset(struct controller *c)
{
	event_configure(c, 0);
	memset(c->notices, 0, sizeof(c->notices));
	free(c->changed);
	c->changed = NULL;
	c->has_changed_much = false;
	c->is_too_warm = false;
}

/* ---- namespaces ------------------------------------------------------------------------- */


static void mark_changed(struct controller *c, uint32_t nsid)
{
	if (!c->changed) {
		c->changed_most = c->subsystem->set.nn;
		c->changed = calloc(1, c->changed_most / 8 + 1);
	}
	/* Above: the highest NSID is another one by now. */
	if (c->changed && nsid <= c->changed_most)
		c->changed[nsid / 8] |= (uint8_t)(1u << nsid % 8);
	else
		c->has_changed_much = true;
}

static void tell_of_namespaces(struct controller *c)
{
	uint32_t last = c->view->last > c->told->last ? c->view->last : c->told->last;
	bool has_changed = false;

	for (uint32_t nsid = 1; nsid <= last; nsid++) {
		if (view_namespace(c->view, nsid) == view_namespace(c->told, nsid))
			continue;
		mark_changed(c, nsid);
		has_changed = true;
	}
	if (has_changed)
		note(c, NOTICE_NAMESPACES);
}

void event_namespace(struct controller *c, uint32_t nsid)
{
	if (c->is_ending || !c->admin)
		return;
	if (nsid == NVME_NSID_ALL)
		c->has_changed_much = true;
	else if (view_namespace(c->view, nsid))
		mark_changed(c, nsid);
	else
		return;
	note(c, NOTICE_NAMESPACES);
	send_notices(c);
}

/* The list has room for so many; of more it says no more than that. */
#define MUCH 0xffffffffu

void event_changed_list(const struct controller *c, le32 list[NVME_CHANGED_NS_MAX])
{
	uint32_t n = 0, most = c->changed ? c->changed_most : 0;
	bool is_much = c->has_changed_much;

	memset(list, 0, NVME_CHANGED_NS_MAX * sizeof(*list));
	for (uint32_t nsid = 1; nsid <= most && !is_much; nsid++) {
		if (!(c->changed[nsid / 8] >> nsid % 8 & 1))
			continue;
		is_much = n == NVME_CHANGED_NS_MAX;
		if (!is_much)
			list[n++] = le32_of(nsid);
	}
	if (!is_much)
		return;
	memset(list, 0, NVME_CHANGED_NS_MAX * sizeof(*list));
	list[0] = le32_of(MUCH);
}

void event_changed_list_read(struct controller *c)
{
	free(c->changed);
	c->changed = NULL;
	c->has_changed_much = false;
	c->notices[NOTICE_NAMESPACES] = (struct notice_state){ 0 };
}

/* ---- discovery ---------------------------------------------------------------------------- */

static bool is_the_same(const struct discovery_log *a, const struct discovery_log *b)
{
	size_t size = discovery_log_size(a);

	return size == discovery_log_size(b) &&
	       !memcmp(a->entries, b->entries, size - sizeof(a->header));
}

/* Whether what this host is told has changed; when in doubt, it has. */
static bool has_changed(const struct controller *c, const struct snapshot *last)
{
	struct discovery_log *was = discovery_log_new(c, last);
	struct discovery_log *is = discovery_log_new(c, c->station->model);
	bool has = !was || !is || !is_the_same(was, is);

	free(was);
	free(is);
	return has;
}

static void tell_of_discovery(struct controller *c, const struct snapshot *last)
{
	uint64_t now = c->station->model->generation;

	if (c->known_generation == now)
		return;
	c->known_generation = now;
	if (!has_changed(c, last))
		return;
	c->changed_generation = now;
	note(c, NOTICE_DISCOVERY);
}

/* What was read may be older than the last change. */
void event_discovery_read(struct controller *c)
{
	struct notice_state *s = &c->notices[NOTICE_DISCOVERY];

	s->is_masked = false;
	if (le64_get(c->discovery_log->header.genctr) >= c->changed_generation)
		s->is_pending = false;
	send_notices(c);
}

/* ---- both ---------------------------------------------------------------------------------- */

void event_tell(struct controller *c, const struct snapshot *last)
{
	if (c->is_ending || !c->admin)
		return;
	if (c->is_discovery)
		tell_of_discovery(c, last);
	else
		tell_of_namespaces(c);
	c->told = c->view;
	send_notices(c);
}

/* ---- requests ------------------------------------------------------------------------------- */

void event_hold(struct request *r)
{
	struct controller *c = r->queue->controller;

	if (c->is_ending) {
		/* It came after the others were answered; held, it would never
		 * end, nor would its queue. */
		request_end(r, NVME_ABORTED_SQ_DELETION);
		return;
	}
	if (c->aer_count == AER_LIMIT) {
		request_end(r, NVME_AER_LIMIT_EXCEEDED | NVME_DNR);
		return;
	}
	c->aers[c->aer_count++] = r;
	send_notices(c);
}

void event_abort_all(struct controller *c)
{
	while (c->aer_count)
		request_end(c->aers[--c->aer_count], NVME_ABORTED_SQ_DELETION);
}

void event_forget_all(struct controller *c)
{
	while (c->aer_count)
		capsule_drop(&c->aers[--c->aer_count]->capsule);
}

bool event_forget(const struct request *r)
{
	struct controller *c = r->queue->controller;

	/* Those of an I/O queue are none: nobody but the owner may look at his. */
	if (!c || r->queue->qid)
		return false;
	for (unsigned int i = 0; i < c->aer_count; i++) {
		if (c->aers[i] != r)
			continue;
		event_forget_all(c);
		return true;
	}
	return false;
}

bool event_abort_one(struct controller *c, uint16_t cid)
{
	for (unsigned int i = 0; i < c->aer_count; i++) {
		struct request *r = c->aers[i];

		if (capsule_cid(&r->capsule) != cid)
			continue;
		c->aers[i] = c->aers[--c->aer_count];
		request_end(r, NVME_ABORT_REQUESTED);
		return true;
	}
	return false;
}
