/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel changes no port that listens, which it does as long as it serves something. */
#ifndef NVMFD_KERNEL_SILENCE_H
#define NVMFD_KERNEL_SILENCE_H

#include "config/config.h"

/*
 * `before`, but ports that `after` has otherwise serve nothing: what must come between the
 * two.  How many ports that concerns, or -ENOMEM; it points into `before`.
 */
int kernel_silence(const struct config *before, const struct config *after, struct config *silent);
void kernel_silence_end(struct config *silent);

#endif
