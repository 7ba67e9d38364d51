/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line as a configuration file would say it, for kernel mode. */
#ifndef NVMFD_TYPED_H
#define NVMFD_TYPED_H

#include "config/config.h"
#include "kernel/kernel.h"
#include "server.h"

/*
 * One subsystem for any host, its devices, and a port for each address.  Identifiers
 * are those that nvmfd itself would show.  0, or -errno with a sentence.
 */
int typed_config(struct config *, const struct server_setup *, struct kernel *, char *error,
		 size_t error_size);

#endif
