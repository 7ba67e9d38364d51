/* SPDX-License-Identifier: BSD-2-Clause */
/* What must be done so that one configuration becomes another, as plain data. */
#ifndef NVMFD_CONFIG_DIFF_H
#define NVMFD_CONFIG_DIFF_H

#include "config/config.h"

enum config_verb { CONFIG_REMOVE, CONFIG_CHANGE, CONFIG_ADD };

/* What it is about, and so the type of `before` and `after`. */
enum config_what {
	CONFIG_SETTING,		/* config_setting */
	CONFIG_DEVICE,		/* config_device */
	CONFIG_HOST,		/* config_host */
	CONFIG_DISCOVERY,	/* char, its NQN, other than the well-known one */
	CONFIG_SUBSYSTEM,	/* config_subsystem: its attributes, and those of ours */
	CONFIG_ADDRESS,		/* char, a prefix; of a subsystem */
	CONFIG_ALLOWED_HOST,	/* char, an NQN; of a subsystem */
	CONFIG_NAMESPACE,	/* config_namespace and what is ours; of a subsystem */
	CONFIG_VIEWER,		/* char, the NQN of a host; of a namespace */
	CONFIG_PORT,		/* config_port: its address and parameters */
	CONFIG_ANA_GROUP,	/* config_ana_group; of a port */
	CONFIG_REFERRAL,	/* config_referral; of a port */
	CONFIG_EXPORT,		/* char, a subsystem's NQN; of a port */
	CONFIG_WHATS,
};

/* Everything points into the two configurations; NULL where there is none. */
struct config_change {
	enum config_verb verb;
	enum config_what what;
	const void *before, *after;
	const char *subsystem;		/* it belongs to, by its NQN; NULL: to none */
	int64_t number;			/* of the namespace or port, that it is or belongs to */
};

struct config_changes {
	struct config_change *list;
	size_t count;
};

/*
 * In an order in which they can be done: what is removed first, the part before the
 * whole; then what changes; then what is added, the whole before its parts.  Things
 * are the same where their names or numbers are; the parts of what is removed or added
 * are told of, too.  0, or -ENOMEM.
 */
int config_diff(const struct config *before, const struct config *after,
		struct config_changes *changes);
void config_changes_free(struct config_changes *changes);

#endif
