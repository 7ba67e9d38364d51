/* SPDX-License-Identifier: BSD-2-Clause */
/* Admin commands that wait, and what a namespace tells of itself. */
#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One Get Log Page asks for so much at most, as Linux does. */
#define LOG_PART 4096u

int nvmf_ctrl_identify(struct nvmf_ctrl *ctrl, uint8_t cns, uint32_t nsid, uint16_t cntid,
		       void *data, struct nvmf_completion *completion)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_IDENTIFY, .nsid = nsid,
					.cdw10 = cns | (uint32_t)cntid << 16 };
	char what[32];

	snprintf(what, sizeof(what), "Identify (CNS %02xh)", cns);
	return host_queue_execute(&ctrl->admin, &command, data, NVME_IDENTIFY_SIZE, completion, what);
}

/* ---- log pages -------------------------------------------------------------------------------------- */

static int get_log_part(struct nvmf_ctrl *ctrl, const struct nvmf_command *base, uint64_t offset,
			void *data, uint32_t length, struct nvmf_completion *completion)
{
	struct nvmf_command command = *base;
	uint32_t dwords = length / 4 - 1;
	char what[40];

	command.cdw10 |= (dwords & 0xffff) << 16;
	command.cdw11 = dwords >> 16;
	command.cdw12 = (uint32_t)offset;
	command.cdw13 = (uint32_t)(offset >> 32);
	snprintf(what, sizeof(what), "Get Log Page (%02xh)", base->cdw10 & 0xff);
	return host_queue_execute(&ctrl->admin, &command, data, length, completion, what);
}

int nvmf_ctrl_get_log(struct nvmf_ctrl *ctrl, uint8_t lid, uint8_t lsp, bool retain,
		      uint32_t nsid, uint64_t offset, void *data, uint32_t length,
		      struct nvmf_completion *completion)
{
	struct nvmf_command command = {
		.opcode = NVME_ADMIN_GET_LOG_PAGE, .nsid = nsid,
		.cdw10 = lid | (lsp & 0x7fu) << 8 | (retain ? NVME_LOG_RAE : 0) };
	uint8_t *at = data;
	int error = 0;

	if (length % 4 || offset % 4 || !length)
		return host_queue_fail(&ctrl->admin, -EINVAL,
				       "a log page is read in whole dwords, at least one");
	for (uint32_t done = 0; done < length && !error; done += LOG_PART) {
		uint32_t part = length - done < LOG_PART ? length - done : LOG_PART;

		error = get_log_part(ctrl, &command, offset + done, at + done, part,
				     completion);
	}
	return error;
}

/* ---- features ----------------------------------------------------------------------------------------- */

static int feature(struct nvmf_ctrl *ctrl, const struct nvmf_command *command, const char *name,
		   uint32_t *value, struct nvmf_completion *completion)
{
	struct nvmf_completion own, *c = completion ? completion : &own;
	char what[48];
	int error;

	snprintf(what, sizeof(what), "%s (%02xh)", name, command->cdw10 & 0xff);
	error = host_queue_execute(&ctrl->admin, command, NULL, 0, c, what);
	if (!error && value)
		*value = c->dw0;
	return error;
}

int nvmf_ctrl_get_feature(struct nvmf_ctrl *ctrl, uint8_t fid, uint32_t nsid, uint32_t *value,
			  struct nvmf_completion *completion)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_GET_FEATURES, .nsid = nsid,
					.cdw10 = fid };

	return feature(ctrl, &command, "Get Features", value, completion);
}

int nvmf_ctrl_set_feature(struct nvmf_ctrl *ctrl, uint8_t fid, uint32_t nsid, uint32_t cdw11,
			  uint32_t *value, struct nvmf_completion *completion)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_SET_FEATURES, .nsid = nsid,
					.cdw10 = fid, .cdw11 = cdw11 };

	return feature(ctrl, &command, "Set Features", value, completion);
}

/* ---- namespaces ------------------------------------------------------------------------------------------ */

/* FLBAS: bits 3:0 and 6:5 (Figure 97 of the NVM Command Set). */
static unsigned int format_of(const struct nvme_id_ns *id)
{
	return (id->flbas & 0xf) | (id->flbas >> 1 & 0x30);
}

static int take_ns(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_ns_info info = { .nsid = t->wanted };
	struct nvme_id_ns id;
	unsigned int shift;

	memcpy(&id, t->data, sizeof(id));
	shift = id.lbaf[format_of(&id)].lbads;
	if (!le64_get(id.nsze))
		return host_queue_fail(&ctrl->admin, -ENXIO, "namespace %u is not there", info.nsid);
	if (shift < 9 || shift > 16)
		return host_queue_fail(&ctrl->admin, -EPROTO, "namespace %u: a block of 2^%u bytes",
				       info.nsid, shift);
	info.block_size = 1u << shift;
	info.blocks = le64_get(id.nsze);
	info.is_read_only = id.nsattr & NVME_NSATTR_WRITE_PROTECTED;
	host_copy_sized(t->target, t->target_size, &info, sizeof(info));
	return STEP_ON;
}

static int ask_ns(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_IDENTIFY, .nsid = t->wanted,
					.cdw10 = NVME_CNS_NAMESPACE };

	return host_task_command(t, &command, NVME_IDENTIFY_SIZE, "Identify (CNS 00h)");
}

static int end_ns(struct nvmf_ctrl *ctrl, struct task *t, int error)
{
	struct nvmf_status status = t->completion.status;

	if (error != -EREMOTEIO || status.type || status.code != NVME_INVALID_NAMESPACE)
		return error;
	return host_queue_fail(&ctrl->admin, -ENXIO, "namespace %u is not there", t->wanted);
}

static const struct step ns_steps[] = { { .begin = ask_ns, .take = take_ns }, { .begin = NULL } };
static const struct task_kind ns_info = { ns_steps, end_ns };

int nvmf_ctrl_start_ns_info_sized(struct nvmf_ctrl *ctrl, uint32_t nsid, struct nvmf_ns_info *info,
				  size_t size)
{
	struct task *t;
	int error = host_task_start(ctrl, &ns_info, &t);

	if (error)
		return error;
	t->wanted = nsid;
	t->target = info;
	t->target_size = size;
	return 0;
}

int nvmf_ctrl_ns_info_sized(struct nvmf_ctrl *ctrl, uint32_t nsid, struct nvmf_ns_info *info,
			    size_t size)
{
	return host_task_wait(ctrl, nvmf_ctrl_start_ns_info_sized(ctrl, nsid, info, size), NULL);
}
