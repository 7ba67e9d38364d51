/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that list what there is. */
#ifndef NVMFCTL_SHOW_H
#define NVMFCTL_SHOW_H

#include <stdbool.h>

struct request {
	int fd;				/* to the daemon */
	const char *name;		/* of the one to show; NULL: all */
	bool as_json;
};

/* Each 0, or -1 after a sentence. */
int show_status(const struct request *);
int show_subsystems(const struct request *);
int show_namespaces(const struct request *);
int show_ports(const struct request *);
int show_hosts(const struct request *);
int show_devices(const struct request *);

#endif
