/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/device.h"

#include "device_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL: nothing. */
static const char *what_hinders(const struct device_spec *d)
{
	if (d->backend.wrapper_count)
		return "delay: and error: are nvmfd's own";
	if (d->backend.kind != BACKEND_FILE)
		return "it serves files and block devices";
	if (d->backend.block_size)
		return "it takes bs from the file or device";
	if (d->backend.read_only)
		return "it opens everything for writing, so there is no ro";
	return NULL;
}

int kernel_device_parse(struct kernel_device *k, const char *text, char *error, size_t error_size)
{
	struct device_spec *d = malloc(sizeof(*d));
	const char *hindrance;
	int r = d ? device_spec_parse(d, text, error, error_size) : -ENOMEM;

	if (!d)
		snprintf(error, error_size, "out of memory");
	hindrance = r ? NULL : what_hinders(d);
	if (hindrance) {
		r = -EINVAL;
		snprintf(error, error_size, "'%s': the kernel's target can't serve it: %s", text, hindrance);
	}
	if (!r) {
		snprintf(k->path, sizeof(k->path), "%s", d->path);
		k->is_buffered = !d->backend.direct;
	}
	free(d);
	return r;
}

int kernel_device_of(struct kernel_device *k, const struct config *c, const struct config_namespace *ns,
		     char *error, size_t error_size)
{
	const struct config_device *d;

	*k = (struct kernel_device){ .is_buffered = false };
	if (!config_has_path(ns))
		return 0;
	d = config_device_named(c, ns->path);
	if (d)
		return kernel_device_parse(k, d->device, error, error_size);
	snprintf(k->path, sizeof(k->path), "%s", ns->path);
	return 0;
}
