/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of check.c and check_port.c share. */
#ifndef NVMFD_CONFIG_CHECKING_H
#define NVMFD_CONFIG_CHECKING_H

#include "config/check.h"
#include "config/entries.h"

struct checking {
	const struct config *config;
	struct config_mistakes *mistakes;
	struct entries hosts, subsystems, devices;	/* by name, sorted */
};

void check_ports(struct checking *);

#endif
