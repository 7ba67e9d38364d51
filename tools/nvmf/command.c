/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define ADMIN (GROUP_CONNECT | GROUP_OUTPUT)
#define IO (ADMIN | GROUP_NAMESPACE)

static const struct command commands[] = {
	{ "discover", false, "Lists the subsystems that a target offers.", ADMIN, run_discover },
	{ "id-ctrl", false, "What the controller tells of itself.", ADMIN | GROUP_FIELDS, run_id_ctrl },
	{ "id-ns", true, "What a namespace is.", IO | GROUP_FIELDS, run_id_ns },
	{ "list-ns", true, "Lists the active namespaces.", ADMIN, run_list_ns },
	{ "get-log", false, "Reads a log page.", IO | GROUP_LOG, run_get_log },
	{ "smart-log", true, "SMART and health information.", ADMIN | GROUP_FIELDS, run_smart_log },
	{ "read", true,
	  "Copies logical blocks to a file; to the namespace's end where no count is given.",
	  IO | GROUP_QUEUES | GROUP_COPY, run_read },
	{ "write", true,
	  "Copies a file to logical blocks; the whole file where no count is given.",
	  IO | GROUP_QUEUES | GROUP_COPY, run_write },
	{ "flush", true, "Makes what was written durable.", IO | GROUP_QUEUES, run_flush },
	{ "perf", true, "Measures I/Os a second, throughput and latency.", IO | GROUP_PERF, run_perf },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

void command_help(void)
{
	unsigned int groups = 0;

	printf("usage: nvmf COMMAND [option ...]\n\n"
	       "A host for NVMe over TCP, without a kernel driver.\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		printf("  %-12s %s\n", commands[i].name, commands[i].what);
		groups |= commands[i].groups;
	}
	printf("\n'nvmf COMMAND --help' tells which options a command takes, of these:\n\n");
	options_help_groups(groups);
	printf("  -V, --version                  which version this is\n");
}
