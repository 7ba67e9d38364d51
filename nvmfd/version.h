/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NVMFD_VERSION_H
#define NVMFD_VERSION_H

#include <stdio.h>

/* For --version: the version, what was built in, and a warning where this is
 * a build that must hold nobody's data. */
void version_print(FILE *to);

/* A sentence for the log of a build that skips syncs, else NULL. */
const char *version_warning(void);

#endif
