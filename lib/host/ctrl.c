/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's life: options, connecting, I/O queues, the end. */
#include "host/internal.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a caller gets that asks for nothing. */
#define PAGE_BYTES 4096u
#define UNLIMITED_TRANSFER (1u << 20)
#define SQE_BYTES 64u

/* ---- options ---------------------------------------------------------------------------------- */

static void take_options(struct nvmf_ctrl *ctrl, const struct nvmf_ctrl_options *given)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;

	/* A program built with an older header knows fewer of them. */
	memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
	ctrl->options = options;
}

static char *copy(const char *text, const char *fallback)
{
	if (!text)
		text = fallback;
	return text ? strdup(text) : NULL;
}

static bool copy_texts(struct nvmf_ctrl *ctrl)
{
	const struct nvmf_ctrl_options *o = &ctrl->options;

	ctrl->traddr = copy(o->traddr, "127.0.0.1");
	ctrl->trsvcid = copy(o->trsvcid, NULL);
	ctrl->subnqn = copy(o->subnqn, NQN_DISCOVERY);
	return ctrl->traddr && ctrl->subnqn && (ctrl->trsvcid || !o->trsvcid);
}

static unsigned int admin_entries(const struct nvmf_ctrl *ctrl)
{
	return ctrl->options.admin_entries < 2 ? 2 : ctrl->options.admin_entries;
}

struct nvmf_ctrl *nvmf_ctrl_create(const struct nvmf_ctrl_options *options)
{
	struct nvmf_ctrl *ctrl = calloc(1, sizeof(*ctrl));

	if (!ctrl)
		return NULL;
	take_options(ctrl, options);
	ctrl->keep_alive_due = UINT64_MAX;
	if (copy_texts(ctrl) && !host_ctrl_take_identity(ctrl) &&
	    !host_queue_init(&ctrl->admin, ctrl, 0, admin_entries(ctrl)))
		return ctrl;
	nvmf_ctrl_destroy(ctrl);
	return NULL;
}

static int check_name(struct nvmf_ctrl *ctrl, const char *what, const char *nqn)
{
	size_t length = strlen(nqn);

	if (length && length <= NQN_MAX_LENGTH)
		return 0;
	return host_queue_fail(&ctrl->admin, -EINVAL, "%s: an NQN has 1 to %u bytes, not %zu", what,
			       NQN_MAX_LENGTH, length);
}

static int check_options(struct nvmf_ctrl *ctrl)
{
	int error = check_name(ctrl, "subsystem NQN", ctrl->subnqn);

	if (!error)
		error = check_name(ctrl, "host NQN", ctrl->hostnqn);
	if (!error && ctrl->options.connect_timeout_ms > INT32_MAX)
		error = host_queue_fail(&ctrl->admin, -EINVAL, "the connect timeout is too long");
	return error;
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

static void take_identify(struct nvmf_ctrl *ctrl, const struct nvme_id_ctrl *id)
{
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
}

static int learn(struct nvmf_ctrl *ctrl)
{
	struct nvme_id_ctrl id;
	int error = nvmf_ctrl_identify(ctrl, NVME_CNS_CONTROLLER, 0, 0, &id, NULL);

	if (!error)
		take_identify(ctrl, &id);
	return error;
}

int nvmf_ctrl_info_sized(struct nvmf_ctrl *ctrl, struct nvmf_ctrl_info *info, size_t size)
{
	if (!ctrl->was_connected)
		return host_queue_fail(&ctrl->admin, -ENOTCONN, "not connected");
	if (size > sizeof(*info)) {
		memset(info, 0, size);
		size = sizeof(*info);
	}
	memcpy(info, &ctrl->info, size);
	return 0;
}

/* ---- connecting ---------------------------------------------------------------------------------- */

int nvmf_ctrl_connect(struct nvmf_ctrl *ctrl)
{
	int error;

	if (ctrl->was_connected)
		return host_queue_fail(&ctrl->admin, -EISCONN, "already connected once");
	error = check_options(ctrl);
	if (!error)
		error = host_queue_connect(&ctrl->admin, admin_entries(ctrl));
	if (error)
		return error;
	error = host_ctrl_enable(ctrl);
	if (!error)
		error = learn(ctrl);
	if (error) {
		host_queue_end(&ctrl->admin, error);
		return error;
	}
	host_keep_alive_start(ctrl);
	ctrl->was_connected = true;
	return 0;
}

/* ---- I/O queues ----------------------------------------------------------------------------------- */

/* Set Features, Number of Queues: how many were granted, or -errno. */
static int ask_queues(struct nvmf_ctrl *ctrl, unsigned int wanted)
{
	uint32_t granted, value = (wanted - 1) | (wanted - 1) << 16;
	int error = nvmf_ctrl_set_feature(ctrl, NVME_FEAT_QUEUES, 0, value, &granted, NULL);
	unsigned int sq, cq;

	if (error)
		return error;
	sq = (granted & 0xffff) + 1;
	cq = (granted >> 16) + 1;
	if (cq < sq)
		sq = cq;
	return (int)(sq < wanted ? sq : wanted);
}

static int open_queue(struct nvmf_ctrl *ctrl, uint16_t qid, unsigned int entries)
{
	struct nvmf_queue *q = calloc(1, sizeof(*q));
	int error = -ENOMEM;

	if (!q)
		return host_queue_fail(&ctrl->admin, error, "out of memory for a queue");
	ctrl->queues[ctrl->queue_count++] = q;
	error = host_queue_init(q, ctrl, qid, entries);
	if (!error)
		error = host_queue_connect(q, entries);
	if (!error)
		return 0;
	host_queue_fail(&ctrl->admin, error, "%s", q->sentence);
	ctrl->queue_count--;
	host_queue_free(q);
	free(q);
	return error;
}

static unsigned int clamp_entries(const struct nvmf_ctrl *ctrl, unsigned int entries)
{
	if (entries > ctrl->info.max_entries)
		entries = ctrl->info.max_entries;
	return entries < 2 ? 2 : entries;
}

static int may_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted)
{
	if (!ctrl->admin.is_open)
		return host_queue_fail(&ctrl->admin, -ENOTCONN, "not connected");
	if (ctrl->queues)
		return host_queue_fail(&ctrl->admin, -EISCONN, "the I/O queues are open already");
	if (!wanted || wanted > 65534)
		return host_queue_fail(&ctrl->admin, -EINVAL, "%u is no number of queues", wanted);
	if (ctrl->info.is_discovery)
		return host_queue_fail(&ctrl->admin, -EOPNOTSUPP,
				       "a discovery controller has no I/O queues");
	return 0;
}

int nvmf_ctrl_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted, unsigned int entries)
{
	int error = may_open_queues(ctrl, wanted), granted;

	if (error)
		return error;
	granted = ask_queues(ctrl, wanted);
	if (granted < 0)
		return granted;
	ctrl->queues = calloc((size_t)granted, sizeof(struct nvmf_queue *));
	if (!ctrl->queues)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for the queues");
	for (int i = 0; i < granted; i++) {
		error = open_queue(ctrl, (uint16_t)(i + 1), clamp_entries(ctrl, entries));
		if (error)
			return error;
	}
	return granted;
}

struct nvmf_queue *nvmf_ctrl_queue(struct nvmf_ctrl *ctrl, unsigned int index)
{
	return index < ctrl->queue_count ? ctrl->queues[index] : NULL;
}

struct nvmf_queue *nvmf_ctrl_admin(struct nvmf_ctrl *ctrl)
{
	return &ctrl->admin;
}

void nvmf_queue_detach(struct nvmf_queue *q)
{
	q->is_detached = q->qid != 0;
}

void nvmf_queue_attach(struct nvmf_queue *q)
{
	q->is_detached = false;
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void close_queues(struct nvmf_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->queue_count; i++)
		host_queue_disconnect(ctrl->queues[i]);
}

static void free_queues(struct nvmf_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->queue_count; i++) {
		host_queue_free(ctrl->queues[i]);
		free(ctrl->queues[i]);
	}
	free(ctrl->queues);
	ctrl->queues = NULL;
	ctrl->queue_count = 0;
}

/*
 * Where the controller does not know Disconnect, the loss of an I/O queue would
 * end the association before its shutdown: shut down first, close afterwards.
 */
int nvmf_ctrl_shutdown(struct nvmf_ctrl *ctrl)
{
	int error;

	if (!ctrl->admin.is_open)
		return host_queue_fail(&ctrl->admin, -ENOTCONN, "not connected");
	ctrl->keep_alive_due = UINT64_MAX;
	if (ctrl->ofcs & NVME_OFCS_DISCONNECT)
		close_queues(ctrl);
	error = host_ctrl_shut_down(ctrl);
	close_queues(ctrl);
	host_queue_end(&ctrl->admin, -ECANCELED);
	return error;
}

void nvmf_ctrl_destroy(struct nvmf_ctrl *ctrl)
{
	if (!ctrl)
		return;
	if (ctrl->admin.is_open)
		nvmf_ctrl_shutdown(ctrl);
	free_queues(ctrl);
	if (ctrl->admin.ctrl)
		host_queue_free(&ctrl->admin);
	free(ctrl->traddr);
	free(ctrl->trsvcid);
	free(ctrl->subnqn);
	free(ctrl->hostnqn);
	free(ctrl);
}
