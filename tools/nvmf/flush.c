/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"
#include "json.h"
#include "session.h"

#include <stdio.h>

static int report(const struct settings *s)
{
	json_t *o;

	if (!s->json) {
		printf("flushed namespace %u\n", (unsigned int)s->nsid);
		return 0;
	}
	o = json_object();
	json_add_number(o, "namespace", s->nsid);
	json_add_bool(o, "flushed", true);
	return json_print(o, stdout);
}

int run_flush(const struct settings *s)
{
	struct nvmf_ctrl *ctrl = session_open_io(s, (unsigned int)s->entries);
	struct nvmf_queue *q;
	int result;

	if (!ctrl)
		return -1;
	q = nvmf_ctrl_queue(ctrl, 0);
	result = nvmf_queue_flush(q, (uint32_t)s->nsid, NULL) ?
		fail("%s", nvmf_queue_error(q)) : report(s);
	nvmf_ctrl_destroy(ctrl);
	return result;
}
