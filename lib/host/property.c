/* SPDX-License-Identifier: BSD-2-Clause */
/* Controller properties (section 3.1.3), and what is done by them: enable and
 * shutdown. */
#include "host/internal.h"

#include <errno.h>
#include <string.h>

/* Between two looks at CSTS. */
#define POLL_MS 20
#define SHUTDOWN_MS 10000

/* ---- get and set --------------------------------------------------------------------------- */

static int run(struct nvmf_ctrl *ctrl, const struct nvmf_property_cmd *cmd, const char *what,
	       struct nvmf_completion *completion)
{
	struct nvme_sqe sqe;

	memcpy(&sqe, cmd, sizeof(sqe));
	if (host_queue_execute_sqe(&ctrl->admin, &sqe, NULL, 0, false, completion))
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
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_GET,
		.attrib = bytes == 8, .offset = le32_of(offset) };
	struct nvmf_completion completion;
	int error = check_width(ctrl, bytes);

	if (!error)
		error = run(ctrl, &cmd, "Property Get", &completion);
	if (!error)
		*value = completion.dw0 |
			 (bytes == 8 ? (uint64_t)completion.dw1 << 32 : 0);
	return error;
}

int nvmf_ctrl_set_property(struct nvmf_ctrl *ctrl, uint32_t offset, unsigned int bytes,
			   uint64_t value)
{
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_SET,
		.attrib = bytes == 8, .offset = le32_of(offset), .value = le64_of(value) };
	struct nvmf_completion completion;
	int error = check_width(ctrl, bytes);

	return error ? error : run(ctrl, &cmd, "Property Set", &completion);
}

/* ---- waiting for CSTS ------------------------------------------------------------------------ */

/* Lets the queues run for so long. */
static int pause_for(struct nvmf_ctrl *ctrl, unsigned int ms)
{
	uint64_t end = host_now_ms() + ms, now;

	while ((now = host_now_ms()) < end) {
		int n = nvmf_ctrl_wait(ctrl, (int)(end - now));

		if (n < 0)
			return n;
	}
	return 0;
}

static int await_csts(struct nvmf_ctrl *ctrl, uint32_t mask, uint32_t want,
		      unsigned int timeout_ms, const char *what)
{
	uint64_t end = host_now_ms() + timeout_ms, csts;
	int error;

	for (;;) {
		error = nvmf_ctrl_get_property(ctrl, NVME_PROP_CSTS, 4, &csts);
		if (error)
			return error;
		if (csts & NVME_CSTS_CFS)
			return host_queue_fail(&ctrl->admin, -EIO,
					       "the controller reports a fatal error");
		if ((csts & mask) == want)
			return 0;
		if (host_now_ms() >= end)
			return host_queue_fail(&ctrl->admin, -ETIMEDOUT, "the controller did not %s within %u ms",
					       what, timeout_ms);
		error = pause_for(ctrl, POLL_MS);
		if (error)
			return error;
	}
}

/* ---- enable, shut down ------------------------------------------------------------------------ */

#define CAP_CSS_NVM (UINT64_C(1) << 37)
#define CAP_CSS_SETS (UINT64_C(1) << 43)
#define CAP_CSS_ADMIN (UINT64_C(1) << 44)

/* The command sets to choose (CC.CSS, Figure 46). */
static uint32_t command_sets(uint64_t cap)
{
	if (cap & CAP_CSS_SETS)
		return 6;
	return cap & CAP_CSS_ADMIN && !(cap & CAP_CSS_NVM) ? 7 : 0;
}

static unsigned int ready_timeout_ms(uint64_t cap)
{
	unsigned int units = cap >> 24 & 0xff;

	return (units ? units : 1) * 500;
}

int host_ctrl_enable(struct nvmf_ctrl *ctrl)
{
	uint64_t cap, vs, cc;
	int error = nvmf_ctrl_get_property(ctrl, NVME_PROP_CAP, 8, &cap);

	if (!error)
		error = nvmf_ctrl_get_property(ctrl, NVME_PROP_VS, 4, &vs);
	if (error)
		return error;
	ctrl->info.cap = cap;
	ctrl->info.version = (uint32_t)vs;
	ctrl->info.max_entries = (uint32_t)(cap & 0xffff) + 1;
	cc = NVME_CC_EN | command_sets(cap) << 4 | 6u << 16 | 4u << 20;
	error = nvmf_ctrl_set_property(ctrl, NVME_PROP_CC, 4, cc);
	if (error)
		return error;
	return await_csts(ctrl, NVME_CSTS_RDY, NVME_CSTS_RDY, ready_timeout_ms(cap),
			  "become ready");
}

int host_ctrl_shut_down(struct nvmf_ctrl *ctrl)
{
	uint64_t cc;
	int error = nvmf_ctrl_get_property(ctrl, NVME_PROP_CC, 4, &cc);

	if (error)
		return error;
	cc = (cc & ~UINT64_C(0xc000)) | 1u << 14;
	error = nvmf_ctrl_set_property(ctrl, NVME_PROP_CC, 4, cc);
	if (error)
		return error;
	return await_csts(ctrl, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_COMPLETE, SHUTDOWN_MS,
			  "shut down");
}
