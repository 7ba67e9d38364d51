/* SPDX-License-Identifier: BSD-2-Clause */
/* The sentences that errors carry. */
#include "host/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Which queue: "192.0.2.1 port 4420, queue 1: "; its length. */
static size_t put_place(const struct nvmf_queue *q, char *text, size_t size)
{
	const struct nvmf_ctrl *ctrl = q->ctrl;
	int n = q->qid ? snprintf(text, size, "%s port %s, queue %u: ", ctrl->traddr,
				  host_ctrl_service(ctrl), q->qid) :
			 snprintf(text, size, "%s port %s: ", ctrl->traddr, host_ctrl_service(ctrl));

	return (size_t)n < size ? (size_t)n : size - 1;
}

int host_queue_fail(struct nvmf_queue *q, int error, const char *format, ...)
{
	size_t n = put_place(q, q->sentence, sizeof(q->sentence));
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(q->sentence + n, sizeof(q->sentence) - n, format, arguments);
	va_end(arguments);
	return error;
}

void host_queue_note_end(struct nvmf_queue *q, int error)
{
	size_t n = put_place(q, q->ending, sizeof(q->ending));
	const char *why = error == -ENOTCONN ? "not connected" : "closed by this host";

	if (error == -ENOTCONN || error == -ECANCELED)
		snprintf(q->ending + n, sizeof(q->ending) - n, "%s", why);
	else
		memcpy(q->ending, q->sentence, sizeof(q->ending));
}

int host_queue_closed_error(const struct nvmf_queue *q)
{
	/* 0: it is still connecting. */
	return q->error && q->error != -ECANCELED ? q->error : -ENOTCONN;
}

int host_queue_fail_closed(struct nvmf_queue *q)
{
	memcpy(q->sentence, q->ending, sizeof(q->sentence));
	return host_queue_closed_error(q);
}

int host_queue_fail_completion(struct nvmf_queue *q, const struct nvmf_completion *c,
			       bool is_fabrics, const char *what)
{
	if (!c->error)
		return host_queue_fail(q, -EREMOTEIO, "%s: %s", what,
				       nvmf_status_text(c->status, is_fabrics));
	if (q->stage == STAGE_CLOSED)
		host_queue_fail_closed(q);
	else
		host_queue_fail(q, 0, "%s: %s", what, strerror(-c->error));
	return c->error;
}

const char *nvmf_queue_error(const struct nvmf_queue *q)
{
	return q->sentence;
}

const char *nvmf_ctrl_error(const struct nvmf_ctrl *ctrl)
{
	return ctrl->admin.sentence;
}
