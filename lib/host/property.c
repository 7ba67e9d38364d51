/* SPDX-License-Identifier: BSD-2-Clause */
/* Controller properties (section 3.1.3), for who waits and for the steps of a task. */
#include "host/internal.h"

#include <errno.h>
#include <string.h>

static struct nvme_sqe get_of(uint32_t offset, unsigned int bytes)
{
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_GET,
		.attrib = bytes == 8, .offset = le32_of(offset) };
	struct nvme_sqe sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	return sqe;
}

static struct nvme_sqe set_of(uint32_t offset, unsigned int bytes, uint64_t value)
{
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_SET,
		.attrib = bytes == 8, .offset = le32_of(offset), .value = le64_of(value) };
	struct nvme_sqe sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	return sqe;
}

uint64_t host_property(const struct nvmf_completion *c)
{
	return c->dw0 | (uint64_t)c->dw1 << 32;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static int run(struct nvmf_ctrl *ctrl, const struct nvme_sqe *sqe, const char *what,
	       struct nvmf_completion *completion)
{
	if (!host_queue_is_open(&ctrl->admin))
		return host_queue_fail_closed(&ctrl->admin);
	if (host_queue_execute_sqe(&ctrl->admin, sqe, NULL, 0, false, completion))
		return host_queue_fail_completion(&ctrl->admin, completion, true, what);
	return 0;
}

static int check_width(struct nvmf_ctrl *ctrl, unsigned int bytes)
{
	if (bytes == 4 || bytes == 8)
		return 0;
	return host_queue_fail(&ctrl->admin, -EINVAL, "a property has 4 or 8 bytes, not %u", bytes);
}

int nvmf_ctrl_get_property(struct nvmf_ctrl *ctrl, uint32_t offset, unsigned int bytes,
			   uint64_t *value)
{
	struct nvme_sqe sqe = get_of(offset, bytes);
	struct nvmf_completion completion;
	int error = check_width(ctrl, bytes);

	if (!error)
		error = run(ctrl, &sqe, "Property Get", &completion);
	if (!error)
		*value = bytes == 8 ? host_property(&completion) : completion.dw0;
	return error;
}

int nvmf_ctrl_set_property(struct nvmf_ctrl *ctrl, uint32_t offset, unsigned int bytes,
			   uint64_t value)
{
	struct nvme_sqe sqe = set_of(offset, bytes, value);
	struct nvmf_completion completion;
	int error = check_width(ctrl, bytes);

	return error ? error : run(ctrl, &sqe, "Property Set", &completion);
}

/* ---- in steps ----------------------------------------------------------------------------------- */

int host_ask_property(struct nvmf_ctrl *ctrl, struct task *t, uint32_t offset, unsigned int bytes)
{
	struct nvme_sqe sqe = get_of(offset, bytes);

	return host_task_send(t, &ctrl->admin, &sqe, 0, "Property Get");
}

int host_put_cc(struct nvmf_ctrl *ctrl, struct task *t, uint32_t cc)
{
	struct nvme_sqe sqe = set_of(NVME_PROP_CC, 4, cc);

	return host_task_send(t, &ctrl->admin, &sqe, 0, "Property Set");
}

int host_ask_csts(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_ask_property(ctrl, t, NVME_PROP_CSTS, 4);
}

int host_take_csts(struct nvmf_ctrl *ctrl, struct task *t, const struct csts_goal *goal)
{
	uint32_t csts = t->completion.dw0;
	uint64_t now = host_now_ms();

	if (!t->until)
		t->until = now + goal->timeout_ms;
	if (csts & NVME_CSTS_CFS)
		return host_queue_fail(&ctrl->admin, -EIO, "the controller reports a fatal error");
	if ((csts & goal->mask) == goal->value)
		return STEP_ON;
	if (now < t->until)
		return STEP_LATER;
	return host_queue_fail(&ctrl->admin, -ETIMEDOUT, "the controller did not %s within %u ms",
			       goal->what, goal->timeout_ms);
}
