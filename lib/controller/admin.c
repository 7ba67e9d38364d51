/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin commands, and those of them that are short. */
#include "controller/controller.h"

static void keep_alive(struct request *r)
{
	keep_alive_start(r->queue->controller);
	request_end(r, NVME_SUCCESS);
}

#define OF_CONTROLLER (NVME_EFFECTS_SUPPORTED | NVME_SCOPE_CONTROLLER)
#define OF_ALL (NVME_EFFECTS_SUPPORTED | NVME_EFFECTS_UUID | NVME_SCOPE_NAMESPACE | \
		NVME_SCOPE_CONTROLLER | NVME_SCOPE_SUBSYSTEM)

static const struct command commands[] = {
	{ NVME_ADMIN_GET_LOG_PAGE, true, "Get Log Page", log_page_execute, OF_ALL },
	{ NVME_ADMIN_IDENTIFY, true, "Identify", identify_execute, OF_ALL },
	{ NVME_ADMIN_ABORT, false, "Abort", abort_execute, OF_CONTROLLER },
	/* Write protection changes what a namespace can do. */
	{ NVME_ADMIN_SET_FEATURES, true, "Set Features", set_features_execute,
	  OF_ALL | NVME_EFFECTS_NCC },
	{ NVME_ADMIN_GET_FEATURES, true, "Get Features", get_features_execute, OF_ALL },
	{ NVME_ADMIN_ASYNC_EVENT, true, "Asynchronous Event Request", event_hold, OF_CONTROLLER },
	{ NVME_ADMIN_KEEP_ALIVE, true, "Keep Alive", keep_alive, OF_CONTROLLER },
};

const struct command *admin_command(uint8_t opcode)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}
