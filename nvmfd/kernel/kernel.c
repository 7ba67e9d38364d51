/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/kernel.h"

#include "kernel/plan.h"
#include "kernel/sweep.h"

#include <stdio.h>

#define SENTENCE_SIZE 1024
#define PORT_MOST 65535

int kernel_open(struct kernel *k, const char *root, const struct log *log, char *error, size_t error_size)
{
	char sentence[SENTENCE_SIZE];
	unsigned int found;
	int r;

	k->log = log;
	r = configfs_open(&k->configfs, root, error, error_size);
	if (r)
		return r;
	found = sweep(&k->configfs, sentence, sizeof(sentence));
	if (found)
		log_say(log, LOG_WARNING, "cleared what an nvmfd that died left in %s: objects: %u",
			k->configfs.root, found);
	if (*sentence)
		log_say(log, LOG_WARNING, "%s: %s", k->configfs.root, sentence);
	return 0;
}

int kernel_apply(struct kernel *k, const struct config *before, const struct config *after,
		 char *error, size_t error_size)
{
	struct steps steps;
	int r = kernel_plan(before, after, &steps, error, error_size);

	if (!r)
		r = steps_run(&steps, &k->configfs, error, error_size);
	steps_free(&steps);
	return r;
}

unsigned int kernel_free_port(struct kernel *k, unsigned int last)
{
	char path[32];

	for (unsigned int id = last + 1; id <= PORT_MOST; id++) {
		snprintf(path, sizeof(path), "ports/%u", id);
		if (!configfs_has(&k->configfs, path))
			return id;
	}
	return 0;
}

void kernel_close(struct kernel *k)
{
	char sentence[SENTENCE_SIZE];

	if (k->configfs.fd < 0)
		return;
	sweep(&k->configfs, sentence, sizeof(sentence));
	if (*sentence)
		log_say(k->log, LOG_ERROR, "%s: %s", k->configfs.root, sentence);
	configfs_close(&k->configfs);
}
