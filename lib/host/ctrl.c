/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's handle: options, what it told, the end. */
#include "host/internal.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

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

unsigned int host_admin_entries(const struct nvmf_ctrl *ctrl)
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
	ctrl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ctrl->epoll_fd >= 0 && copy_texts(ctrl) && !host_ctrl_take_identity(ctrl) &&
	    !host_queue_init(&ctrl->admin, ctrl, 0, host_admin_entries(ctrl)))
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

int host_check_options(struct nvmf_ctrl *ctrl)
{
	int error = check_name(ctrl, "subsystem NQN", ctrl->subnqn);

	if (!error)
		error = check_name(ctrl, "host NQN", ctrl->hostnqn);
	if (!error && ctrl->options.connect_timeout_ms > INT32_MAX)
		error = host_queue_fail(&ctrl->admin, -EINVAL, "the connect timeout is too long");
	return error;
}

/* ---- what it told ------------------------------------------------------------------------------- */

void host_copy_sized(void *to, size_t size, const void *from, size_t have)
{
	if (size > have)
		memset(to, 0, size);
	memcpy(to, from, size < have ? size : have);
}

int nvmf_ctrl_info_sized(struct nvmf_ctrl *ctrl, struct nvmf_ctrl_info *info, size_t size)
{
	if (!ctrl->was_connected)
		return host_queue_fail(&ctrl->admin, -ENOTCONN, "not connected");
	host_copy_sized(info, size, &ctrl->info, sizeof(ctrl->info));
	return 0;
}

/* ---- queues --------------------------------------------------------------------------------------- */

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
	if (!q->qid)
		return;
	host_queue_unwatch(q);
	q->is_detached = true;
}

void nvmf_queue_attach(struct nvmf_queue *q)
{
	q->is_detached = false;
	/* What fails here fails again, and is told, when the queue is processed. */
	if (q->stage != STAGE_CLOSED)
		host_queue_watch(q);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void free_queues(struct nvmf_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->queue_count; i++) {
		host_queue_free(ctrl->queues[i]);
		free(ctrl->queues[i]);
	}
	free(ctrl->queues);
}

void nvmf_ctrl_destroy(struct nvmf_ctrl *ctrl)
{
	if (!ctrl)
		return;
	nvmf_ctrl_shutdown(ctrl);
	free_queues(ctrl);
	host_queue_free(&ctrl->admin);
	if (ctrl->epoll_fd >= 0)
		close(ctrl->epoll_fd);
	free(ctrl->traddr);
	free(ctrl->trsvcid);
	free(ctrl->subnqn);
	free(ctrl->hostnqn);
	free(ctrl);
}
