/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end in order (section 3.6.1): Disconnect for each I/O queue, CC.SHN, CSTS.SHST.
 * Where the controller does not know Disconnect, the loss of an I/O queue would end
 * the association before its shutdown: those queues are closed afterwards.
 */
#include "host/internal.h"

#include <errno.h>
#include <string.h>

#define SHUTDOWN_MS 10000

/* ---- I/O queues ---------------------------------------------------------------------------------- */

static void close_queues(struct nvmf_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->queue_count; i++)
		host_queue_end(ctrl->queues[i], -ECANCELED);
}

/* A queue with commands under way can't be left in order. */
static bool can_disconnect(const struct nvmf_queue *q)
{
	return host_queue_is_open(q) && !q->busy_count && host_ctrl_knows_disconnect(q->ctrl);
}

static int disconnect(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_disconnect_cmd cmd = { .opcode = NVME_OPCODE_FABRICS,
					   .fctype = NVMF_DISCONNECT };
	struct nvme_sqe sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	for (; t->index < ctrl->queue_count; t->index++) {
		struct nvmf_queue *q = ctrl->queues[t->index];

		if (can_disconnect(q) && !host_task_send(t, q, &sqe, 0, "Disconnect"))
			return STEP_ON;
		if (host_ctrl_knows_disconnect(ctrl))
			host_queue_end(q, -ECANCELED);
	}
	return STEP_SKIP;
}

/* The controller may have closed it already. */
static int take_disconnect(struct nvmf_ctrl *ctrl, struct task *t)
{
	host_queue_end(ctrl->queues[t->index++], -ECANCELED);
	return STEP_AGAIN;
}

/* ---- the controller -------------------------------------------------------------------------------- */

static int ask_cc(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_ask_property(ctrl, t, NVME_PROP_CC, 4);
}

static int take_cc(struct nvmf_ctrl *ctrl, struct task *t)
{
	t->wanted = (t->completion.dw0 & ~0xc000u) | 1u << 14;
	return STEP_ON;
}

static int shut_down(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_put_cc(ctrl, t, t->wanted);
}

static int take_shutdown(struct nvmf_ctrl *ctrl, struct task *t)
{
	static const struct csts_goal goal = { NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_COMPLETE,
					       SHUTDOWN_MS, "shut down" };

	return host_take_csts(ctrl, t, &goal);
}

static int end_shutdown(struct nvmf_ctrl *ctrl, struct task *t, int error)
{
	close_queues(ctrl);
	host_queue_end(&ctrl->admin, -ECANCELED);
	return error;
}

static const struct step steps[] = {
	{ .begin = disconnect, .take = take_disconnect, .may_fail = true },
	{ .begin = ask_cc, .take = take_cc },
	{ .begin = shut_down },
	{ .begin = host_ask_csts, .take = take_shutdown },
	{ .begin = NULL },
};

static const struct task_kind kind = { steps, end_shutdown };

int nvmf_ctrl_start_shutdown(struct nvmf_ctrl *ctrl)
{
	struct task *t;

	host_task_abandon(ctrl);
	if (!host_queue_is_open(&ctrl->admin)) {
		host_queue_fail_closed(&ctrl->admin);
		return -ENOTCONN;
	}
	ctrl->keep_alive_due = UINT64_MAX;
	return host_task_start(ctrl, &kind, &t);
}

int nvmf_ctrl_shutdown(struct nvmf_ctrl *ctrl)
{
	return host_task_wait(ctrl, nvmf_ctrl_start_shutdown(ctrl), NULL);
}
