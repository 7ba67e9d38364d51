/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous events (section 5.2).  One request is always with the controller: it
 * keeps further events until the next one comes.
 */
#include "host/internal.h"

#include <errno.h>

static void answered(void *cookie, const struct nvmf_completion *completion);

static int request(struct nvmf_ctrl *ctrl)
{
	struct nvme_sqe sqe = { .opcode = NVME_ADMIN_ASYNC_EVENT };
	int error = host_queue_submit_sqe(&ctrl->admin, &sqe, NULL, 0, false, answered, ctrl);

	if (error)
		return error;
	host_queue_park(&ctrl->admin);
	ctrl->events.is_awaited = true;
	return 0;
}

/* There will be no more. */
static void end(struct nvmf_ctrl *ctrl)
{
	nvmf_on_event *call = ctrl->events.call;

	ctrl->events.call = NULL;
	if (call)
		call(ctrl->events.cookie, NULL);
}

/* The next request goes first: what the program submits might take its place. */
static void hand_over(struct nvmf_ctrl *ctrl, const struct nvmf_completion *c)
{
	struct nvmf_event event = { .type = c->dw0 & 7, .info = c->dw0 >> 8 & 0xff,
				    .log_page = c->dw0 >> 16 & 0xff, .parameter = c->dw1 };
	int error;

	if (!ctrl->events.call)
		return;
	error = request(ctrl);
	ctrl->events.call(ctrl->events.cookie, &event);
	if (error)
		end(ctrl);
}

static void answered(void *cookie, const struct nvmf_completion *completion)
{
	struct nvmf_ctrl *ctrl = cookie;

	ctrl->events.is_awaited = false;
	if (!completion->error && nvmf_status_is_success(completion->status)) {
		hand_over(ctrl, completion);
		return;
	}
	if (!completion->error)
		host_queue_fail_completion(&ctrl->admin, completion, false,
					   "Asynchronous Event Request");
	end(ctrl);
}

int host_events_start(struct nvmf_ctrl *ctrl)
{
	return ctrl->events.call && !ctrl->events.is_awaited ? request(ctrl) : 0;
}

int nvmf_ctrl_on_event(struct nvmf_ctrl *ctrl, nvmf_on_event *call, void *cookie)
{
	if (call && ctrl->admin.depth < 2)
		return host_queue_fail(&ctrl->admin, -EINVAL,
				       "an admin queue of 2 entries has no place for events");
	ctrl->events.call = call;
	ctrl->events.cookie = cookie;
	return ctrl->was_connected ? host_events_start(ctrl) : 0;
}
