/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that list what there is. */
#ifndef NVMFCTL_SHOW_H
#define NVMFCTL_SHOW_H

#include "verbs.h"

/* Each 0, or a failure after a sentence. */
int show_status(const struct request *);
int show_subsystems(const struct request *);
int show_namespaces(const struct request *);
int show_ports(const struct request *);
int show_hosts(const struct request *);
int show_addresses(const struct request *);
int show_queues(const struct request *);
int show_devices(const struct request *);
int show_referrals(const struct request *);

#endif
