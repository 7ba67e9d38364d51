/* SPDX-License-Identifier: BSD-2-Clause */
/* From two configurations to what must be done to configfs.  Touches nothing. */
#ifndef NVMFD_KERNEL_PLAN_H
#define NVMFD_KERNEL_PLAN_H

#include "config/config.h"
#include "kernel/steps.h"

/*
 * 0, or -errno with a sentence: a device can't become another while it is there, as
 * without the kernel.  The steps are the caller's in any case.
 */
int kernel_plan(const struct config *before, const struct config *after, struct steps *,
		char *error, size_t error_size);

#endif
