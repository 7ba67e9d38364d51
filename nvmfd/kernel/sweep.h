/* SPDX-License-Identifier: BSD-2-Clause */
/* Clears what is ours from configfs: at the end, and after a crash. */
#ifndef NVMFD_KERNEL_SWEEP_H
#define NVMFD_KERNEL_SWEEP_H

#include "kernel/configfs.h"

/* How many objects were ours; what stays although it is ours is told in `error`, else
 * that is empty.  Hosts lose their connections. */
unsigned int sweep(struct configfs *, char *error, size_t error_size);

#endif
