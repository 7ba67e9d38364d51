/* SPDX-License-Identifier: BSD-2-Clause */
/* The sentences that errors carry. */
#include "host/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int host_queue_fail(struct nvmf_queue *q, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(q->sentence, sizeof(q->sentence), format, arguments);
	va_end(arguments);
	return error;
}

int host_queue_fail_completion(struct nvmf_queue *q, const struct nvmf_completion *c,
			       bool is_fabrics, const char *what)
{
	if (!c->error)
		return host_queue_fail(q, -EREMOTEIO, "%s: %s", what,
				       nvmf_status_text(c->status, is_fabrics));
	/* The sentence of a queue's end says more than its number. */
	if (!q->is_open && q->sentence[0])
		return c->error;
	return host_queue_fail(q, c->error, "%s: %s", what, strerror(-c->error));
}

const char *nvmf_queue_error(const struct nvmf_queue *q)
{
	return q->sentence;
}

const char *nvmf_ctrl_error(const struct nvmf_ctrl *ctrl)
{
	return ctrl->admin.sentence;
}
