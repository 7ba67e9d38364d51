/* SPDX-License-Identifier: BSD-2-Clause */
/* For callers that wait: one queue, or all of a controller's. */
#include "host/internal.h"

#include <errno.h>
#include <poll.h>

/* The shorter of two times; -1: for ever. */
static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int poll_for(struct pollfd *fds, unsigned int count, int timeout_ms)
{
	int n = poll(fds, count, timeout_ms);

	return n < 0 && errno != EINTR ? -errno : n;
}

/* ---- one queue ---------------------------------------------------------------------------- */

/* Milliseconds until `end`, of host_now_ms; UINT64_MAX: for ever. */
static int left_until(uint64_t end)
{
	uint64_t now;

	if (end == UINT64_MAX)
		return -1;
	now = host_now_ms();
	return end > now ? (int)(end - now) : 0;
}

static uint64_t end_of(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : host_now_ms() + (uint64_t)timeout_ms;
}

static int poll_queue(struct nvmf_queue *q, int timeout_ms)
{
	struct pollfd p = { nvmf_queue_fd(q), nvmf_queue_events(q), 0 };

	return poll_for(&p, 1, sooner(timeout_ms, nvmf_queue_due(q)));
}

int nvmf_queue_wait(struct nvmf_queue *q, int timeout_ms)
{
	uint64_t end = end_of(timeout_ms);

	for (;;) {
		int due = sooner(left_until(end), nvmf_queue_due(q)), n;
		bool is_patient = q->busy_count && (due < 0 || due > PATIENCE_MS);

		n = host_queue_process(q, is_patient);
		if (n || !q->busy_count || !left_until(end))
			return n;
		/* With time left and all sent, the receive was the wait. */
		if (is_patient && !tcp_has_output(&q->qpair.tcp))
			continue;
		n = poll_queue(q, left_until(end));
		if (n < 0)
			return n;
	}
}

/* ---- a controller --------------------------------------------------------------------------- */

#define POLLED_MAX 256
/* How long to sleep where there are more queues than that. */
#define LOOK_MS 10

/* Nothing else of a detached queue may be looked at: it is another thread's. */
static bool is_ours(const struct nvmf_queue *q)
{
	return !q->is_detached && q->is_open;
}

/* Processes every queue of ours; the sum of ended commands. */
static int process_all(struct nvmf_ctrl *ctrl)
{
	int sum = nvmf_queue_process(&ctrl->admin);

	if (sum < 0)
		return sum;
	for (unsigned int i = 0; i < ctrl->queue_count; i++) {
		int n = is_ours(ctrl->queues[i]) ? nvmf_queue_process(ctrl->queues[i]) : 0;

		/* An I/O queue's end is told to who uses it, and is news here. */
		sum += n < 0 ? 1 : n;
	}
	return sum;
}

static void add(struct pollfd *fds, unsigned int *count, const struct nvmf_queue *q, int *due)
{
	if (*count == POLLED_MAX)
		return;
	fds[(*count)++] = (struct pollfd){ nvmf_queue_fd(q), nvmf_queue_events(q), 0 };
	*due = sooner(*due, nvmf_queue_due(q));
}

static int poll_all(struct nvmf_ctrl *ctrl, int timeout_ms)
{
	struct pollfd fds[POLLED_MAX];
	unsigned int count = 0;
	int due = timeout_ms;

	add(fds, &count, &ctrl->admin, &due);
	for (unsigned int i = 0; i < ctrl->queue_count; i++)
		if (is_ours(ctrl->queues[i]))
			add(fds, &count, ctrl->queues[i], &due);
	if (ctrl->queue_count >= POLLED_MAX)
		due = sooner(due, LOOK_MS);
	return poll_for(fds, count, due);
}

int nvmf_ctrl_wait(struct nvmf_ctrl *ctrl, int timeout_ms)
{
	int n = process_all(ctrl);

	if (n || !timeout_ms)
		return n;
	n = poll_all(ctrl, timeout_ms);
	return n < 0 ? n : process_all(ctrl);
}

/* ---- one command ----------------------------------------------------------------------------- */

int host_queue_drive(struct nvmf_queue *q, int timeout_ms)
{
	if (q->is_detached || !q->ctrl->admin.is_open)
		return nvmf_queue_wait(q, timeout_ms);
	return nvmf_ctrl_wait(q->ctrl, timeout_ms);
}

struct wait {
	bool is_over;
	struct nvmf_completion completion;
};

static void note_end(void *cookie, const struct nvmf_completion *completion)
{
	struct wait *wait = cookie;

	wait->completion = *completion;
	wait->is_over = true;
}

int host_queue_execute_sqe(struct nvmf_queue *q, const struct nvme_sqe *sqe, void *data,
			   uint32_t length, bool to_controller, struct nvmf_completion *completion)
{
	struct wait wait = { .is_over = false };
	int error;

	while ((error = host_queue_submit_sqe(q, sqe, data, length, to_controller,
					      note_end, &wait)) == -EAGAIN)
		host_queue_drive(q, -1);
	if (error)
		wait.completion.error = error;
	while (!error && !wait.is_over)
		/* The admin queue's end must not leave this command behind. */
		if (host_queue_drive(q, -1) < 0 && !wait.is_over)
			host_queue_end(q, -EPIPE);
	if (completion)
		*completion = wait.completion;
	if (wait.completion.error)
		return wait.completion.error;
	return nvmf_status_is_success(wait.completion.status) ? 0 : -EREMOTEIO;
}

static bool is_to_controller(uint8_t opcode)
{
	return (opcode & 3) == NVME_DATA_TO_CONTROLLER;
}

int nvmf_queue_execute(struct nvmf_queue *q, const struct nvmf_command *command, void *data,
		       uint32_t length, struct nvmf_completion *completion)
{
	struct nvme_sqe sqe;
	int error = host_queue_build_sqe(q, command, length, &sqe);

	if (error) {
		if (completion)
			*completion = (struct nvmf_completion){ .error = error };
		return error;
	}
	return host_queue_execute_sqe(q, &sqe, data, length, is_to_controller(command->opcode),
				      completion);
}
