/* SPDX-License-Identifier: BSD-2-Clause */
/* All of a controller at once: its descriptor, its next deadline, its processing. */
#include "host/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

/* The admin queue, the I/O queues, and the one that is connecting. */
static unsigned int queues_of(const struct nvmf_ctrl *ctrl)
{
	return 1 + ctrl->queue_count + (ctrl->opening ? 1 : 0);
}

static struct nvmf_queue *queue_at(struct nvmf_ctrl *ctrl, unsigned int i)
{
	if (!i)
		return &ctrl->admin;
	return i <= ctrl->queue_count ? ctrl->queues[i - 1] : ctrl->opening;
}

/* Nothing else of a detached queue may be looked at: it is another thread's. */
static bool is_ours(const struct nvmf_queue *q)
{
	return !q->is_detached && q->stage != STAGE_CLOSED;
}

/* ---- the descriptor ------------------------------------------------------------------------ */

static uint32_t wanted_events(const struct nvmf_queue *q)
{
	short events = nvmf_queue_events(q);

	return (events & POLLIN ? (uint32_t)EPOLLIN : 0) |
	       (events & POLLOUT ? (uint32_t)EPOLLOUT : 0);
}

int host_queue_watch(struct nvmf_queue *q)
{
	struct epoll_event event = { .events = wanted_events(q), .data.ptr = q };

	if (q->watched == event.events)
		return 0;
	if (epoll_ctl(q->ctrl->epoll_fd, q->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		      q->qpair.net.fd, &event))
		return host_queue_fail(q, -errno, "epoll_ctl: %s", strerror(errno));
	q->watched = event.events;
	return 0;
}

void host_queue_unwatch(struct nvmf_queue *q)
{
	if (q->watched)
		epoll_ctl(q->ctrl->epoll_fd, EPOLL_CTL_DEL, q->qpair.net.fd, NULL);
	q->watched = 0;
}

int nvmf_ctrl_fd(const struct nvmf_ctrl *ctrl)
{
	return ctrl->epoll_fd;
}

/* ---- when, and what --------------------------------------------------------------------------- */

/* What was submitted and not yet given to the socket is due at once. */
static uint64_t next_of(const struct nvmf_queue *q)
{
	return host_queue_has_unsent(q) ? 0 : host_queue_next(q);
}

int nvmf_ctrl_due(struct nvmf_ctrl *ctrl)
{
	uint64_t due = host_task_due(ctrl);

	for (unsigned int i = 0; i < queues_of(ctrl); i++) {
		const struct nvmf_queue *q = queue_at(ctrl, i);

		if (is_ours(q) && next_of(q) < due)
			due = next_of(q);
	}
	return host_ms_until(due);
}

/* Processes every queue of ours; the sum of ended commands. */
static int process_queues(struct nvmf_ctrl *ctrl)
{
	int sum = 0;

	for (unsigned int i = 0; i < queues_of(ctrl); i++) {
		struct nvmf_queue *q = queue_at(ctrl, i);
		int n = is_ours(q) ? nvmf_queue_process(q) : 0;

		/* An I/O queue's end is told to who uses it, and is news here. */
		sum += n < 0 ? 1 : n;
	}
	return sum;
}

int nvmf_ctrl_process(struct nvmf_ctrl *ctrl)
{
	bool was_closed = ctrl->admin.stage == STAGE_CLOSED && !ctrl->task;
	int sum = 0;

	do
		sum += process_queues(ctrl);
	while (host_task_run(ctrl));
	if (was_closed)
		return host_queue_fail_closed(&ctrl->admin);
	/* Who has closed it just now has left a sentence. */
	return ctrl->admin.stage == STAGE_CLOSED ? host_queue_closed_error(&ctrl->admin) : sum;
}

/* ---- waiting ------------------------------------------------------------------------------------- */

int nvmf_ctrl_wait(struct nvmf_ctrl *ctrl, int timeout_ms)
{
	struct epoll_event event;
	bool had_task = ctrl->task != NULL;
	int n = nvmf_ctrl_process(ctrl);

	/* The end of a task is what its starter waits for, and nothing may follow it. */
	if (n || !timeout_ms || (had_task && !ctrl->task))
		return n;
	n = epoll_wait(ctrl->epoll_fd, &event, 1, host_sooner(timeout_ms, nvmf_ctrl_due(ctrl)));
	if (n < 0 && errno != EINTR)
		return host_queue_fail(&ctrl->admin, -errno, "epoll_wait: %s", strerror(errno));
	return nvmf_ctrl_process(ctrl);
}
