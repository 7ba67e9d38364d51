/* SPDX-License-Identifier: BSD-2-Clause */
/* What a namespace is stored in, when it is the kernel that opens it. */
#ifndef NVMFD_KERNEL_DEVICE_H
#define NVMFD_KERNEL_DEVICE_H

#include "config/config.h"

#include <limits.h>

struct kernel_device {
	char path[PATH_MAX];		/* "": none */
	bool is_buffered;		/* by the page cache; of a file */
};

/* A device as on the command line: 0, or -EINVAL with a sentence where the kernel can't
 * have it. */
int kernel_device_parse(struct kernel_device *, const char *text, char *error, size_t error_size);

/* A path is opened as the kernel opens it, past the page cache; the name of a device
 * means the device as it is described. */
int kernel_device_of(struct kernel_device *, const struct config *, const struct config_namespace *,
		     char *error, size_t error_size);

#endif
