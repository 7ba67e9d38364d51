/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel mode: the kernel's target serves what file or command line say, and ours is
 * the discovery controller that tells hosts where.
 *
 * The service has no storage then.  Its model holds the kernel's ports and subsystems
 * as far as discovery tells of them, and ports of our own, which alone are opened.
 */
#ifndef NVMFD_KERNEL_MODE_H
#define NVMFD_KERNEL_MODE_H

#include "config/config.h"
#include "options.h"
#include "server.h"
#include "target/service.h"

struct kernel_mode;

/* Refuses what the kernel can't do, of the file and of the options; and has the file say
 * what the options say of ports and queues.  0, or -EINVAL with a sentence. */
int kernel_mode_settle(struct config *, const struct nvmfd_options *, char *error, size_t error_size);

/* Before the service is started.  0, or -errno with a sentence, and configfs is as it
 * was. */
int kernel_mode_open(struct kernel_mode **, struct service *, const struct server_setup *,
		     char *error, size_t error_size);
uint16_t kernel_mode_discovery_port(const struct kernel_mode *);

/* As server_apply. */
int kernel_mode_apply(struct kernel_mode *, const struct config *before, const struct config *after,
		      char *error, size_t error_size);

/* NULL: nothing.  Hosts of the kernel lose their connections, and configfs is as it was
 * found. */
void kernel_mode_close(struct kernel_mode *);

#endif
