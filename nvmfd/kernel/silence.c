/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/silence.h"

#include "config/diff.h"

#include <errno.h>
#include <stdlib.h>

static int silence(struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].portid.value == id && c->ports[i].subsystem_count) {
			c->ports[i].subsystem_count = 0;
			return 1;
		}
	return 0;
}

int kernel_silence(const struct config *before, const struct config *after, struct config *silent)
{
	struct config_changes changes;
	int count = 0;

	*silent = *before;
	silent->ports = calloc(before->port_count + 1, sizeof(*silent->ports));
	if (!silent->ports)
		return -ENOMEM;
	for (size_t i = 0; i < before->port_count; i++)
		silent->ports[i] = before->ports[i];
	if (config_diff(before, after, &changes)) {
		kernel_silence_end(silent);
		return -ENOMEM;
	}
	for (size_t i = 0; i < changes.count; i++)
		if (changes.list[i].verb == CONFIG_CHANGE && changes.list[i].what == CONFIG_PORT)
			count += silence(silent, changes.list[i].number);
	config_changes_free(&changes);
	return count;
}

void kernel_silence_end(struct config *silent)
{
	free(silent->ports);
	silent->ports = NULL;
}
