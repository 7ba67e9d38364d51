/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NVMFCTL_COMPLETION_H
#define NVMFCTL_COMPLETION_H

#include "verbs.h"

/* The tables as a script for bash; the build installs what this prints. */
int print_completion(const struct request *);

#endif
