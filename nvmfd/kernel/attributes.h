/* SPDX-License-Identifier: BSD-2-Clause */
/* From the file's tables to attributes: "serial" of the group "attr" is attr_serial, as
 * nvmetcli has it, too. */
#ifndef NVMFD_KERNEL_ATTRIBUTES_H
#define NVMFD_KERNEL_ATTRIBUTES_H

#include "config/schema.h"
#include "kernel/steps.h"

#define KERNEL_PATH_SIZE 1024

/* Where the object is, and one of its attributes; `key` is what the file calls it. */
void attribute_set(struct steps *, const char *object, const char *attribute, const char *key,
		   const char *value, const char *old);

/*
 * Those that the table's groups have, but for what the planner sets himself.  `before`
 * NULL: of a new object, and what the kernel has by itself is left alone, lest an older
 * one be asked for a setting that it lacks.  Else those that differ.
 */
void attributes_set(struct steps *, const char *object, const struct config_table *,
		    const void *before, const void *after);

/* The name of a text that one of the two leaves to the kernel, which has one of its own that
 * we do not know; NULL: there is none. */
const char *attributes_left_to_kernel(const struct config_table *, const void *before,
				      const void *after);

#endif
