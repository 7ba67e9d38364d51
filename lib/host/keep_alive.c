/* SPDX-License-Identifier: BSD-2-Clause */
/* Keep alive: sent by itself at half of the time that was agreed. */
#include "host/internal.h"

void host_keep_alive_start(struct nvmf_ctrl *ctrl)
{
	uint32_t period = ctrl->options.keep_alive_ms / 2;

	ctrl->keep_alive_due = period ? host_now_ms() + period : UINT64_MAX;
}

static void answered(void *cookie, const struct nvmf_completion *completion)
{
	struct nvmf_ctrl *ctrl = cookie;

	/* A refused keep alive is followed by the controller's own end. */
	ctrl->keep_alive_pending = false;
}

void host_keep_alive_check(struct nvmf_ctrl *ctrl, uint64_t now)
{
	struct nvme_sqe sqe = { .opcode = NVME_ADMIN_KEEP_ALIVE };

	if (now < ctrl->keep_alive_due)
		return;
	host_keep_alive_start(ctrl);
	if (ctrl->keep_alive_pending)
		return;
	ctrl->keep_alive_pending = !host_queue_submit_sqe(&ctrl->admin, &sqe, NULL, 0, false,
							  answered, ctrl);
}
