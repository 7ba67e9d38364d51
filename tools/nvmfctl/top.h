/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done now, by namespace and by host. */
#ifndef NVMFCTL_TOP_H
#define NVMFCTL_TOP_H

#include "verbs.h"

/* 0, or a failure after a sentence. */
int top(const struct request *);

#endif
