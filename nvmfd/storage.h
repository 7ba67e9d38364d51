/* SPDX-License-Identifier: BSD-2-Clause */
/* From the devices of the command line to namespaces. */
#ifndef NVMFD_STORAGE_H
#define NVMFD_STORAGE_H

#include "device_spec.h"
#include "target/service.h"

/* Opens every device as a namespace of the subsystem; `texts` are what was typed.  0,
 * or -errno with a sentence.  What was opened is the service's in either case. */
int storage_open(struct service *, const char *nqn, const struct device_spec *devices,
		 char *const *texts, size_t count, char *error, size_t error_size);

#endif
