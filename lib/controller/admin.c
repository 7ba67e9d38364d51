/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin commands, and those of them that are short. */
#include "controller/controller.h"

static void keep_alive(struct request *r)
{
	/* That it came is what counts; queue.c has noted the time. */
	request_end(r, NVME_SUCCESS);
}

/*
 * Commands that a device has already can't be recalled, and a command that is
 * not found has ended: the honest answer is "not aborted", dword 0 bit 0 = 1.
 */
static void abort_command(struct request *r)
{
	uint32_t cdw10 = le32_get(r->capsule.sqe.cdw10);
	uint16_t sqid = (uint16_t)cdw10, cid = (uint16_t)(cdw10 >> 16);
	bool is_aborted = !sqid && event_abort_one(r->queue->controller, cid);

	request_end_dw0(r, is_aborted ? 0 : 1);
}

static const struct command commands[] = {
	{ NVME_ADMIN_GET_LOG_PAGE, true, "Get Log Page", log_page_execute },
	{ NVME_ADMIN_IDENTIFY, true, "Identify", identify_execute },
	{ NVME_ADMIN_ABORT, false, "Abort", abort_command },
	{ NVME_ADMIN_SET_FEATURES, true, "Set Features", set_features_execute },
	{ NVME_ADMIN_GET_FEATURES, true, "Get Features", get_features_execute },
	{ NVME_ADMIN_ASYNC_EVENT, true, "Asynchronous Event Request", event_hold },
	{ NVME_ADMIN_KEEP_ALIVE, true, "Keep Alive", keep_alive },
};

const struct command *admin_command(uint8_t opcode)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}
