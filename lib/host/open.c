/* SPDX-License-Identifier: BSD-2-Clause */
/* Connecting a controller (sections 3.5 and 3.6), and its I/O queues. */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a controller gets that names no limit of its own. */
#define UNLIMITED_TRANSFER (1u << 20)
#define SQE_BYTES 64u

/* ---- the admin queue, enable ------------------------------------------------------------------- */

#define CAP_CSS_SETS (UINT64_C(1) << 43)
#define CAP_CSS_ADMIN (UINT64_C(1) << 44)

static int join_admin(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_queue_connect(&ctrl->admin, host_admin_entries(ctrl));
}

static int ask_cap(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_ask_property(ctrl, t, NVME_PROP_CAP, 8);
}

static int take_cap(struct nvmf_ctrl *ctrl, struct task *t)
{
	ctrl->info.cap = host_property(&t->completion);
	ctrl->info.max_entries = (uint32_t)(ctrl->info.cap & 0xffff) + 1;
	return STEP_ON;
}

static int ask_version(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_ask_property(ctrl, t, NVME_PROP_VS, 4);
}

static int take_version(struct nvmf_ctrl *ctrl, struct task *t)
{
	ctrl->info.version = t->completion.dw0;
	return STEP_ON;
}

/* The command sets to choose (CC.CSS, Figure 46). */
static uint32_t command_sets(uint64_t cap)
{
	if (cap & CAP_CSS_SETS)
		return 6;
	return cap & CAP_CSS_ADMIN && !(cap & NVME_CAP_CSS_NVM) ? 7 : 0;
}

static int enable(struct nvmf_ctrl *ctrl, struct task *t)
{
	return host_put_cc(ctrl, t, NVME_CC_EN | command_sets(ctrl->info.cap) << 4 |
			   6u << 16 | 4u << 20);
}

static int take_ready(struct nvmf_ctrl *ctrl, struct task *t)
{
	unsigned int units = ctrl->info.cap >> 24 & 0xff;	/* CAP.TO */
	struct csts_goal goal = { NVME_CSTS_RDY, NVME_CSTS_RDY, (units ? units : 1) * 500,
				  "become ready" };

	return host_take_csts(ctrl, t, &goal);
}

/* ---- what it can do ----------------------------------------------------------------------------- */

/* A field of text that is padded with blanks. */
static void copy_field(char *to, const char *field, size_t size)
{
	while (size && (field[size - 1] == ' ' || !field[size - 1]))
		size--;
	memcpy(to, field, size);
	to[size] = 0;
}

static uint32_t transfer_limit(const struct nvmf_ctrl *ctrl, uint8_t mdts)
{
	unsigned int page_shift = 12 + (ctrl->info.cap >> 48 & 0xf);

	if (!mdts || mdts + page_shift > 30)
		return UNLIMITED_TRANSFER;
	return 1u << (mdts + page_shift);
}

static uint32_t in_capsule_limit(uint32_t ioccsz)
{
	uint64_t bytes = (uint64_t)ioccsz * 16;

	if (bytes <= SQE_BYTES)
		return 0;
	bytes -= SQE_BYTES;
	return bytes < UNLIMITED_TRANSFER ? (uint32_t)bytes : UNLIMITED_TRANSFER;
}

static int ask_identify(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_IDENTIFY,
					.cdw10 = NVME_CNS_CONTROLLER };

	return host_task_command(t, &command, NVME_IDENTIFY_SIZE, "Identify (CNS 01h)");
}

static int take_identify(struct nvmf_ctrl *ctrl, struct task *t)
{
	const struct nvme_id_ctrl *id = (const void *)t->data;
	struct nvmf_ctrl_info *info = &ctrl->info;

	info->is_discovery = id->cntrltype == NVME_CTRL_DISCOVERY ||
			     !strcmp(ctrl->subnqn, NQN_DISCOVERY);
	info->has_volatile_cache = id->vwc & NVME_VWC_PRESENT;
	info->max_transfer = transfer_limit(ctrl, id->mdts);
	info->in_capsule = in_capsule_limit(le32_get(id->ioccsz));
	info->namespaces = le32_get(id->nn);
	copy_field(info->serial, id->sn, sizeof(id->sn));
	copy_field(info->model, id->mn, sizeof(id->mn));
	copy_field(info->firmware, id->fr, sizeof(id->fr));
	copy_field(info->subnqn, id->subnqn, sizeof(id->subnqn));
	ctrl->ofcs = le16_get(id->ofcs);
	return STEP_ON;
}

/* ---- connect ------------------------------------------------------------------------------------- */

static int end_connect(struct nvmf_ctrl *ctrl, struct task *t, int error)
{
	if (error) {
		host_queue_end(&ctrl->admin, error);
		return error;
	}
	ctrl->was_connected = true;
	host_keep_alive_start(ctrl);
	return host_events_start(ctrl);
}

static const struct step connect_steps[] = {
	{ .begin = join_admin },
	{ .begin = ask_cap, .take = take_cap },
	{ .begin = ask_version, .take = take_version },
	{ .begin = enable },
	{ .begin = host_ask_csts, .take = take_ready },
	{ .begin = ask_identify, .take = take_identify },
	{ .begin = NULL },
};

static const struct task_kind connect_kind = { connect_steps, end_connect };

static int start_connect(struct nvmf_ctrl *ctrl, bool may_wait)
{
	struct task *t;
	int error;

	if (ctrl->was_connected)
		return host_queue_fail(&ctrl->admin, -EISCONN, "already connected once");
	error = host_check_options(ctrl);
	if (!error && !ctrl->task)
		error = host_ctrl_resolve(ctrl, may_wait);
	return error ? error : host_task_start(ctrl, &connect_kind, &t);
}

int nvmf_ctrl_start_connect(struct nvmf_ctrl *ctrl)
{
	return start_connect(ctrl, false);
}

int nvmf_ctrl_connect(struct nvmf_ctrl *ctrl)
{
	return host_task_wait(ctrl, start_connect(ctrl, true), NULL);
}

/* ---- I/O queues (section 5.27.1.5) ------------------------------------------------------------------ */

static int ask_queues(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_command command = { .opcode = NVME_ADMIN_SET_FEATURES,
					.cdw10 = NVME_FEAT_QUEUES,
					.cdw11 = (t->wanted - 1) | (t->wanted - 1) << 16 };

	return host_task_command(t, &command, 0, "Set Features (07h)");
}

static int take_queues(struct nvmf_ctrl *ctrl, struct task *t)
{
	unsigned int sq = (t->completion.dw0 & 0xffff) + 1, cq = (t->completion.dw0 >> 16) + 1;

	if (cq < sq)
		sq = cq;
	if (t->wanted > sq)
		t->wanted = sq;
	ctrl->queues = calloc(t->wanted, sizeof(struct nvmf_queue *));
	if (!ctrl->queues)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for the queues");
	return STEP_ON;
}

static int join_queue(struct nvmf_ctrl *ctrl, struct task *t)
{
	struct nvmf_queue *q = calloc(1, sizeof(*q));
	int error;

	if (!q)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for a queue");
	ctrl->opening = q;
	error = host_queue_init(q, ctrl, (uint16_t)(ctrl->queue_count + 1), t->entries);
	return error ? error : host_queue_connect(q, t->entries);
}

static int take_queue(struct nvmf_ctrl *ctrl, struct task *t)
{
	ctrl->queues[ctrl->queue_count++] = ctrl->opening;
	ctrl->opening = NULL;
	return ctrl->queue_count < t->wanted ? STEP_AGAIN : STEP_ON;
}

static int end_queues(struct nvmf_ctrl *ctrl, struct task *t, int error)
{
	struct nvmf_queue *q = ctrl->opening;

	if (!error)
		return (int)ctrl->queue_count;
	if (q) {
		memcpy(ctrl->admin.sentence, q->sentence, sizeof(q->sentence));
		ctrl->opening = NULL;
		host_queue_free(q);
		free(q);
	}
	return error;
}

static const struct step queues_steps[] = {
	{ .begin = ask_queues, .take = take_queues },
	{ .begin = join_queue, .take = take_queue },
	{ .begin = NULL },
};

static const struct task_kind queues_kind = { queues_steps, end_queues };

static unsigned int clamp_entries(const struct nvmf_ctrl *ctrl, unsigned int entries)
{
	if (entries > ctrl->info.max_entries)
		entries = ctrl->info.max_entries;
	return entries < 2 ? 2 : entries;
}

static int may_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted)
{
	if (!host_queue_is_open(&ctrl->admin)) {
		host_queue_fail_closed(&ctrl->admin);
		return -ENOTCONN;
	}
	if (ctrl->queues)
		return host_queue_fail(&ctrl->admin, -EISCONN, "the I/O queues are open already");
	if (!wanted || wanted > 65534)
		return host_queue_fail(&ctrl->admin, -EINVAL, "%u is no number of queues", wanted);
	if (ctrl->info.is_discovery)
		return host_queue_fail(&ctrl->admin, -EOPNOTSUPP,
				       "a discovery controller has no I/O queues");
	return 0;
}

int nvmf_ctrl_start_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted, unsigned int entries)
{
	int error = may_open_queues(ctrl, wanted);
	struct task *t;

	if (!error)
		error = host_task_start(ctrl, &queues_kind, &t);
	if (error)
		return error;
	t->wanted = wanted;
	t->entries = clamp_entries(ctrl, entries);
	return 0;
}

int nvmf_ctrl_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted, unsigned int entries)
{
	return host_task_wait(ctrl, nvmf_ctrl_start_open_queues(ctrl, wanted, entries), NULL);
}
