/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file may ask of nvmfd and the kernel's target can't do. */
#ifndef NVMFD_KERNEL_REFUSE_H
#define NVMFD_KERNEL_REFUSE_H

#include "config/config.h"

/* 0, or -EINVAL with a sentence that names the key.  Opens nothing. */
int kernel_refuse(const struct config *, char *error, size_t error_size);

#endif
