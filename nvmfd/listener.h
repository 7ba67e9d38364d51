/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets: opened all or none, then watched by the main thread.
 */
#ifndef NVMFD_LISTENER_H
#define NVMFD_LISTENER_H

#include "model/model.h"
#include "options.h"

#include <stddef.h>

struct listener {
	int fd;
	const struct port *port;	/* of the model */
};

struct listeners {
	struct listener *list;
	unsigned int count;
	uint16_t io_port, discovery_port;	/* what they came to be */
};

/*
 * Listens on every address of the options, for discovery and for I/O, and puts
 * the ports into the model.  0, or -errno with a sentence; nothing is left open.
 */
int listeners_open(struct listeners *, struct model *, const struct nvmfd_options *,
		   char *error, size_t error_size);
void listeners_close(struct listeners *);

#endif
