/* SPDX-License-Identifier: BSD-2-Clause */
/* Asynchronous Event Requests: held until there is an event. */
#include "controller/controller.h"

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
}

void event_abort_all(struct controller *c, uint16_t status)
{
	while (c->aer_count)
		request_end(c->aers[--c->aer_count], status);
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
