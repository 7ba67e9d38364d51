/* SPDX-License-Identifier: BSD-2-Clause */
/* For callers that wait: for a queue, for a command. */
#include "host/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

int host_sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* ---- one queue ---------------------------------------------------------------------------- */

static uint64_t end_of(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : host_now_ms() + (uint64_t)timeout_ms;
}

static int poll_queue(struct nvmf_queue *q, int timeout_ms)
{
	struct pollfd p = { nvmf_queue_fd(q), nvmf_queue_events(q), 0 };

	int n = poll(&p, 1, host_sooner(timeout_ms, nvmf_queue_due(q)));

	return n < 0 && errno != EINTR ?
	       host_queue_fail(q, -errno, "poll: %s", strerror(errno)) : n;
}

int nvmf_queue_wait(struct nvmf_queue *q, int timeout_ms)
{
	uint64_t end = end_of(timeout_ms);

	for (;;) {
		int due = host_sooner(host_ms_until(end), nvmf_queue_due(q)), n;
		bool is_patient = q->busy_count && (due < 0 || due > PATIENCE_MS);

		n = host_queue_process(q, is_patient);
		if (n || !q->busy_count || !host_ms_until(end))
			return n;
		/* With time left and all sent, the receive was the wait. */
		if (is_patient && !tcp_has_output(&q->qpair.tcp))
			continue;
		n = poll_queue(q, host_ms_until(end));
		if (n < 0)
			return n;
	}
}

/* ---- one command ----------------------------------------------------------------------------- */

int host_queue_drive(struct nvmf_queue *q, int timeout_ms)
{
	if (q->is_detached || !host_queue_is_open(&q->ctrl->admin))
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
			host_queue_end(q, host_queue_fail(q, -EPIPE, "the admin queue has ended"));
	if (completion)
		*completion = wait.completion;
	if (wait.completion.error)
		return wait.completion.error;
	return nvmf_status_is_success(wait.completion.status) ? 0 : -EREMOTEIO;
}

int host_queue_execute(struct nvmf_queue *q, const struct nvmf_command *command, void *data,
		       uint32_t length, struct nvmf_completion *completion, const char *what)
{
	struct nvmf_completion own, *c = completion ? completion : &own;
	struct nvme_sqe sqe;
	int error = host_queue_build_sqe(q, command, length, &sqe);

	if (!error && !host_queue_is_open(q))
		error = host_queue_fail_closed(q);
	*c = (struct nvmf_completion){ .error = error };
	if (error)
		return error;
	if (!host_queue_execute_sqe(q, &sqe, data, length, host_is_to_controller(command), c))
		return 0;
	return host_queue_fail_completion(q, c, command->opcode == NVME_OPCODE_FABRICS, what);
}

int nvmf_queue_execute(struct nvmf_queue *q, const struct nvmf_command *command, void *data,
		       uint32_t length, struct nvmf_completion *completion)
{
	char what[24];

	snprintf(what, sizeof(what), "command %02xh", command->opcode);
	return host_queue_execute(q, command, data, length, completion, what);
}
